"""Reasons and notes that inference wrote in English in; the same as the catalogue tells them out.

Inference words them where it finds them, often several joined by "; " or ", ". Each part is looked up by its
entry's pattern. What no entry knows reaches the reader as it was written: better in English than not at all.
"""

import re
from functools import cache
from string import Formatter
from typing import Final

from inference.levels import LEVELS
from listener.results.wording.catalogue import Catalogue

REASON: Final = "reason."
JOINTS: Final = ("; ", ", ")
MOST_JOINTS: Final = 60
"""A text with more of them is foreign: a header's word quoted whole."""
_NUMBER: Final = r"[\d.e+-]+|inf|nan"
_UNNUMBERED: Final = "unnumbered vertebra"
_FILLS: Final = {
    "level": "|".join((_UNNUMBERED, *LEVELS)),
    "reason": r"[^;]+",
    "reasons": r".+",
    "word": r"[^;]+",
}
"""What stands for a placeholder; for all others it is a number."""


def told(words: Catalogue, text: str) -> str:
    """Return what inference wrote, in the catalogue's words."""
    if sum(map(text.count, JOINTS)) > MOST_JOINTS:
        return words.written(text)
    reader = _Reader(words)
    parts = (part if (found := reader.read(part)) is None else found for part in text.split(JOINTS[0]))
    whole = reader.read(text)
    return words.written(JOINTS[0].join(parts) if whole is None else whole)


class _Reader:
    """Takes texts apart, each at most once."""

    def __init__(self, words: Catalogue) -> None:
        self._words = words
        self._patterns = _patterns(tuple(words.english.items()))
        self._read: dict[str, str | None] = {}

    def read(self, text: str) -> str | None:
        """Return a text that entries make up wholly, as it is told; None for any other."""
        if text not in self._read:
            self._read[text] = None
            self._read[text] = self._joined(text) or self._one(text)
        return self._read[text]

    def _joined(self, text: str) -> str | None:
        """Two or more: the first joint at which both sides are known; an entry may hold commas of its own."""
        for joint in JOINTS:
            at = text.find(joint)
            while at >= 0:
                first, rest = self.read(text[:at]), self.read(text[at + len(joint) :])
                if first is not None and rest is not None:
                    return f"{first}{joint}{rest}"
                at = text.find(joint, at + 1)
        return None

    def _one(self, text: str) -> str | None:
        for key, pattern in self._patterns:
            if found := pattern.fullmatch(text):
                fills = {name: self._fill(name, value) for name, value in found.groupdict().items()}
                if None not in fills.values():
                    return self._words.text(key, **fills)
        return None

    def _fill(self, name: str, value: str) -> str | None:
        if name in ("reason", "reasons"):
            return self.read(value)
        if name == "level":
            return self._words.text("level.vertebra") if value == _UNNUMBERED else value
        return value if name == "word" else value.replace(".", self._words.text("number.decimal"))


@cache
def _patterns(english: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The reasons' patterns, the most particular first."""
    reasons = [(key, text) for key, text in english if key.startswith(REASON)]
    reasons.sort(key=lambda reason: -sum(len(part[0]) for part in Formatter().parse(reason[1])))
    return tuple((key, _pattern(text)) for key, text in reasons)


def _pattern(template: str) -> re.Pattern[str]:
    parts = []
    for literal, name, *_ in Formatter().parse(template):
        parts.append(re.escape(literal))
        if name is not None:
            parts.append(f"(?P<{name}>{_FILLS.get(name, _NUMBER)})")
    return re.compile("".join(parts))
