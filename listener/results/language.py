"""The settings of the report in; how results are worded and what the pictures are written with out."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from listener.errors import SettingsError
from listener.results.typeface import Typeface
from listener.results.wording.catalogue import Catalogue, read_catalogue
from listener.settings import Report


@dataclass(frozen=True, eq=False)
class Language:
    """The sentences, and a font that can draw them."""

    words: Catalogue
    typeface: Typeface

    @cached_property
    def digest(self) -> str:
        """What changes whenever a result would read or look otherwise."""
        return f"{self.words.digest}{self.typeface.digest}"


def read_language(report: Report) -> Language:
    """Read the site's wording and font, or Faintline's own.

    Raises
    ------
    SettingsError : the wording is wrong, or the font cannot be read or lacks characters; names file and key
    """
    words, typeface = read_catalogue(report.wording), Typeface(report.font)
    texts = [words.written(text) for text in words.told.values()]
    if lacking := typeface.lacking(texts):
        font = typeface.file or "the built-in font"
        raise SettingsError(
            f"report.font: {font} lacks characters of the wording: {' '.join(lacking[:20])}; "
            "name a font file (TrueType or OpenType) that has them"
        )
    return Language(words, typeface)


ENGLISH: Final = Language(read_catalogue(), Typeface())
