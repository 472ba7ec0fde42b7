"""From one flagged vertebra to its close-up: six height points, the neighbours, and what they let expect."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.findings import Heights, StudyReport, VertebraFinding
from inference.heights import Measured, height_losses
from listener.results.canvas import Canvas, Colour, Spot
from listener.results.marks import Panel, edge, end_plates, six
from listener.results.notes import DETAIL_SIZE, GRADE_COLOURS, GREY, LEADING, PLAIN
from listener.results.page import (
    COLUMNS,
    FOOT_TOP,
    PANEL_LEFT,
    PANEL_SIZE,
    PANEL_TOP,
    ROWS,
    TEXT_LEFT,
    TEXT_TOP,
    foot,
    head,
    lay_anatomy,
    lay_scale,
    letter_sides,
    paragraphs,
)  # fmt: skip
from listener.results.reformat import Fit, Frame, Plane, cut, framed
from listener.results.statement import Statement
from listener.results.wording import captions

FIT: Final = Fit(margin_mm=24.0, finest_mm=0.11, spine_at=0.46)
SLAB_MM: Final = 3.0
INSET: Final = 214
"""Side of an unmarked picture in pixels ..."""
INSET_MM: Final = 62.0
"""... and in the patient."""
COLUMN_OFFSETS: Final = (210.0, 330.0, 440.0)
"""Right edges of the table's columns, from its left."""
COLUMN_WIDTH: Final = 105.0
GHOST: Final[Colour] = (236, 240, 245)


def draw_close_up(statement: Statement, finding: VertebraFinding) -> NDArray[np.uint8]:
    """Return the picture of one assessed vertebra, uint8 (1020, 1188, 3), RGB."""
    report, volume = statement.report, statement.volume
    assert volume is not None
    canvas = Canvas(COLUMNS, ROWS, statement.typeface)
    centres = np.array([each.centre_lps_mm for each in report.findings])
    around = _around(report, finding)
    shown = np.array([each.centre_lps_mm for each in around])
    panel = Panel(framed(volume, shown, Plane.SAGITTAL, PANEL_SIZE, FIT), PANEL_LEFT, PANEL_TOP)
    lay_anatomy(canvas, panel, cut(volume, centres, panel.frame, SLAB_MM))
    letter_sides(canvas, panel)
    lay_scale(canvas, panel, 2)
    expected = _expected(report, finding)
    for neighbour in around:
        if neighbour is not finding:
            _neighbour(canvas, neighbour, panel)
    _own(canvas, finding, expected, panel)
    _text(canvas, statement, finding, expected)
    _insets(canvas, statement, centres, finding)
    return canvas.pixels()


def _around(report: StudyReport, finding: VertebraFinding) -> tuple[VertebraFinding, ...]:
    """The vertebra with the one above and the one below, where they are in view."""
    at = report.findings.index(finding)
    return report.findings[max(at - 1, 0) : at + 2]


def _expected(report: StudyReport, finding: VertebraFinding) -> Heights | None:
    """The heights that the neighbours let expect, as the neighbour loss of the report was made with."""
    spine = [Measured(each.level, each.assessment.heights) for each in report.assessed if each.assessment]
    return height_losses(spine)[report.assessed.index(finding)].expected


def _neighbour(canvas: Canvas, finding: VertebraFinding, panel: Panel) -> None:
    colour = GREY if finding.assessment is None else GRADE_COLOURS[finding.assessment.grade]
    if finding.assessment is not None:
        points = six(finding.assessment.height_points)
        for plate in end_plates(points, panel):
            canvas.line(plate, 1.1, colour, 0.7)
        for point in points.reshape(6, 3):
            canvas.ring(panel.spot(point), 3.5, 1.2, colour)
    _level(canvas, finding, colour, panel)


