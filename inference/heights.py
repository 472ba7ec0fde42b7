"""Six points of each vertebra in, heights, height losses and the type of deformity out (Genant 1993).

Two losses are told apart, because neither alone is right. *Raw*: the least of a vertebra's heights against
the tallest comparable one, what readers' 20/25/40 % comes closest to. *Neighbour*: each height against the
same height of the neighbours, which does not call normal wedging. Losses run from 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.findings import Deformity, HeightPoints, Heights
from inference.levels import LEVELS

FRACTURED: Final = 0.20
"""Own raw loss from which a vertebra is no reference for its neighbours."""

RAW_REACH: Final = 2
NEIGHBOUR_REACH: Final = 3
"""How many levels away a vertebra may serve as reference of the raw and of the neighbour loss."""

NORMAL_CONCAVITY: Final = 0.06
"""A middle height below the anterior one by no more than this share of the reference is no biconcavity."""

POSTERIOR_MM: Final = (
    16.4, 17.4, 17.7, 18.1, 18.7, 19.3, 19.8, 20.5, 21.4, 22.8, 24.4, 26.2, 27.5, 28.2, 28.2, 27.6, 25.8,
)  # fmt: skip
WEDGE: Final = (
    .99, .98, .97, .965, .955, .95, .945, .945, .95, .955, .945, .94, .95, .975, 1.0, 1.03, 1.11,
)  # fmt: skip
"""Usual posterior height of T1 to L5 and the anterior one over it; only ratios between levels matter here.

Round means of adults between published morphometry (Panjabi 1992, Busscher 2010) and real vertebra masks.
"""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """One vertebra of a spine: its level (None where the numbering is unknown) and its heights."""

    level: str | None
    heights: Heights


@dataclass(frozen=True, slots=True)
class HeightLoss:
    """Losses of one vertebra (0-1), and the heights that they refer to.

    Attributes
    ----------
    reference_mm : the tallest comparable height: what ``raw`` refers to
    expected : the neighbours' heights, scaled to this level: what ``neighbour`` refers to
    neighbour, expected : None where there is no other vertebra near enough
    """

    raw: float
    neighbour: float | None
    reference_mm: float
    expected: Heights | None


def measure(points: HeightPoints) -> Heights:
    """Point-to-point heights in mm."""
    return Heights(
        _distance(points.anterior_superior, points.anterior_inferior),
        _distance(points.middle_superior, points.middle_inferior),
        _distance(points.posterior_superior, points.posterior_inferior),
    )


def height_losses(spine: Sequence[Measured]) -> tuple[HeightLoss, ...]:
    """Losses of every vertebra of one spine, given cranial to caudal.

    The tallest comparable height of the raw loss is the greatest of the own anterior, the own posterior and
    the median of the sound neighbours' tallest heights, scaled to the own level. A neighbour that lost 20 %
    by its own heights is not sound.
    """
    if not spine:
        return ()
    heights = np.array([astuple(vertebra.heights) for vertebra in spine])
    norm = np.array([_norm(vertebra.level) for vertebra in spine])
    order = np.array([_order(vertebra.level, number) for number, vertebra in enumerate(spine)])
    tallest, norm_tallest = heights[:, [0, 2]].max(axis=1), norm[:, [0, 2]].max(axis=1)
    sound = heights.min(axis=1) > (1 - FRACTURED) * tallest
    found = []
    for own in range(len(spine)):
        away = np.abs(order - order[own])
        near = sound & (away > 0) & (away <= RAW_REACH)
        reference = _expected(tallest, norm_tallest, near, own).max(initial=tallest[own])
        around = (away > 0) & (away <= NEIGHBOUR_REACH)
        same = _expected(heights, norm, around, own)
        neighbour = float((1 - heights[own] / same).max()) if len(same) else None
        expected = Heights(*map(float, same)) if len(same) else None
        raw = float(1 - heights[own].min() / reference)
        found.append(HeightLoss(raw, neighbour, float(reference), expected))
    return tuple(found)


def deformity(own: Heights, reference_mm: float) -> Deformity:
    """Genant's type: crush where the posterior height is lost too, else by the lower of the other two."""
    anterior, middle, posterior = 1 - np.array(astuple(own)) / reference_mm
    if posterior >= FRACTURED and posterior > 0.6 * max(anterior, middle):
        return Deformity.CRUSH
    return Deformity.WEDGE if anterior >= middle - NORMAL_CONCAVITY else Deformity.BICONCAVE


def _expected(heights: Array, norm: Array, others: NDArray[np.bool_], own: int) -> Array:
    """The median of the others' heights, scaled to the level of ``own``; empty without others."""
    if not others.any():
        return np.empty(0)
    return np.atleast_1d(np.median(heights[others] / norm[others], axis=0) * norm[own])


def _norm(level: str | None) -> tuple[float, float, float]:
    """Usual heights of a level; without a level all are alike."""
    if level is None:
        return 1.0, 1.0, 1.0
    number = LEVELS.index(level) - LEVELS.index("T1")
    anterior, posterior = POSTERIOR_MM[number] * WEDGE[number], POSTERIOR_MM[number]
    return anterior, 0.9 * (anterior + posterior) / 2, posterior


def _order(level: str | None, number: int) -> int:
    return number if level is None else LEVELS.index(level)


def _distance(upper: Sequence[float], lower: Sequence[float]) -> float:
    return float(np.linalg.norm(np.subtract(upper, lower)))
