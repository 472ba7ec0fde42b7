"""S1 and a grid in; the sacrum painted on it, with S1's end plate and what is left of the sacral discs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid
from training.phantom.anatomy import shapes
from training.phantom.boxes import (
    Box,
    blend_bone,
    box_around,
    cover,
    part_of,
    template_box,
    template_distance,
    voxel_mm,
)
from training.phantom.column import Placed

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

SHIFT_MM = 5.0
"""How far the source mesh moves up S1's axis, so that its promontory meets the drawn end plate."""

AXIS_RAD = np.radians(56)
"""Tilt of the sacral bodies' line in the source mesh, from caudal towards posterior."""

REMNANTS_MM = ((19.0, 16.0, 9.0), (43.0, 12.0, 6.0))
"""The discs S1/S2 and S2/S3: how far down that line from S1's centre, half width and half depth."""


@dataclass(frozen=True, slots=True)
class Sacrum:
    """Attenuation of a sacrum.

    Trabecular HU; how much denser the bone under S1's end plate is; HU and thickness of the discs that are
    left within it (none where the thickness is zero) and HU of the plates beside them.
    """

    trabecular_hu: float
    sclerosis_hu: float
    remnant_hu: float
    remnant_mm: tuple[float, ...]
    plate_hu: float


def draw_sacrum(trabecular_hu: float, rng: np.random.Generator) -> Sacrum:
    """Draw a sacrum for a spine of this density."""
    thickness = np.clip(rng.normal([3.2, 2.2], [1.6, 1.2]), 0, 7)
    return Sacrum(
        trabecular_hu * float(rng.uniform(0.65, 1.05)),
        float(rng.uniform(0, 260)),
        float(rng.uniform(40, 150)),
        tuple(float(mm) if mm > 0.8 else 0.0 for mm in thickness),
        float(rng.uniform(150, 500)),
    )


def paint_sacrum(hu: Array32, s1: Placed, sacrum: Sacrum, to_lps: Array, grid: Grid) -> None:
    """Paint it; ``to_lps`` (4, 4) maps the source mesh, whose origin is S1's centre, to LPS mm."""
    known = shapes()
    box = template_box(grid, known.sacrum, known.sacrum_origin_mm, to_lps)
    if box is None or s1.body is None:
        return
    part, view = part_of(grid, box), hu[box.slices]
    distance = template_distance(known.sacrum, known.sacrum_origin_mm, to_lps, part)
    inner = np.full_like(distance, sacrum.trabecular_hu)
    reach = np.array([1.3 * s1.body.half_width_mm, 1.3 * s1.body.half_depth_mm, 24.0])
    top = box_around(part, s1.centre, s1.axes, -reach, reach)
    if top is not None:
        _add_end_plate(distance[top.slices], inner[top.slices], top, s1, sacrum)
    _add_remnants(inner, box, sacrum)
    blend_bone(view, distance, 620.0, 1.3, inner, max(voxel_mm(grid), 0.8))


def _add_end_plate(distance: Array32, inner: Array32, top: Box, s1: Placed, sacrum: Sacrum) -> None:
    """Join the upper half of S1's drawn body to the mesh: a flat end plate with dense bone under it."""
    assert s1.body is not None
    body, height = s1.body.distance_mm(top.x, top.y, top.z)
    upper = np.maximum(body, -top.z)
    np.minimum(distance, upper, out=distance)
    # Nothing of the mesh lies above the end plate.
    plate = float(s1.body.superior_mm[16, 16])
    within = (
        np.hypot(top.x / np.float32(s1.body.half_width_mm), top.y / np.float32(s1.body.half_depth_mm)) < 1.1
    )
    np.maximum(distance, np.where(within, top.z - np.float32(plate + 2), np.float32(-99)), out=distance)
    depth = (1 - height) * np.float32(12)
    inner += np.float32(sacrum.sclerosis_hu) * np.exp(-depth * np.float32(0.3)) * (body < 2)


def _add_remnants(inner: Array32, box: Box, sacrum: Sacrum) -> None:
    """Draw what is left of the discs between the sacral bodies, with a plate on either side."""
    along = np.array([0.0, np.sin(AXIS_RAD), -np.cos(AXIS_RAD)])
    across = np.array([0.0, np.cos(AXIS_RAD), np.sin(AXIS_RAD)])
    for thickness, (down, width, depth) in zip(sacrum.remnant_mm, REMNANTS_MM, strict=True):
        if not thickness:
            continue
        line = np.float32(along[1]) * box.y + np.float32(along[2]) * box.z - np.float32(down)
        side = np.float32(across[1]) * box.y + np.float32(across[2]) * box.z
        relative = np.hypot(box.x * np.float32(1 / width), side * np.float32(1 / depth))
        rim = cover((relative - 1) * np.float32(depth), 1.5)
        gap = np.abs(line) - np.float32(thickness / 2)
        disc, plates = rim * cover(gap, 1.2), rim * cover(gap - np.float32(1.4), 1.2)
        inner += (plates - disc) * (np.float32(sacrum.plate_hu) - inner)
        inner += disc * (np.float32(sacrum.remnant_hu) - inner)
