"""The sentences of the results, Faintline's and over them the site's own: TOML in, checked texts out."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any, Final

from inference.levels import LEVELS
from listener.errors import SettingsError

OWN: Final = Path(__file__).with_name("wording.toml")
SHORT: Final = "short."
LONGEST: Final = 64
"""In characters, of an LO (PS3.5 6.2): what the entries that begin with ``SHORT`` become."""

REASON: Final = "reason."
_NUMBER: Final = r"[\d.e+-]+|inf|nan"
_WORDS: Final = {
    "level": "|".join(("unnumbered vertebra", *LEVELS)),
    "reason": r"[^;]+",
    "reasons": r".+",
    "word": r"[^;]+",
}
"""What stands for a placeholder of a reason; for all others it is a number."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Every text by its key (``section.name``): in English, and as it is told."""

    english: Mapping[str, str]
    told: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled."""
        return self.told[key].format(**values)

    def recognised(self, sentence: str) -> tuple[str, dict[str, str]] | None:
        """Return which reason a sentence of inference is and what fills it; None for a foreign one."""
        for key, pattern in self._reasons:
            if found := pattern.fullmatch(sentence):
                return key, found.groupdict()
        return None

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what is told."""
        return hashlib.sha256(json.dumps(dict(self.told), sort_keys=True).encode()).hexdigest()

    @cached_property
    def _reasons(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """The reasons' patterns, the most particular first."""
        keys = [key for key in self.english if key.startswith(REASON)]
        keys.sort(key=lambda key: -sum(len(part[0]) for part in Formatter().parse(self.english[key])))
        return tuple((key, _pattern(self.english[key])) for key in keys)


def read_catalogue(own: Path | None = None) -> Catalogue:
    """Read Faintline's catalogue, and the site's over it.

    Raises
    ------
    SettingsError : the file cannot be read, or an entry is unknown or not what it must be; names the key
    """
    english = _flat(tomllib.loads(OWN.read_text(encoding="utf-8")))
    overrides: dict[str, Any] = {}
    if own is not None:
        try:
            overrides = _flat(tomllib.loads(own.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"wording {own}: {error}") from None
    faults = [f"{key}: {fault}" for key, text in overrides.items() if (fault := _fault(key, text, english))]
    if faults:
        raise SettingsError("\n".join(f"wording {own}: {fault}" for fault in faults))
    return Catalogue(english, english | overrides)


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Sections and names become keys."""
    flat: dict[str, Any] = {}
    for section, inner in content.items():
        flat |= {f"{section}.{name}": text for name, text in inner.items()} if isinstance(inner, dict) else {
            section: inner
        }  # fmt: skip
    return flat


def _fault(key: str, text: object, english: Mapping[str, str]) -> str | None:
    """What is wrong with an entry; None where nothing is."""
    if key not in english:
        return "there is no such entry"
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or "\\" in text:
        return "must be text on one line, without a backslash"
    if key.startswith(SHORT) and len(text) > LONGEST:
        return f"has {len(text)} characters, more than {LONGEST}"
    try:
        needed, found = _placeholders(english[key]), _placeholders(text)
    except ValueError as error:
        return str(error)
    missing, unknown = sorted(needed - found), sorted(found - needed)
    wrong = [f"{{{name}}} is missing" for name in missing] + [f"{{{name}}} is unknown" for name in unknown]
    return ", ".join(wrong) or None


def _placeholders(text: str) -> set[str]:
    names = set()
    for _, name, form, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(f"{{{name}}} must be a plain name in braces")
        names.add(name)
    return names


def _pattern(template: str) -> re.Pattern[str]:
    parts = []
    for literal, name, *_ in Formatter().parse(template):
        parts.append(re.escape(literal))
        if name is not None:
            parts.append(f"(?P<{name}>{_WORDS.get(name, _NUMBER)})")
    return re.compile("".join(parts))
