"""Finished vertebrae in, their measured truth out: heights, losses, grade and type.

The rules are those of ``inference.heights``: a network is taught what its output is measured by. Only T1-L5
are measured against one another; elsewhere the losses are 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.findings import Deformity, Grade, HeightPoints, Heights, Point
from inference.heights import Measured, height_losses

Array = NDArray[np.float64]

THRESHOLDS = (0.20, 0.25, 0.40)


@dataclass(frozen=True, slots=True, eq=False)
class VertebraTruth:
    """What is true of one vertebra.

    Attributes
    ----------
    level : one of ``inference.levels.LEVELS``
    centre_lps_mm : centre of the body
    axes : float64 (3, 3), rows are the unit vectors left, posterior, superior of the vertebra in LPS
    height_points, heights : measured on the finished shape in its own mid-sagittal plane
    raw_loss, neighbour_loss : shares (0-1), rules R and N
    grade : from ``raw_loss``; always NORMAL outside T1-L5
    deformity : None where the grade is NORMAL
    look_alikes : names of what else was drawn on this vertebra
    """

    level: str
    centre_lps_mm: Point
    axes: Array
    height_points: HeightPoints
    heights: Heights
    raw_loss: float
    neighbour_loss: float
    grade: Grade
    deformity: Deformity | None
    look_alikes: tuple[str, ...]


def grade_of(raw_loss: float) -> Grade:
    """Genant's grade: [.20, .25) mild, [.25, .40) moderate, [.40, …) severe."""
    return Grade(sum(raw_loss >= threshold for threshold in THRESHOLDS))


def losses(levels: Sequence[str], heights: Array) -> tuple[Array, Array, Array]:
    """Raw loss, neighbour loss and reference height (mm) of graded levels; ``heights`` is (n, 3) in mm."""
    spine = [Measured(level, Heights(*map(float, mm))) for level, mm in zip(levels, heights, strict=True)]
    found = height_losses(spine)
    return (
        np.array([loss.raw for loss in found]),
        np.array([loss.neighbour or 0.0 for loss in found]),
        np.array([loss.reference_mm for loss in found]),
    )


def height_points(centre: Array, axes: Array, local: Array) -> HeightPoints:
    """The six points in LPS from `Body.height_points`."""
    world = local @ axes + centre
    superior, inferior = [[(float(p[0]), float(p[1]), float(p[2])) for p in side] for side in world]
    return HeightPoints(superior[0], inferior[0], superior[1], inferior[1], superior[2], inferior[2])
