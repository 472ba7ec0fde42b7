"""From vertebrae to the notes beside the picture: what each says, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from inference.findings import Grade, VertebraFinding
from listener.results.canvas import Colour
from listener.results.statement import Statement
from listener.results.typeface import Typeface
from listener.results.wording import captions

# Told apart by brightness too, and always said in words as well: readers differ in how they see colours.
NORMAL: Final[Colour] = (134, 207, 178)
GREY: Final[Colour] = (150, 156, 164)
PLAIN: Final[Colour] = (226, 230, 235)
GRADE_COLOURS: Final[dict[Grade, Colour]] = {
    Grade.NORMAL: NORMAL,
    Grade.MILD: (247, 225, 84),
    Grade.MODERATE: (255, 159, 28),
    Grade.SEVERE: (255, 92, 76),
}
TITLE_SIZE: Final = 20.0
DETAIL_SIZE: Final = 15.5
SHORT_SIZE: Final = 15.5
LEADING: Final = 1.28
GAP: Final = 12.0


@dataclass(frozen=True, slots=True)
class Note:
    """A note in the margin.

    Attributes
    ----------
    finding : the vertebra its line leads to
    titles, details : the lines of the title, and the smaller ones below
    short : all of it in one line, for a spine with many notes, and the size that it fits at
    size : of the title, in pixels
    """

    finding: VertebraFinding
    titles: tuple[str, ...]
    details: tuple[str, ...]
    short: tuple[str, float]
    colour: Colour
    size: float = TITLE_SIZE

    @property
    def height(self) -> float:
        """In pixels, with the room below it."""
        lines = self.size * len(self.titles) + DETAIL_SIZE * len(self.details)
        return LEADING * lines + (GAP if self.details else GAP / 2)


def notes(statement: Statement, width: float) -> tuple[Note, ...]:
    """Return the notes from head to foot; vertebrae missed in a row for one reason share one."""
    report, outcome, words = statement.report, statement.outcome, statement.words
    told = [(each, captions.flagged_note(words, each, report.flag_grade)) for each in outcome.flagged]
    told += [(each, captions.possible_note(words, each, report.possible_grade)) for each in outcome.possible]
    for _, group in groupby(outcome.missed, lambda finding: finding.not_assessed):
        run = list(group)
        told.append((run[len(run) // 2], captions.missed_note(words, run)))
    told.sort(key=lambda note: -note[0].centre_lps_mm[2])
    return tuple(_note(finding, texts, statement.typeface, width) for finding, texts in told)


def spread(wanted: Sequence[float], heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Return where each note's top goes: in order, apart, inside, and near where it wants to be."""
    tops: list[float] = []
    at = top
    for want, height in zip(wanted, heights, strict=True):
        at = max(at, want)
        tops.append(at)
        at += height
    limit = bottom
    for i in reversed(range(len(tops))):
        tops[i] = min(tops[i], limit - heights[i])
        limit = tops[i]
    return tops


def fitted(full: Sequence[Note], room: float) -> tuple[Note, ...]:
    """Return the notes as they are if they fit into ``room`` pixels, or each in one line."""
    if sum(note.height for note in full) <= room:
        return tuple(full)
    return tuple(replace(note, titles=note.short[:1], details=(), size=note.short[1]) for note in full)


def _note(finding: VertebraFinding, texts: captions.NoteTexts, typeface: Typeface, width: float) -> Note:
    grade = None if finding.assessment is None else finding.assessment.grade
    return Note(
        finding,
        tuple(typeface.wrapped(texts.title, TITLE_SIZE, width)),
        tuple(typeface.wrapped(texts.detail, DETAIL_SIZE, width)),
        (texts.short, typeface.fitting(texts.short, SHORT_SIZE, width)),
        GREY if grade is None else GRADE_COLOURS[grade],
    )
