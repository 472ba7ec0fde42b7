"""Features and a grid in; the features painted on it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid
from training.phantom.boxes import Array32, Box, box_around, cover, voxel_mm
from training.phantom.column import unit
from training.phantom.look_alikes import Feature

BONE_FROM_HU = 110.0
BONE_FULL_HU = 200.0


def paint_features(hu: Array32, grid: Grid, features: Iterable[Feature]) -> None:
    """Paint features in their order."""
    for feature in features:
        _paint(hu, grid, feature)


def _paint(hu: Array32, grid: Grid, feature: Feature) -> None:
    width = max(voxel_mm(grid), 0.8) + feature.edge_mm
    length = float(np.linalg.norm(feature.end - feature.start))
    found = _capsule(grid, feature, length, width) if length > 0 else _ellipsoid(grid, feature, width)
    if found is None:
        return
    box, distance = found
    part = hu[box.slices]
    share = cover(distance, width)
    if feature.within_bone:
        share = share * np.clip((part - BONE_FROM_HU) / (BONE_FULL_HU - BONE_FROM_HU), 0, 1)
    part += share * (np.float32(feature.hu) - part)


def _ellipsoid(grid: Grid, feature: Feature, width: float) -> tuple[Box, Array32] | None:
    radii = np.array(feature.radii_mm)
    box = box_around(grid, feature.start, feature.axes, -radii - width, radii + width)
    if box is None:
        return None
    a, b, c = (np.float32(1 / r) for r in radii)
    radius = np.sqrt((box.x * a) ** 2 + (box.y * b) ** 2 + (box.z * c) ** 2)
    return box, ((radius - 1) * np.float32(radii.min())).astype(np.float32)


def _capsule(
    grid: Grid, feature: Feature, length: float, width: float
) -> tuple[Box, NDArray[np.float32]] | None:
    axis = unit(feature.end - feature.start)
    side = unit(np.cross(axis, feature.axes[0] if abs(axis @ feature.axes[0]) < 0.8 else feature.axes[1]))
    axes = np.stack([side, np.cross(axis, side), axis])
    radius = feature.radii_mm[0]
    reach = np.array([radius, radius, radius + length / 2]) + width
    box = box_around(grid, (feature.start + feature.end) / 2, axes, -reach, reach)
    if box is None:
        return None
    beyond = np.maximum(np.abs(box.z) - np.float32(length / 2), 0)
    distance = np.sqrt(box.x**2 + box.y**2 + beyond**2) - np.float32(radius)
    return box, distance.astype(np.float32)
