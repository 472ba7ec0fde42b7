"""From findings and a volume to the overview picture: the spine from the side, every vertebra named.

Viewers write over the corners, the bottom edge and the top tenth (OHIF lays its cine bar there), so no text
stands there. The anatomy is on the
left; everything to read is on the right. Nothing in the picture names the patient.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.findings import HeightPoints, StudyReport, VertebraFinding
from inference.volume import Volume
from listener.results import wording
from listener.results.canvas import Canvas, Colour, Spot, wrapped
from listener.results.identity import Product
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
from listener.results.reformat import SagittalView, sagittal_view

COLUMNS: Final = 1188
ROWS: Final = 1020
PANEL_LEFT: Final = 30
PANEL_TOP: Final = 46
PANEL_COLUMNS: Final = 600
PANEL_ROWS: Final = 928
TEXT_LEFT: Final = 668
TEXT_WIDTH: Final = 470
TEXT_TOP: Final = 124
ALONE: Final = (359, 260)
"""Left and top of the text where there is no picture beside it."""
NOTES_BOTTOM: Final = 838
FOOT_TOP: Final = 868
LEVEL_SIZE: Final = 17.0
AMBER: Final[Colour] = (255, 191, 71)
WINDOW_HU: Final = (-220.0, 1000.0)
"""Black and white of the bone window: narrow enough to show porous bodies."""
MOST_SERIES: Final = 12
HALF_BODY_MM: Final = 15.0
"""Half the depth of a body whose points are not known."""


def draw_overview(
    report: StudyReport, outcome: Outcome, volume: Volume | None, product: Product
) -> NDArray[np.uint8]:
    """Return the picture, uint8 (1020, 1188, 3), RGB."""
    canvas = Canvas(COLUMNS, ROWS)
    left, top = (TEXT_LEFT, TEXT_TOP) if volume is not None else ALONE
    canvas.text(wording.banner(product.version), (left, top), 14.5, AMBER)
    canvas.text(wording.headline(outcome), (left, top + 45), 30, _answer_colour(outcome))
    under_head = _paragraphs(canvas, wording.sublines(outcome, report), (left, top + 76), 16.5, PLAIN)
    small_print = (*wording.small_print(outcome), *wording.provenance(report, product.version))
    _paragraphs(canvas, small_print, (left, FOOT_TOP), 12.5, GREY)
    if volume is not None:
        centres = np.array([finding.centre_lps_mm for finding in report.findings]).reshape(-1, 3)
        view = sagittal_view(volume, centres, PANEL_COLUMNS, PANEL_ROWS)
        _anatomy(canvas, view)
        _vertebrae(canvas, report, outcome, view)
        _margin(canvas, report, outcome, view, under_head)
    elif outcome.answer is Answer.NOT_ANALYSED:
        _series(canvas, report, left, under_head)
    return canvas.pixels()


def _paragraphs(canvas: Canvas, texts: Iterable[str], at: Spot, size: float, colour: Colour) -> float:
    """Write texts one under the other, wrapped; return where they end."""
    left, baseline = at
    for text in texts:
        for line in wrapped(text, size, TEXT_WIDTH):
            canvas.text(line, (left, baseline), size, colour)
            baseline += size * LEADING
        baseline += size * 0.2
    return baseline


def _series(canvas: Canvas, report: StudyReport, left: float, top: float) -> None:
    """List what became of each series of a study that was not analysed."""
    lines = [wording.series_line(verdict) for verdict in report.series_choice]
    shown = (
        lines if len(lines) <= MOST_SERIES else [*lines[:MOST_SERIES], f"and {len(lines) - MOST_SERIES} more"]
    )
    _paragraphs(canvas, shown, (left, top + 40), DETAIL_SIZE, GREY)


def _answer_colour(outcome: Outcome) -> Colour:
    if outcome.answer is Answer.NOT_ANALYSED:
        return AMBER
    graded = [f.assessment.grade for f in (*outcome.flagged, *outcome.possible) if f.assessment]
    if not graded and outcome.is_partial:
        return PLAIN
    return GRADE_COLOURS[max(graded)] if graded else NORMAL


def _anatomy(canvas: Canvas, view: SagittalView) -> None:
    black, white = WINDOW_HU
    grey = np.clip((view.hu - black) / (white - black), 0, 1) ** 0.9
    canvas.picture(np.rint(255 * grey).astype(np.uint8), PANEL_LEFT, PANEL_TOP)
    middle = PANEL_TOP + PANEL_ROWS / 2
    canvas.text("A", (PANEL_LEFT + 16, middle), 20, PLAIN, anchor="mm", halo=1.5)
    canvas.text("P", (PANEL_LEFT + PANEL_COLUMNS - 16, middle), 20, PLAIN, anchor="mm", halo=1.5)
    right, foot = PANEL_LEFT + PANEL_COLUMNS - 24, PANEL_TOP + PANEL_ROWS - 16
    canvas.line([(right - 50 / view.pixel_mm, foot), (right, foot)], 2, PLAIN)
    canvas.text("5 cm", (right, foot - 7), 13, PLAIN, anchor="rs", halo=1.5)


def _vertebrae(canvas: Canvas, report: StudyReport, outcome: Outcome, view: SagittalView) -> None:
    """Name every vertebra on its left; outline those that are suspect."""
    marked = {id(finding) for finding in (*outcome.flagged, *outcome.possible)}
    for finding in report.findings:
        colour = _level_colour(finding)
        if id(finding) in marked and finding.assessment is not None:
            path = _outline(finding.assessment.height_points, view)
            canvas.line(path, 2.2 if finding in outcome.flagged else 1.6, colour)
        if finding in outcome.missed:
            canvas.dot(_spot(np.array(finding.centre_lps_mm), view), 3, GREY)
        x, y = _edge(finding, view, anterior=True)
        canvas.text(finding.level or "?", (x - 12, y), LEVEL_SIZE, colour, anchor="rm", halo=1.8)


def _level_colour(finding: VertebraFinding) -> Colour:
    return GREY if finding.assessment is None else GRADE_COLOURS[finding.assessment.grade]


def _margin(canvas: Canvas, report: StudyReport, outcome: Outcome, view: SagittalView, top: float) -> None:
    """Write the notes on the right, each with a line to its vertebra."""
    top += 14
    full = notes(outcome, report.flag_grade, report.possible_grade, TEXT_WIDTH - 24)
    shown = fitted(full, NOTES_BOTTOM - top)
    ends = [_edge(note.finding, view, anterior=False) for note in shown]
    wanted = [end[1] - note.size * LEADING / 2 for note, end in zip(shown, ends, strict=True)]
    tops = spread(wanted, [note.height for note in shown], top, NOTES_BOTTOM)
    for note, end, at in zip(shown, ends, tops, strict=True):
        _note(canvas, note, end, at)


def _note(canvas: Canvas, note: Note, end: Spot, top: float) -> None:
    left = TEXT_LEFT + 14
    middle = top + note.size * LEADING / 2
    bend = PANEL_LEFT + PANEL_COLUMNS + 6
    canvas.line([(end[0] + 6, end[1]), (bend, middle), (left - 8, middle)], 1.3, note.colour, 0.75)
    canvas.text(note.title, (left, middle), note.size, note.colour, anchor="lm")
    for i, line in enumerate(note.details, start=1):
        canvas.text(line, (left, middle + i * DETAIL_SIZE * LEADING + 3), DETAIL_SIZE, PLAIN, anchor="lm")


def _edge(finding: VertebraFinding, view: SagittalView, *, anterior: bool) -> Spot:
    """The middle of the body's anterior or posterior wall; where it was not measured, near it or inside."""
    if finding.assessment is None:
        away = np.array([0.0, -HALF_BODY_MM if anterior else 0.0, 0.0])
        return _spot(np.array(finding.centre_lps_mm) + away, view)
    points = finding.assessment.height_points
    wall = (
        (points.anterior_superior, points.anterior_inferior)
        if anterior
        else (points.posterior_superior, points.posterior_inferior)
    )
    return _spot(np.mean(wall, axis=0), view)


def _outline(points: HeightPoints, view: SagittalView) -> list[Spot]:
    """The closed outline through the six points, each end plate a parabola through its three."""
    upper = (points.anterior_superior, points.middle_superior, points.posterior_superior)
    lower = (points.posterior_inferior, points.middle_inferior, points.anterior_inferior)
    path = np.concatenate([_parabola(np.array(upper)), _parabola(np.array(lower))])
    return [_spot(point, view) for point in (*path, path[0])]


def _parabola(three: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thirteen points (13, 3) on the curve that meets ``three`` (3, 3) at its start, middle and end."""
    t = np.linspace(0, 1, 13)[:, None]
    start, middle, end = three
    curve = (1 - t) * (1 - 2 * t) * start + 4 * t * (1 - t) * middle + t * (2 * t - 1) * end
    return np.asarray(curve, dtype=np.float64)


def _spot(point: NDArray[np.float64], view: SagittalView) -> Spot:
    """An LPS point in the finished picture."""
    x, y = view.to_pixel(np.asarray(point, dtype=np.float64))
    return PANEL_LEFT + float(x), PANEL_TOP + float(y)
