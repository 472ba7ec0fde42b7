"""A trained localiser and held-out torsos in; what it finds and names, with intervals by patient, out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from inference.model import Localiser
from inference.numbering import Chain, Peak, number_chain
from inference.spine import draw_maps, find_peaks
from training.metrics import REPLICATES
from training.phantom.paint import UNNAMED
from training.samples import Torso

MATCH_MM = 12.0
"""A point this near to a vertebra's centre has found it."""


@dataclass(frozen=True, slots=True)
class Located:
    """What was found in one torso.

    Attributes
    ----------
    true, nameable : vertebrae it has, and those that have one of ``LEVELS``
    found, false : points on one of them, and on none
    right : points with the right level
    distances_mm : of the found ones
    """

    true: int
    nameable: int
    found: int
    false: int
    right: int
    distances_mm: tuple[float, ...]


def torso_peaks(network: Localiser, torso: Torso, voxel_mm: float) -> list[Peak]:
    """The localiser's peaks in one torso, placed in mm from its first voxel."""
    affine = np.array([[0, 0, voxel_mm, 0], [0, voxel_mm, 0, 0], [voxel_mm, 0, 0, 0], [0, 0, 0, 1.0]])
    return find_peaks(draw_maps([torso.hu], affine, network))


def locate(
    points: list[Peak], torso: Torso, voxel_mm: float, threshold: float, temperature: float
) -> Located:
    """Found, false and rightly named points in one torso, after the chain."""
    chain = number_chain(points, threshold, temperature)
    pairs, distances = match(chain, torso, voxel_mm)
    count = len(chain.peaks) if chain else 0
    right = sum(chain.levels[own] == torso.levels[other] for own, other in pairs) if chain else 0
    nameable = int((torso.levels != UNNAMED).sum())
    return Located(len(torso.levels), nameable, len(pairs), count - len(pairs), right, tuple(distances))


def localiser_figures(located: Sequence[Located], patient: Sequence[str]) -> dict[str, Any]:
    """Counts and shares over all torsos, shares with their 95 % bootstrap interval over patients."""
    figures: dict[str, Any] = {
        "torsos": len(located),
        "vertebrae": sum(one.true for one in located),
        "found": sum(one.found for one in located),
        "false_points": sum(one.false for one in located),
    }
    again = _drawn_again(located, patient)
    for name, share in SHARES.items():
        figures[name] = round(share(located), 4)
        figures[f"{name}_interval"] = _interval([share(drawn) for drawn in again])
    return figures


def _drawn_again(located: Sequence[Located], patient: Sequence[str]) -> list[list[Located]]:
    """Replicates of the torsos: as many patients, drawn with replacement; none where there is only one."""
    patients, owner = np.unique(np.array(patient), return_inverse=True)
    if len(patients) < 2:
        return []
    own = [[one for one, who in zip(located, owner, strict=True) if who == n] for n in range(len(patients))]
    rng = np.random.default_rng(0)
    return [[one for n in rng.integers(len(own), size=len(own)) for one in own[n]] for _ in range(REPLICATES)]


def _interval(drawn: list[float]) -> str:
    """The middle 95 %, as people read it."""
    if not drawn:
        return "not measurable"
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{low:.3f} to {high:.3f}"


def _found(located: Sequence[Located]) -> float:
    return sum(one.found for one in located) / max(1, sum(one.true for one in located))


def _identified(located: Sequence[Located]) -> float:
    return sum(one.right for one in located) / max(1, sum(one.nameable for one in located))


def _level_right(located: Sequence[Located]) -> float:
    return sum(one.right for one in located) / max(1, sum(one.found for one in located))


def _flawless(located: Sequence[Located]) -> float:
    """Studies in which every vertebra is found and rightly named, and nothing else."""
    whole = [one.right == one.nameable and one.found == one.true and not one.false for one in located]
    return float(np.mean(whole)) if whole else 0.0


def _distance(located: Sequence[Located]) -> float:
    distances = [mm for one in located for mm in one.distances_mm]
    return float(np.mean(distances)) if distances else 0.0


SHARES: dict[str, Callable[[Sequence[Located]], float]] = {
    "found_share": _found,
    "level_right_share": _level_right,
    "identification_rate": _identified,
    "flawless_study_share": _flawless,
    "mean_distance_mm": _distance,
}


def match(chain: Chain | None, torso: Torso, voxel_mm: float) -> tuple[list[tuple[int, int]], list[float]]:
    """Pairs (chain index, torso index) nearer than ``MATCH_MM``, with their distances."""
    if chain is None or not len(torso.centres):
        return [], []
    own = np.array([peak.centre_mm for peak in chain.peaks])
    true = torso.centres[:, ::-1] * voxel_mm
    distance = np.linalg.norm(own[:, None] - true[None], axis=2)
    rows, columns = linear_sum_assignment(distance)
    near = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if distance[i, j] <= MATCH_MM]
    return near, [float(distance[i, j]) for i, j in near]
