"""A bent rod and a grid in; the rod painted on it as bone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid
from training.phantom.boxes import Array32, blend_bone, box_around, voxel_mm

Array = NDArray[np.float64]

EYE = np.eye(3)


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A bent rod: points (n, 3) LPS mm, one radius a point, the shell's HU and thickness, the core's HU."""

    points: Array
    radii_mm: Array
    shell_hu: float
    shell_mm: float
    core_hu: float


def paint_tube(hu: Array32, grid: Grid, tube: Tube) -> None:
    """Paint a tube segment by segment; each takes the voxels between its two ends."""
    width = max(voxel_mm(grid), 0.8)
    for a, b, ra, rb in zip(tube.points, tube.points[1:], tube.radii_mm, tube.radii_mm[1:], strict=False):
        reach = max(ra, rb) + width
        centre = (a + b) / 2
        half = np.abs(b - a) / 2 + reach
        box = box_around(grid, centre, EYE, -half, half)
        if box is None:
            continue
        axis = (b - a) / np.linalg.norm(b - a)
        x, y, z = (np.float32(c) for c in axis)
        along = box.x * x + box.y * y + box.z * z
        length = np.float32(np.linalg.norm(b - a))
        across = np.sqrt(np.maximum(box.x**2 + box.y**2 + box.z**2 - along**2, 0))
        part = along / length + np.float32(0.5)
        distance = across - (np.float32(ra) + np.float32(rb - ra) * np.clip(part, 0, 1))
        ends = (np.abs(part - np.float32(0.5)) - np.float32(0.5)) * length - np.float32(0.12 * ra)
        distance = np.where(ends > 0, np.float32(99), distance)
        blend_bone(hu[box.slices], distance, tube.shell_hu, tube.shell_mm, tube.core_hu, width)
