"""A random generator in; which vertebrae have an unusual shape (wedged, short, Scheuermann-like) out."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.levels import LEVELS

GRADED: Final = LEVELS[7:24]
"""T1 to L5, in order."""


@dataclass(frozen=True, slots=True)
class Variant:
    """How a normal body differs from its level's norm.

    Attributes
    ----------
    name : what it is called among the look-alikes
    wedge : added to the ratio of anterior to posterior height
    height : times the norm
    rough_mm : added unevenness of the end plates
    depth, width : times the norm
    bow_mm : depth of two hollows in the lower end plate, beside the midline and behind the middle
    cleft_mm : half width of a cleft from front to back, 0 without one
    """

    name: str
    wedge: float = 0.0
    height: float = 1.0
    rough_mm: float = 0.0
    depth: float = 1.0
    width: float = 1.0
    bow_mm: float = 0.0
    cleft_mm: float = 0.0


PLAIN: Final = Variant("plain")


def draw_variants(share: float, rng: np.random.Generator) -> dict[str, Variant]:
    """Draw the unusual levels; about a quarter of ``share`` of the vertebrae."""
    found = {}
    for level in GRADED:
        if rng.random() < share / 4:
            if rng.random() < 0.6:
                found[level] = Variant("physiologic wedge", wedge=float(rng.uniform(-0.08, -0.03)))
            else:
                found[level] = Variant("short", height=float(rng.uniform(0.88, 0.95)))
    if rng.random() < share / 5:
        first = int(rng.integers(3, 10))
        for level in GRADED[first : first + int(rng.integers(3, 6))]:
            wedge = float(rng.uniform(-0.09, -0.03))
            found[level] = Variant("Scheuermann-like", wedge=wedge, rough_mm=float(rng.uniform(0.2, 0.6)))
    return found
