"""The page that every picture is drawn on: where anatomy and text stand, and how both are laid down.

Viewers write over the corners, the bottom edge and the top tenth (OHIF lays its cine bar there), so no text
stands there. The anatomy is on the left; everything to read is on the right. Nothing names the patient.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from listener.results.canvas import Canvas, Colour, Spot
from listener.results.marks import Panel
from listener.results.notes import GREY, LEADING, PLAIN
from listener.results.reformat import Plane
from listener.results.statement import Statement
from listener.results.wording import captions

COLUMNS: Final = 1188
ROWS: Final = 1020
PANEL_LEFT: Final = 30
PANEL_TOP: Final = 46
PANEL_SIZE: Final = (600, 928)
"""(columns, rows)"""
TEXT_LEFT: Final = 668
TEXT_WIDTH: Final = 470
TEXT_TOP: Final = 124
NOTES_BOTTOM: Final = 838
FOOT_TOP: Final = 868
TITLE_SIZE: Final = 30.0
AMBER: Final[Colour] = (255, 191, 71)
WINDOW_HU: Final = (-220.0, 1000.0)
"""Black and white of the bone window: narrow enough to show porous bodies."""
SIDES_AT: Final = 0.82
"""How far down the letters of the sides stand: seldom beside a level's name."""
SIDES: Final = {Plane.SAGITTAL: ("A", "P"), Plane.CORONAL: ("R", "L")}


def lay_anatomy(canvas: Canvas, panel: Panel, hu: NDArray[np.float32]) -> None:
    """Lay a picture in HU into its panel, in the bone window."""
    black, white = WINDOW_HU
    grey = np.clip((hu - black) / (white - black), 0, 1) ** 0.9
    canvas.picture(np.rint(255 * grey).astype(np.uint8), panel.left, panel.top)


def letter_sides(canvas: Canvas, panel: Panel) -> None:
    """Say which side is which."""
    row = panel.top + SIDES_AT * panel.frame.rows
    for letter, column in zip(SIDES[panel.frame.plane], (panel.left + 16, panel.right - 16), strict=True):
        canvas.text(letter, (column, row), 20, PLAIN, anchor="mm", halo=1.5)


def lay_scale(canvas: Canvas, panel: Panel, centimetres: int) -> None:
    """Draw a bar of a known length at the panel's foot."""
    right, foot = panel.right - 24, panel.top + panel.frame.rows - 16
    canvas.line([(right - 10 * centimetres / panel.frame.pixel_mm, foot), (right, foot)], 2, PLAIN)
    canvas.text(f"{centimetres} cm", (right, foot - 7), 13, PLAIN, anchor="rs", halo=1.5)


def paragraphs(canvas: Canvas, texts: Iterable[str], at: Spot, size: float, colour: Colour) -> float:
    """Write texts one under the other, wrapped; return where they end."""
    left, baseline = at
    for text in texts:
        for line in canvas.typeface.wrapped(text, size, TEXT_WIDTH):
            canvas.text(line, (left, baseline), size, colour)
            baseline += size * LEADING
        baseline += size * 0.2
    return baseline


def head(canvas: Canvas, statement: Statement, title: str, colour: Colour, at: Spot) -> float:
    """Write the mark and the title; return the baseline of what follows."""
    banner = captions.banner(statement.words, statement.product.version)
    canvas.text(banner, at, canvas.typeface.fitting(banner, 14.5, TEXT_WIDTH), AMBER)
    baseline = at[1] + 45
    for line in canvas.typeface.wrapped(title, TITLE_SIZE, TEXT_WIDTH):
        canvas.text(line, (at[0], baseline), TITLE_SIZE, colour)
        baseline += TITLE_SIZE * LEADING
    return baseline - TITLE_SIZE * LEADING + 31


def foot(canvas: Canvas, statement: Statement, left: float) -> None:
    """Write the small print."""
    source = captions.provenance(statement.words, statement.report, statement.product.version)
    small_print = (*captions.small_print(statement.words, statement.outcome), *source)
    paragraphs(canvas, small_print, (left, FOOT_TOP), 12.5, GREY)
