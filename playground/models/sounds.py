"""sounds: the encoder-decoder that comes with the project, from letters to phonemes.

A small encoder-decoder Transformer (T5's layout) that the project trained itself on the words of the CMU
Pronouncing Dictionary, with the lesson `playground/training/t5.py`. Data, recipe and the share of held-out words that
it speaks exactly are in assets/models/sounds/README.md. Phonemes are written as in the dictionary, without stress.
"""

from collections.abc import Generator
from pathlib import Path

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models import _encoder_decoder
from playground.models._spec import Embedded, Spec, memory_mb

ORDER = 2
SPECS = (
    Spec(
        id="sounds",
        title="Sounds (how words are spoken)",
        modalities=("text",),
        architecture="T5 encoder-decoder",
        parameters=1_391_616,
        licence="MIT",
        size_mb=2.8,
        memory_mb=memory_mb(1_391_616),
        sources=(Embedded("models/sounds"),),
        context_window=128,
        kind="encoder-decoder",
        hint="Write one English word: it is turned into the phonemes of an American speaker.",
    ),
)


class Sounds(_encoder_decoder.EncoderDecoder):
    """Reads one word."""

    def source_ids(self, text: str) -> list[int]:
        """The letters of one word, small, and the token that ends it.

        Raises:
            PlaygroundError: not one word of letters that it knows.
        """
        word = text.strip().lower()
        known = self.vocabulary.tokenizer.get_vocab()
        wrong = next((letter for letter in word if letter not in known), None)
        if not word or wrong is not None:
            why = f"got {text.strip()[:40]!r}" if word else "got nothing"
            raise PlaygroundError(
                f"{self.spec.id} reads one English word, written with the letters a to z, {why}: write a single word."
            )
        return super().source_ids(word)


def load(spec: Spec, folder: Path, device: str, dtype: str) -> Generator[Progress, None, Sounds]:
    """Read the checked folder; may be closed between any two tensors."""
    loaded = yield from _encoder_decoder.load(spec, folder, device, dtype)
    return Sounds(loaded.spec, loaded.module, loaded.vocabulary.tokenizer, loaded.path)


__all__ = ["SPECS", "load"]
