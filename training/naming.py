"""Held-out torsos and a localiser's peaks in them in; how far its numbering can be trusted out.

A whole torso is easy to number. What a spine protocol shows, a few vertebrae and little beside them, is not:
the doubt is fitted to both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.numbering import Chain, Peak, number_chain
from training.evaluate import match
from training.samples import Torso

VIEW_VERTEBRAE: Final = (2, 9)
"""A close view shows at least so many vertebrae, and fewer than so many."""

VIEW_MM: Final = (80.0, 170.0)
"""Depth and width of a close view."""

RIGHT_SHARE: Final = 0.95
"""So many of the studies whose vertebrae get names shall get the right ones."""

TEMPERATURES: Final = np.geomspace(2, 32, 9)
"""Never below 2: real spines are not as regular as drawn ones, and neighbours share their evidence."""

LEAST_CONFIDENCE: Final = 0.5
"""A numbering less likely than this is never given."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """One numbered torso: its confidence, and how many of the vertebrae found have the right name."""

    confidence: float
    found: int
    right: int

    @property
    def is_right(self) -> bool:
        """Whether all names are the right ones."""
        return self.right == self.found


def close_views(torsos: Sequence[Torso], voxel_mm: float, rng: np.random.Generator) -> list[Torso]:
    """One close view of every torso that shows enough vertebrae."""
    return [_close_view(torso, voxel_mm, rng) for torso in torsos if len(torso.centres) >= VIEW_VERTEBRAE[0]]


def _close_view(torso: Torso, voxel_mm: float, rng: np.random.Generator) -> Torso:
    order = np.argsort(-torso.centres[:, 0])
    count = min(int(rng.integers(*VIEW_VERTEBRAE)), len(order))
    first = int(rng.integers(len(order) - count + 1))
    shown = torso.centres[order[first : first + count]]
    across = rng.uniform(*VIEW_MM, 2) / voxel_mm
    along = 2 * rng.uniform(3, 20, 2) / voxel_mm
    middle = shown[:, 1:].mean(axis=0) + across * rng.uniform([-0.1, -0.1], [0.1, 0.1])
    low = np.array([shown[:, 0].min() - along[0], *(middle - across / 2)])
    high = np.array([shown[:, 0].max() + along[1], *(middle + across / 2)])
    low = np.clip(np.round(low), 0, None).astype(int)
    high = np.minimum(np.round(high).astype(int) + 1, torso.hu.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    inside = ((torso.centres >= low) & (torso.centres <= high - 1)).all(axis=1)
    centres = (torso.centres[inside] - low).astype(np.float32)
    return Torso(torso.hu[box], torso.body[box], centres, torso.levels[inside])


def numbered(
    peaks: Sequence[list[Peak]],
    torsos: Sequence[Torso],
    voxel_mm: float,
    threshold: float,
    temperature: float,
) -> list[Numbered]:
    """Number every torso in which at least one vertebra is found."""
    found = []
    for points, torso in zip(peaks, torsos, strict=True):
        chain = number_chain(points, threshold, temperature)
        pairs, _ = match(chain, torso, voxel_mm)
        if chain is not None and pairs:
            found.append(Numbered(chain.confidence, len(pairs), _right(chain, pairs, torso)))
    return found


def _right(chain: Chain, pairs: Sequence[tuple[int, int]], torso: Torso) -> int:
    return sum(chain.levels[own] == int(torso.levels[other]) for own, other in pairs)


def level_temperature(
    peaks: Sequence[list[Peak]], torsos: Sequence[Torso], voxel_mm: float, threshold: float
) -> float:
    """The temperature at which what is said of the numberings' certainty is likeliest."""

    def cost(temperature: float) -> float:
        all_numbered = numbered(peaks, torsos, voxel_mm, threshold, temperature)
        likelihood = [each.confidence if each.is_right else 1 - each.confidence for each in all_numbered]
        return -float(np.log(np.clip(likelihood, 1e-6, 1)).sum())

    return round(float(min(TEMPERATURES, key=cost)), 3)


def level_confidence(trials: Sequence[Numbered]) -> float:
    """The least confidence from which on ``RIGHT_SHARE`` of the numberings are right."""
    ordered = sorted(trials, key=lambda each: -each.confidence)
    right = np.cumsum([each.is_right for each in ordered]) / np.arange(1, len(ordered) + 1)
    enough = np.flatnonzero(right >= RIGHT_SHARE)
    if not len(enough):
        return 1.0
    return round(max(LEAST_CONFIDENCE, float(np.floor(1000 * ordered[enough[-1]].confidence) / 1000)), 3)


def naming_figures(trials: Sequence[Numbered], least_confidence: float) -> dict[str, float | int]:
    """How many studies get names, and how many of those the right ones."""
    named = [each for each in trials if each.confidence >= least_confidence]
    return {
        "views": len(trials),
        "vertebrae": sum(each.found for each in trials),
        "views_named": len(named),
        "views_named_right": sum(each.is_right for each in named),
        "views_likeliest_right": sum(each.is_right for each in trials),
    }
