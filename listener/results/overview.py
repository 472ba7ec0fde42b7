"""From a statement to an overview: the whole spine from the side or the front, every vertebra named."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.findings import StudyReport, VertebraFinding
from listener.results.canvas import Canvas, Colour, Spot
from listener.results.marks import Panel, edge, outlines
from listener.results.notes import (
    DETAIL_SIZE,
    GRADE_COLOURS,
    GREY,
    LEADING,
    NORMAL,
    PLAIN,
    Note,
    fitted,
    notes,
    spread,
)  # fmt: skip
from listener.results.outcome import Answer, Outcome
from listener.results.page import (
    AMBER,
    COLUMNS,
    NOTES_BOTTOM,
    PANEL_LEFT,
    PANEL_SIZE,
    PANEL_TOP,
    ROWS,
    TEXT_LEFT,
    TEXT_TOP,
    TEXT_WIDTH,
    foot,
    head,
    lay_anatomy,
    lay_scale,
    letter_sides,
    paragraphs,
)  # fmt: skip
from listener.results.reformat import Fit, Plane, cut, framed
from listener.results.statement import Statement
from listener.results.wording import captions

ALONE: Final = (359, 260)
"""Left and top of the text where there is no picture beside it."""
LEVEL_SIZE: Final = 17.0
MOST_SERIES: Final = 12
FITS: Final = {Plane.SAGITTAL: Fit(spine_at=0.58), Plane.CORONAL: Fit()}


def draw_overview(statement: Statement, plane: Plane = Plane.SAGITTAL) -> NDArray[np.uint8]:
    """Return the picture, uint8 (1020, 1188, 3), RGB."""
    report, outcome, volume = statement.report, statement.outcome, statement.volume
    canvas = Canvas(COLUMNS, ROWS, statement.typeface)
    left, top = (TEXT_LEFT, TEXT_TOP) if volume is not None else ALONE
    colour = _answer_colour(outcome)
    title = captions.headline(statement.words, outcome)
    baseline = head(canvas, statement, title, colour, (left, top))
    sublines = captions.sublines(statement.words, outcome, statement.remarks)
    under_head = paragraphs(canvas, sublines, (left, baseline), 16.5, PLAIN)
    foot(canvas, statement, left)
    if volume is not None:
        centres = np.array([finding.centre_lps_mm for finding in report.findings]).reshape(-1, 3)
        panel = Panel(framed(volume, centres, plane, PANEL_SIZE, FITS[plane]), PANEL_LEFT, PANEL_TOP)
        lay_anatomy(canvas, panel, cut(volume, centres, panel.frame))
        letter_sides(canvas, panel)
        lay_scale(canvas, panel, 5)
        _vertebrae(canvas, report, outcome, panel)
        _margin(canvas, statement, panel, under_head)
    elif outcome.answer is Answer.NOT_ANALYSED:
        _series(canvas, statement, left, under_head)
    return canvas.pixels()


def _series(canvas: Canvas, statement: Statement, left: float, top: float) -> None:
    """List what became of each series of a study that was not analysed."""
    words = statement.words
    lines = [captions.series_line(words, verdict) for verdict in statement.report.series_choice]
    if len(lines) > MOST_SERIES:
        lines = [*lines[:MOST_SERIES], captions.further(words, len(lines) - MOST_SERIES)]
    paragraphs(canvas, lines, (left, top + 40), DETAIL_SIZE, GREY)


def _answer_colour(outcome: Outcome) -> Colour:
    if outcome.answer is Answer.NOT_ANALYSED:
        return AMBER
    graded = [f.assessment.grade for f in (*outcome.flagged, *outcome.possible) if f.assessment]
    if not graded and outcome.is_partial:
        return PLAIN
    return GRADE_COLOURS[max(graded)] if graded else NORMAL


def _vertebrae(canvas: Canvas, report: StudyReport, outcome: Outcome, panel: Panel) -> None:
    """Outline the vertebrae that are suspect, and name all of them."""
    marked = {id(finding) for finding in (*outcome.flagged, *outcome.possible)}
    for finding in report.findings:
        colour = _level_colour(finding)
        if id(finding) in marked and finding.assessment is not None:
            for path in outlines(finding, panel):
                _outline(canvas, path, colour, is_flagged=finding in outcome.flagged)
        if finding in outcome.missed:
            canvas.ring(panel.spot(np.array(finding.centre_lps_mm)), 4, 1.3, GREY)
    _names(canvas, report.findings, panel)


def _names(canvas: Canvas, findings: Sequence[VertebraFinding], panel: Panel) -> None:
    """Write every level to the left of its vertebra; names never touch."""
    ends = [edge(finding, panel, right=False) for finding in findings]
    foot = panel.top + panel.frame.rows
    wanted = [y - LEVEL_SIZE / 2 for _, y in ends]
    tops = spread(wanted, [LEVEL_SIZE] * len(ends), panel.top, foot)
    for finding, (x, _), top in zip(findings, ends, tops, strict=True):
        spot = (x - 12, top + LEVEL_SIZE / 2)
        canvas.text(finding.level or "?", spot, LEVEL_SIZE, _level_colour(finding), anchor="rm", halo=1.8)


def _outline(canvas: Canvas, path: list[Spot], colour: Colour, *, is_flagged: bool) -> None:
    """A flagged body's line is whole, a possible one's is thin and broken: told apart without colour too."""
    if is_flagged:
        canvas.line(path, 2.2, colour)
    else:
        canvas.dashed(path, 1.6, colour)


def _level_colour(finding: VertebraFinding) -> Colour:
    return GREY if finding.assessment is None else GRADE_COLOURS[finding.assessment.grade]


def _margin(canvas: Canvas, statement: Statement, panel: Panel, top: float) -> None:
    """Write the notes on the right, each with a line to its vertebra."""
    top += 14
    full = notes(statement, TEXT_WIDTH - 24)
    shown = fitted(full, NOTES_BOTTOM - top)
    ends = [edge(note.finding, panel, right=True) for note in shown]
    wanted = [end[1] - note.size * LEADING / 2 for note, end in zip(shown, ends, strict=True)]
    tops = spread(wanted, [note.height for note in shown], top, NOTES_BOTTOM)
    for note, end, at in zip(shown, ends, tops, strict=True):
        _note(canvas, note, end, at, panel.right)


def _note(canvas: Canvas, note: Note, end: Spot, top: float, beside: float) -> None:
    """A note and its line: level over the anatomy, to cross as little as can be, then to the text."""
    left = TEXT_LEFT + 14
    middle = top + note.size * LEADING / 2
    canvas.line([(end[0] + 6, end[1]), (beside, end[1])], 1.2, note.colour, 0.55)
    canvas.line([(beside, end[1]), (left - 22, middle), (left - 8, middle)], 1.3, note.colour, 0.75)
    for i, line in enumerate(note.titles):
        canvas.text(line, (left, middle + i * note.size * LEADING), note.size, note.colour, anchor="lm")
    under = middle + (len(note.titles) - 1) * note.size * LEADING + 3
    for i, line in enumerate(note.details, start=1):
        canvas.text(line, (left, under + i * DETAIL_SIZE * LEADING), DETAIL_SIZE, PLAIN, anchor="lm")
