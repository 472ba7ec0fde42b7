"""Where neighbouring vertebrae came out in; whether two are one or one is missing, where to look again."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS
from inference.numbering import spacing_mm

Array = NDArray[np.float64]

ONE_PLACE_MM: Final = 8.0
"""No two bodies, crushed ones included, have their middles nearer to each other."""

WIDE_STEP: Final = 1.6
"""Two vertebrae further apart than so many times what their names say have another between them."""


def are_one(upper_mm: Array, lower_mm: Array) -> bool:
    """Whether two LPS places (3,) are in one body."""
    return bool(np.linalg.norm(upper_mm - lower_mm) < ONE_PLACE_MM)


def have_room(upper_mm: Array, lower_mm: Array, upper: str | None, lower: str | None) -> bool:
    """Whether another vertebra lies between two of these levels; unknown levels tell nothing."""
    if upper is None or lower is None:
        return False
    expected = sum(spacing_mm()[LEVELS.index(upper) : LEVELS.index(lower)])
    return bool(np.linalg.norm(upper_mm - lower_mm) > WIDE_STEP * expected)


def reseated(places_mm: Sequence[Array], levels: Sequence[str | None]) -> list[Array] | None:
    """Where to look again, if one vertebra came out twice and another not at all; None in any other case.

    As many were found as there are, so the names hold: those between the double and the gap move up, each to
    its neighbour's place, and the last of them into the gap.
    """
    steps = list(enumerate(pairwise(places_mm)))
    doubles = [number for number, both in steps if are_one(*both)]
    gaps = [number for number, both in steps if have_room(*both, *levels[number : number + 2])]
    if len(doubles) != 1 or len(gaps) != 1:
        return None
    (double,), (gap,) = doubles, gaps
    places = list(places_mm)
    missed = (places[gap] + places[gap + 1]) / 2
    del places[double]
    places.insert(gap if double < gap else gap + 1, missed)
    return places
