"""Finished vertebrae in, their measured truth out: heights, losses, grade and type.

Rule R (``raw_loss``): 1 - least height / tallest comparable height. Comparable are the own anterior and posterior height
and the median of the tallest heights of the graded neighbours up to two levels away, each scaled by the levels' norms;
a neighbour that lost 20 % against its own tallest height is no reference.
Rule N (``neighbour_loss``): the largest loss of one height against the median of the *same* height of the graded
neighbours up to three levels away, scaled by the levels' norms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.findings import Deformity, Grade, HeightPoints, Heights, Point
from inference.levels import GRADED_LEVELS, LEVELS
from training.phantom.anatomy import norm_heights

Array = NDArray[np.float64]

THRESHOLDS = (0.20, 0.25, 0.40)
NORMAL_CONCAVITY = 0.06
"""A middle height that is lower than the anterior by no more than this share of the reference is no biconcavity."""


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
    """Raw loss, neighbour loss and reference height (mm) of each vertebra; ``heights`` is (n, 3) in mm."""
    norm = np.array([norm_heights(level) for level in levels])
    order = np.array([LEVELS.index(level) for level in levels])
    graded = np.array([level in GRADED_LEVELS for level in levels])
    tallest = np.maximum(heights[:, 0], heights[:, 2])
    norm_tallest = np.maximum(norm[:, 0], norm[:, 2])
    sound = graded & (heights.min(1) / tallest > 1 - THRESHOLDS[0])
    raw, neighbour, reference = np.zeros(len(levels)), np.zeros(len(levels)), tallest.copy()
    for i in range(len(levels)):
        distance = np.abs(order - order[i])
        near = sound & (distance > 0) & (distance <= 2)
        if near.any():
            reference[i] = max(tallest[i], np.median(tallest[near] / norm_tallest[near]) * norm_tallest[i])
        raw[i] = 1 - heights[i].min() / reference[i]
        wide = graded & (distance > 0) & (distance <= 3)
        if wide.any():
            neighbour[i] = (1 - heights[i] / (np.median(heights[wide] / norm[wide], axis=0) * norm[i])).max()
    return raw, neighbour, reference


def deformity_of(heights: Array, reference_mm: float) -> Deformity:
    """Genant's type from measured heights: crush where the posterior is lost too, else the lower of the other two."""
    anterior, middle, posterior = 1 - heights / reference_mm
    if posterior >= THRESHOLDS[0] and posterior > 0.6 * max(anterior, middle):
        return Deformity.CRUSH
    return Deformity.WEDGE if anterior >= middle - NORMAL_CONCAVITY else Deformity.BICONCAVE


def height_points(centre: Array, axes: Array, local: Array) -> HeightPoints:
    """The six points in LPS from `Body.height_points`."""
    world = local @ axes + centre
    superior, inferior = [[(float(p[0]), float(p[1]), float(p[2])) for p in side] for side in world]
    return HeightPoints(superior[0], inferior[0], superior[1], inferior[1], superior[2], inferior[2])