def _own(canvas: Canvas, finding: VertebraFinding, expected: Heights | None, panel: Panel) -> None:
    """The three heights with their points; dashed in white, the heights that the neighbours let expect."""
    assert finding.assessment is not None
    colour = GRADE_COLOURS[finding.assessment.grade]
    points = six(finding.assessment.height_points)
    if expected is not None:
        _ghost(canvas, points, expected, panel)
    for plate in end_plates(points, panel):
        canvas.line(plate, 1.1, colour, 0.7)
    for superior, inferior in points:
        canvas.line([panel.spot(superior), panel.spot(inferior)], 1.4, colour, 0.85)
    for point in points.reshape(6, 3):
        canvas.ring(panel.spot(point), 5.5, 2, colour)
    _level(canvas, finding, colour, panel)


def _ghost(canvas: Canvas, points: NDArray[np.float64], expected: Heights, panel: Panel) -> None:
    """The expected end plates, each expected height laid evenly about the middle of the measured one."""
    heights = np.linalg.norm(points[:, 0] - points[:, 1], axis=1)
    stretch = (np.array(astuple(expected)) / heights)[:, None, None]
    middle = points.mean(axis=1, keepdims=True)
    for plate in end_plates(middle + stretch * (points - middle), panel):
        canvas.dashed(plate, 1.5, GHOST, 0.9)


def _level(canvas: Canvas, finding: VertebraFinding, colour: Colour, panel: Panel) -> None:
    x, y = edge(finding, panel, right=False)
    canvas.text(finding.level or "?", (x - 16, y), 20, colour, anchor="rm", halo=1.8)


def _text(canvas: Canvas, statement: Statement, finding: VertebraFinding, expected: Heights | None) -> None:
    assert finding.assessment is not None
    colour = GRADE_COLOURS[finding.assessment.grade]
    texts = captions.close_up(statement.words, finding, statement.report.flag_grade)
    baseline = head(canvas, statement, texts.title, colour, (TEXT_LEFT, TEXT_TOP))
    baseline = paragraphs(canvas, texts.details, (TEXT_LEFT, baseline), 16.5, PLAIN)
    rows = captions.height_table(statement.words, finding.assessment.heights, expected)
    baseline = _table(canvas, rows, (TEXT_LEFT, baseline + 30))
    legend = captions.legend(statement.words, expected is not None)
    paragraphs(canvas, legend, (TEXT_LEFT, baseline + 16), 13.5, GREY)
    foot(canvas, statement, TEXT_LEFT)


def _table(canvas: Canvas, rows: Sequence[Sequence[str]], at: Spot) -> float:
    """Measured heights beside those that the neighbours let expect; return where it ends."""
    left, baseline = at
    for number, row in enumerate(rows):
        colour = GREY if number == 0 else PLAIN
        canvas.text(row[0], (left, baseline), DETAIL_SIZE, colour)
        for words, offset in zip(row[1:], COLUMN_OFFSETS, strict=True):
            size = canvas.typeface.fitting(words, DETAIL_SIZE, COLUMN_WIDTH)
            canvas.text(words, (left + offset, baseline), size, colour, anchor="rs")
        if number == 0:
            canvas.line([(left, baseline + 9), (left + COLUMN_OFFSETS[-1], baseline + 9)], 1, GREY, 0.6)
            baseline += 6
        baseline += DETAIL_SIZE * LEADING * 1.15
    return baseline


def _insets(
    canvas: Canvas, statement: Statement, centres: NDArray[np.float64], finding: VertebraFinding
) -> None:
    """The same body without a mark on it, from the side and from the front: the lines must hide nothing."""
    volume, words = statement.volume, statement.words
    assert volume is not None
    pixel_mm = INSET_MM / INSET
    top = FOOT_TOP - 44 - INSET
    captioned = ((Plane.SAGITTAL, "picture.unmarked_side"), (Plane.CORONAL, "picture.unmarked_front"))
    for number, (plane, key) in enumerate(captioned):
        x, y, z = finding.centre_lps_mm
        across = (x if plane is Plane.CORONAL else y) - INSET_MM / 2
        frame = Frame(plane, INSET, INSET, pixel_mm, across, z + INSET_MM / 2)
        panel = Panel(frame, TEXT_LEFT + number * (INSET + 24), top)
        lay_anatomy(canvas, panel, cut(volume, centres, frame, SLAB_MM))
        caption = words.text(key)
        canvas.text(caption, (panel.left, top - 8), canvas.typeface.fitting(caption, 13.5, INSET), GREY)
