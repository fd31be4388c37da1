"""Bytes that somebody gave as text: what they say, or one sentence why they are none; and passages of a text."""

import codecs
import re

from playground.errors import PlaygroundError

LONGEST = 1500  # characters of a passage
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
END = "<|endoftext|>"


def readable_text(raw: bytes, name: str) -> str:
    """The text of a file: UTF-8, UTF-16 with a mark, or, where it is neither, the one-byte code of old files.

    Raises:
        PlaygroundError: the bytes are no text.
    """
    encoding = next((e for mark, e in MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise PlaygroundError(f"{name} is cut off or broken: save it again as UTF-8.") from None
        text = raw.decode("cp1252", errors="replace")
    strange = sum(c == "\ufffd" or (ord(c) < 32 and c not in "\t\n\r\f\v") or 127 <= ord(c) < 160 for c in text)
    if "\0" in text or strange > len(text) / 100:
        raise PlaygroundError(
            f"{name} is no text ({strange:,} of {len(text):,} characters are none): give a .txt file."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def passages(text: str) -> list[str]:
    """A text cut at empty lines (and at the mark between texts); long passages are cut at sentences, or anywhere."""
    found = []
    for part in re.split(rf"\n\s*\n|{re.escape(END)}", text):
        rest = part.strip()
        while len(rest) > LONGEST:
            ends = [m.end() for m in re.finditer(r"[.!?。؟]\s|\n", rest[:LONGEST])]
            at = ends[-1] if ends and ends[-1] > LONGEST // 3 else LONGEST
            found.append(rest[:at].strip())
            rest = rest[at:].strip()
        found.append(rest)
    return [p for p in found if p]
