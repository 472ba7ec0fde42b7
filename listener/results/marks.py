"""Where a vertebral body's edges and outlines lie in a picture: LPS geometry in, spots of the page out."""

from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.findings import HeightPoints, VertebraFinding
from listener.results.canvas import Spot
from listener.results.reformat import Frame, Plane
from listener.results.region import width_to_depth

HALF_BODY_MM: Final = 15.0
"""Half the depth of a body whose points are not known."""
BRACKET_MM: Final = 4.0
"""How far a bracket's arms reach inwards."""
ROOM_MM: Final = (3.0, 0.0, 1.5)
"""How far a bracket keeps off the body, sideways and up or down: the width is an estimate."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Panel:
    """A frame of the anatomy, placed on the page with its top left pixel at (``left``, ``top``)."""

    frame: Frame
    left: int
    top: int

    def spot(self, point_mm: Points) -> Spot:
        """Map an LPS point to the page."""
        column, row = self.frame.to_pixel(np.asarray(point_mm, dtype=np.float64))
        return self.left + float(column), self.top + float(row)

    @property
    def right(self) -> int:
        """The first column beside the panel."""
        return self.left + self.frame.columns


def six(points: HeightPoints) -> Points:
    """Return the points as (3, 2, 3): anterior, middle, posterior; superior and inferior; LPS mm."""
    return np.array(astuple(points), dtype=np.float64).reshape(3, 2, 3)


def edge(finding: VertebraFinding, panel: Panel, *, right: bool) -> Spot:
    """Return the middle of the body's edge on the left or right of the picture.

    Where the body was not measured: a spot near it on the left, or in it on the right.
    """
    if finding.assessment is None:
        away = np.zeros(3)
        away[panel.frame.plane] = 0.0 if right else -HALF_BODY_MM
        return panel.spot(np.array(finding.centre_lps_mm) + away)
    points = six(finding.assessment.height_points)
    if panel.frame.plane is Plane.SAGITTAL:
        return panel.spot(points[2 if right else 0].mean(axis=0))
    half = _half_width_mm(points, finding.level) + ROOM_MM[0]
    return panel.spot(points.mean(axis=(0, 1)) + np.array([half if right else -half, 0.0, 0.0]))


def outlines(finding: VertebraFinding, panel: Panel) -> list[list[Spot]]:
    """Return the lines that mark a measured body.

    Sagittal: closed round the six points. Coronal: a bracket on either side: the width was not measured.
    """
    assert finding.assessment is not None
    points = six(finding.assessment.height_points)
    if panel.frame.plane is Plane.SAGITTAL:
        return [closed(points, panel)]
    return [_bracket(points, finding.level, side, panel) for side in (-1, 1)]


def closed(points: Points, panel: Panel) -> list[Spot]:
    """Return the closed outline through six points (3, 2, 3)."""
    superior, inferior = end_plates(points, panel)
    return [*superior, *reversed(inferior), superior[0]]


def end_plates(points: Points, panel: Panel) -> tuple[list[Spot], list[Spot]]:
    """Return the superior and the inferior end plate, front to back: parabolas through three points."""
    superior, inferior = ([panel.spot(point) for point in _parabola(points[:, end])] for end in (0, 1))
    return superior, inferior


def _parabola(three: Points) -> Points:
    """Thirteen points (13, 3) on the curve that meets ``three`` (3, 3) at its start, middle and end."""
    t = np.linspace(0, 1, 13)[:, None]
    start, middle, end = three
    curve = (1 - t) * (1 - 2 * t) * start + 4 * t * (1 - t) * middle + t * (2 * t - 1) * end
    return np.asarray(curve, dtype=np.float64)


def _half_width_mm(points: Points, level: str | None) -> float:
    depth = float(np.linalg.norm(points[2].mean(axis=0) - points[0].mean(axis=0)))
    return depth * width_to_depth(level) / 2


def _bracket(points: Points, level: str | None, side: int, panel: Panel) -> list[Spot]:
    half = _half_width_mm(points, level) + ROOM_MM[0]
    room = np.array([0.0, 0.0, ROOM_MM[2]])
    upper, lower = points[:, 0].mean(axis=0) + room, points[:, 1].mean(axis=0) - room
    out, inward = np.array([side * half, 0.0, 0.0]), np.array([side * (half - BRACKET_MM), 0.0, 0.0])
    return [panel.spot(point) for point in (upper + inward, upper + out, lower + out, lower + inward)]
