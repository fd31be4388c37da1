"""A tokenizer, reduced to what decoding and the views need."""

import re
from collections.abc import Sequence
from typing import Any

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def _byte_of_character() -> dict[str, int]:
    """GPT-2's table: every byte has a printable character that stands for it (the inverse is returned)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}


class Vocabulary:
    """Text ↔ token ids of one model.

    `vocab_size` is the width of the model's logits; ids past the tokenizer's own end (some models
    pad their matrices) have an empty piece.
    """

    def __init__(self, tokenizer: Any, vocab_size: int) -> None:
        self.tokenizer = tokenizer
        self.vocab_size = vocab_size
        self._size = len(tokenizer)
        self._pieces: dict[int, str] = {}  # those asked for: every step shows fifty
        self._special = frozenset(tokenizer.all_special_ids)
        self._added = {i: str(t.content) for i, t in tokenizer.added_tokens_decoder.items()}
        decoder = getattr(tokenizer, "backend_tokenizer", None)
        self._byte_level = "ByteLevel" in repr(decoder.decoder) if decoder is not None else False
        self._bytes = _byte_of_character()

    def encode(self, text: str) -> list[int]:
        """The ids of `text` alone: no token is added at its beginning or end."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, special tokens left out; a half character becomes U+FFFD."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def is_special(self, token_id: int) -> bool:
        """Whether the token steers the model and is no text."""
        return token_id in self._special

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that one token stands for."""
        if token_id in self._added:
            return self._added[token_id].encode()
        token = self.tokenizer.convert_ids_to_tokens(token_id) if 0 <= token_id < self._size else None
        if token is None:
            return b""
        if self._byte_level:
            return b"".join(bytes([self._bytes[c]]) if c in self._bytes else c.encode() for c in token)
        byte = _BYTE_TOKEN.fullmatch(token)
        return bytes([int(byte[1], 16)]) if byte else token.replace("▁", " ").encode()

    def piece(self, token_id: int) -> str:
        r"""The text of one token alone; bytes of a character split over tokens as \xNN."""
        piece = self._pieces.get(token_id)
        if piece is None:
            piece = self._pieces[token_id] = self.token_bytes(token_id).decode("utf-8", errors="backslashreplace")
        return piece
