"""Placed vertebrae in; what else is drawn on and between them (osteophytes, nodes, screws, …) out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.phantom.column import Placed

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """An ellipsoid or, with two ends, a capsule that takes on ``hu`` after the bone has been painted.

    Attributes
    ----------
    name : the look-alike it belongs to
    start, end : LPS mm; equal for an ellipsoid
    radii_mm : of an ellipsoid along ``axes``; a capsule uses the first
    axes : float64 (3, 3) rows
    hu : attenuation inside
    edge_mm : width of the soft edge, beside the voxel's
    within_bone : changes only what is already bone (a lytic or sclerotic area)
    """

    name: str
    start: Array
    end: Array
    radii_mm: tuple[float, float, float]
    axes: Array
    hu: float
    edge_mm: float
    within_bone: bool


def draw_features(
    placed: Sequence[Placed], share: float, rng: np.random.Generator
) -> tuple[tuple[Feature, ...], ...]:
    """Draw each vertebra's look-alikes."""
    return tuple(() for _ in placed)
