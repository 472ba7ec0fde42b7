"""The sentences of the results, Faintline's and over them the site's own: TOML in, checked texts out."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any, Final

from listener.errors import SettingsError

OWN: Final = Path(__file__).with_name("english.toml")
SHORT: Final = "short."
LONGEST: Final = 64
"""In characters, of an LO (PS3.5 6.2): what the entries that begin with ``SHORT`` become."""

_ASCII: Final = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "−": "-",
        "×": "x",
        "°": " degrees",
        "≥": ">=",
        "≤": "<=",
        "…": "...",
        "’": "'",
        "µ": "u",
    }
)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Every text by its key (``section.name``): in English, and as it is told."""

    english: Mapping[str, str]
    told: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled."""
        return self.told[key].format(**values)

    def phrases(self, key: str) -> tuple[str, ...]:
        """Return a text's parts between bars."""
        return tuple(part for phrase in self.told[key].split("|") if (part := phrase.strip()))

    def written(self, text: str) -> str:
        """Return a text made elsewhere (a header's word, a name) in the characters of this one, on one line.

        A catalogue that needs ASCII only keeps the results in it: then they fit every character set that a
        study's patient data may use.
        """
        if self.is_ascii:
            text = text.translate(_ASCII).encode("ascii", "replace").decode()
        return " ".join("".join(char if char.isprintable() else " " for char in text).split())

    @cached_property
    def is_ascii(self) -> bool:
        """Whether everything that is told can be written in ASCII."""
        return all(text.translate(_ASCII).isascii() for text in self.told.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what is told; what readers may write is none of it."""
        told = {key: text for key, text in self.told.items() if not key.startswith("reader.")}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


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
            raise SettingsError(f"report.wording: {own}: {error}") from None
    faults = [f"{key}: {fault}" for key, text in overrides.items() if (fault := _fault(key, text, english))]
    faults = faults or _contradictions(Catalogue(english, english | overrides))
    if faults:
        raise SettingsError("\n".join(f"report.wording: {own}: {fault}" for fault in faults))
    return Catalogue(english, english | overrides)


def _contradictions(words: Catalogue) -> list[str]:
    """Viewers send our labels back unchanged: none may read like a reader's "no fracture"."""
    labels = [
        words.told[f"finding.{name}"] for name in ("suspected", "possible", "certainty", "low_certainty")
    ]
    labels += [text for key, text in words.told.items() if key.startswith("shape.")]
    denied = [phrase for phrase in words.phrases("reader.no_fracture") if holds(" ".join(labels), [phrase])]
    return [f"reader.no_fracture: {phrase!r} stands in one of our own labels" for phrase in denied]


def holds(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text holds one of some phrases, as whole words, in capitals or not."""
    return any(
        re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE) is not None for phrase in phrases
    )


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Sections and names become keys."""
    flat: dict[str, Any] = {}
    for section, inner in content.items():
        names = {f"{section}.{name}": text for name, text in inner.items()} if isinstance(inner, dict) else {}
        flat |= names or {section: inner}
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
