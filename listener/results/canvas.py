"""A picture to draw text and lines on, smooth at any size: drawn at twice the size, then halved."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from listener.results.typeface import Typeface

Colour = tuple[int, int, int]
Spot = tuple[float, float]
"""(column, row) in pixels of the finished picture."""

FINER: Final = 2
HALO: Final[Colour] = (0, 0, 0)


class Canvas:
    """Text and lines over a grey picture. Every length is in pixels of the finished picture."""

    def __init__(self, columns: int, rows: int, typeface: Typeface, paper: Colour = (0, 0, 0)) -> None:
        self.typeface = typeface
        self._base = Image.new("RGB", (columns, rows), paper)
        self._ink = Image.new("RGBA", (columns * FINER, rows * FINER))
        self._pen = ImageDraw.Draw(self._ink)

    def picture(self, grey: NDArray[np.uint8], left: int, top: int) -> None:
        """Lay a grey picture (rows, columns) under the ink."""
        self._base.paste(Image.fromarray(grey).convert("RGB"), (left, top))

    def text(
        self, words: str, at: Spot, size: float, colour: Colour, *, anchor: str = "ls", halo: float = 0.0
    ) -> None:
        """Write one line at ``at``; ``anchor`` is Pillow's (left, baseline: "ls")."""
        self._pen.text(
            (at[0] * FINER, at[1] * FINER), words, fill=(*colour, 255), anchor=anchor,
            font=self.typeface.sized(size * FINER), stroke_width=halo * FINER, stroke_fill=(*HALO, 255),
        )  # fmt: skip

    def line(self, spots: Sequence[Spot], width: float, colour: Colour, opacity: float = 1.0) -> None:
        """Draw a line through ``spots`` with round corners."""
        fill = (*colour, round(255 * opacity))
        path = [(x * FINER, y * FINER) for x, y in spots]
        self._pen.line(path, fill=fill, width=round(width * FINER), joint="curve")

    def dashed(
        self, spots: Sequence[Spot], width: float, colour: Colour, opacity: float = 1.0, dash: float = 7.0
    ) -> None:
        """Draw a line through ``spots`` in dashes as long as the gaps between them."""
        path = np.array(spots, dtype=np.float64)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        count = max(1, round(along[-1] / dash)) | 1
        for i in range(0, count, 2):
            at = np.linspace(i, i + 1, 5) * along[-1] / count
            points = [
                (float(np.interp(a, along, path[:, 0])), float(np.interp(a, along, path[:, 1]))) for a in at
            ]
            self.line(points, width, colour, opacity)

    def ring(self, at: Spot, radius: float, width: float, colour: Colour) -> None:
        """Draw a circle that leaves its middle free."""
        self._pen.circle(
            (at[0] * FINER, at[1] * FINER), radius * FINER, outline=(*colour, 255), width=round(width * FINER)
        )

    def dot(self, at: Spot, radius: float, colour: Colour) -> None:
        """Draw a filled circle."""
        self._pen.circle((at[0] * FINER, at[1] * FINER), radius * FINER, fill=(*colour, 255))

    def pixels(self) -> NDArray[np.uint8]:
        """Return the finished picture, uint8 (rows, columns, 3)."""
        ink = self._ink.resize(self._base.size, Image.Resampling.BOX)
        merged = self._base.copy()
        merged.paste(ink, mask=ink.getchannel("A"))
        return np.array(merged, dtype=np.uint8)
