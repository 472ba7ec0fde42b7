"""Neighbouring vertebrae and a grid in; the intervertebral discs between them painted on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid
from training.phantom.boxes import box_around, cover, voxel_mm
from training.phantom.column import Placed, unit

Array32 = NDArray[np.float32]

DISC_HU = 82.0

VACUUM_SHARE = 0.04
VACUUM_SHARE_LOW = 0.2
"""How often gas lies in a disc, and in the two lowest, which carry the most."""


@dataclass(frozen=True, slots=True)
class Disc:
    """Attenuation of one disc: HU, how far it bulges (share of the radius), calcium and gas in its middle."""

    hu: float
    bulge: float
    calcified: bool
    vacuum: bool


def draw_discs(count: int, rng: np.random.Generator) -> tuple[Disc, ...]:
    """Draw the discs between ``count`` + 1 vertebrae."""
    return tuple(
        Disc(
            float(rng.normal(DISC_HU, 12)),
            float(np.clip(rng.normal(0.03, 0.04), -0.03, 0.15)),
            bool(rng.random() < 0.04),
            bool(rng.random() < (VACUUM_SHARE_LOW if number >= count - 2 else VACUUM_SHARE)),
        )
        for number in range(count)
    )


def paint_discs(hu: Array32, grid: Grid, vertebrae: Sequence[Placed], discs: Sequence[Disc]) -> None:
    """Paint each disc as a cylinder that reaches into both neighbours; bone is painted over it afterwards."""
    width = max(voxel_mm(grid), 0.8)
    for upper, lower, disc in zip(vertebrae, vertebrae[1:], discs, strict=False):
        if upper.body is None or lower.body is None:
            continue
        axis = unit(upper.centre - lower.centre)
        axes = lower.axes.copy()
        axes[1] = unit(axes[1] - (axes[1] @ axis) * axis)
        axes[0], axes[2] = np.cross(axes[1], axis), axis
        top = float(lower.body.superior_mm[16, 16])
        bottom = float(np.linalg.norm(upper.centre - lower.centre)) + float(upper.body.inferior_mm[16, 16])
        half = max((bottom - top) / 2, 1.0) + 2.5
        centre = lower.centre + axis * (top + bottom) / 2
        a = (upper.body.half_width_mm + lower.body.half_width_mm) / 2 * (1 + disc.bulge)
        b = (upper.body.half_depth_mm + lower.body.half_depth_mm) / 2 * (1 + disc.bulge)
        reach = np.array([a, b, half + 3]) + 2
        box = box_around(grid, centre, axes, -reach, reach)
        if box is None:
            continue
        relative = np.hypot(box.x * np.float32(1 / a), box.y * np.float32(1 / b))
        height = np.abs(box.z)
        distance = np.maximum((relative - 1) * np.float32(b), height - np.float32(half + 3) + 3 * relative)
        value = np.full_like(distance, disc.hu) + 25 * np.clip(relative, 0, 1) ** 4
        if disc.calcified:
            value += 350 * np.clip(1 - np.hypot(box.x / 9, (box.y + 2) / 7) - 0.15 * height, 0, 1)
        if disc.vacuum:
            value -= 900 * np.clip(1.3 * (1 - np.hypot(box.x / 15, box.y / 11)) - 0.6 * height + 0.3, 0, 1)
        part = hu[box.slices]
        part += cover(distance, width) * (value - part)
