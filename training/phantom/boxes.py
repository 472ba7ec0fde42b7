"""A grid and a place in; the voxels near it with their coordinates in a local frame out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid, Volume, sample
from training.phantom.anatomy import HIP_STEP_MM, SDF_UNIT_MM

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A part of a grid: its slices and, for each voxel, the place in some frame (three float32 arrays)."""

    slices: tuple[slice, slice, slice]
    x: Array32
    y: Array32
    z: Array32


def box_around(grid: Grid, centre: Array, axes: Array, low: Array, high: Array) -> Box | None:
    """The voxels near the box ``low`` to ``high`` (mm in frame ``axes`` at ``centre``); None without any."""
    to_index = np.linalg.inv(grid.affine)
    linear = to_index[:3, :3] @ axes.T
    middle = linear @ ((low + high) / 2) + to_index[:3, :3] @ centre + to_index[:3, 3]
    reach = np.abs(linear) @ ((high - low) / 2)
    first = np.maximum(np.floor(middle - reach).astype(int), 0)
    last = np.minimum(np.ceil(middle + reach).astype(int) + 1, grid.shape)
    if (last <= first).any():
        return None
    matrix = axes @ grid.affine[:3, :3]
    offset = axes @ (grid.affine[:3, 3] - centre)
    i, j, k = (np.arange(a, b, dtype=np.float32) for a, b in zip(first, last, strict=True))
    x, y, z = (
        np.asarray(
            (row[0] * i + shift)[:, None, None] + ((row[1] * j)[:, None] + row[2] * k[None, :])[None],
            dtype=np.float32,
        )
        for row, shift in zip(matrix.astype(np.float32), offset.astype(np.float32), strict=True)
    )
    a, b, c = (slice(int(start), int(stop)) for start, stop in zip(first, last, strict=True))
    return Box((a, b, c), x, y, z)


def part_of(grid: Grid, box: Box) -> Grid:
    """The part of ``grid`` that ``box`` covers, as a grid of its own."""
    affine = grid.affine.copy()
    affine[:3, 3] += grid.affine[:3, :3] @ np.array([part.start for part in box.slices])
    slices, rows, columns = box.x.shape
    return Grid((slices, rows, columns), affine)


def sample_distance(packed: NDArray[np.int8], affine: Array, grid: Grid) -> Array32:
    """A packed signed distance (`anatomy.SDF_UNIT_MM` a step) on ``grid``, in the template's own mm.

    ``affine`` maps the template's index (z, y, x) to LPS mm; outside the template is far outside the bone.
    """
    fine = 64
    found = sample(Volume(packed.astype(np.int16) * fine, affine, 1.0), grid, 127 * fine)
    return found.astype(np.float32) * np.float32(SDF_UNIT_MM / fine)


def template_box(grid: Grid, packed: NDArray[np.int8], origin: Array32, to_lps: Array) -> Box | None:
    """The voxels that a packed template covers, with their places in LPS mm along its own axes."""
    low = origin.astype(np.float64)
    high = low + np.array(packed.shape[::-1]) * HIP_STEP_MM
    scale = _scale(to_lps)
    return box_around(grid, to_lps[:3, 3], to_lps[:3, :3].T / scale, low * scale, high * scale)


def template_distance(packed: NDArray[np.int8], origin: Array32, to_lps: Array, part: Grid) -> Array32:
    """Signed distance to a packed template, in LPS mm; ``to_lps`` (4, 4) maps its own mm to LPS."""
    index = np.eye(4)
    index[:3, :3] = np.eye(3)[:, ::-1] * HIP_STEP_MM
    index[:3, 3] = origin
    return sample_distance(packed, to_lps @ index, part) * np.float32(_scale(to_lps))


def _scale(to_lps: Array) -> float:
    return float(abs(np.linalg.det(to_lps[:3, :3])) ** (1 / 3))


def voxel_mm(grid: Grid) -> float:
    """Size of a cube with a voxel's volume."""
    return float(abs(np.linalg.det(grid.affine[:3, :3])) ** (1 / 3))


def cover(distance: Array32, width_mm: float) -> Array32:
    """Share of a voxel inside a surface at signed ``distance`` from the voxel's centre."""
    return np.asarray(np.clip(np.float32(0.5) - distance * np.float32(1 / width_mm), 0, 1), np.float32)


def blend_bone(
    hu: Array32,
    distance: Array32,
    shell_hu: float,
    shell_mm: Array32 | float,
    inner: Array32 | float,
    width_mm: float,
) -> None:
    """Blend a shell and what it holds into ``hu`` (a view), partial volume included."""
    whole = cover(distance, width_mm)
    core = cover(np.asarray(distance + shell_mm, dtype=np.float32), width_mm)
    hu *= 1 - whole
    hu += (whole - core) * np.float32(shell_hu) + core * inner
