"""The pictures' font, a file of the site's or Pillow's own: texts in, their widths and lines out."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

from listener.errors import SettingsError

NOWHERE: Final = "\U0010ffff"
"""A character that no font has: what it draws stands for every one that it lacks."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """A scalable font, ``file``; None is Pillow's own, which knows English and is on every machine."""

    file: Path | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the file; "" for Pillow's own."""
        return "" if self.file is None else hashlib.sha256(self.file.read_bytes()).hexdigest()

    def sized(self, size: float) -> ImageFont.FreeTypeFont:
        """Return the font so many pixels high."""
        return _sized(self.file, size)

    def width(self, words: str, size: float) -> float:
        """Return how wide a line comes out, in pixels."""
        return self.sized(2 * size).getlength(words) / 2  # as the canvas draws it

    def fitting(self, words: str, size: float, width: float) -> float:
        """Return the size, ``size`` or less, at which a line is no wider than ``width`` pixels."""
        return size * min(1.0, width / max(self.width(words, size), 1.0))

    def wrapped(self, words: str, size: float, width: float) -> list[str]:
        """Break a text into lines no wider than ``width``: between words, inside one only if it is wider."""
        if self.width(words, size) <= width:
            return [words]
        lines: list[str] = []
        for word in words.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if self.width(longer, size) <= width:
                lines[-1:] = [longer]
                continue
            *full, last = self._broken(word, size, width)
            lines += [*full, last]
        return lines

    def lacking(self, texts: Iterable[str]) -> str:
        """Return the characters of ``texts`` that the font cannot draw, each once."""
        font = self.sized(40)
        nothing = bytes(font.getmask(NOWHERE))
        used = sorted({char for text in texts for char in text if not char.isspace()})
        return "".join(char for char in used if bytes(font.getmask(char)) == nothing)

    def _broken(self, word: str, size: float, width: float) -> list[str]:
        """A word in pieces that fit: scripts that do not part words by spaces come as one."""
        pieces = [""]
        for char in word:
            if pieces[-1] and self.width(pieces[-1] + char, size) > width:
                pieces.append("")
            pieces[-1] += char
        return pieces


@cache
def _sized(file: Path | None, size: float) -> ImageFont.FreeTypeFont:
    if file is None:
        font = ImageFont.load_default(size=size)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
        return font
    try:
        return ImageFont.truetype(file, size)
    except OSError:
        raise SettingsError(f"report.font: {file}: this is no font that can be read") from None
