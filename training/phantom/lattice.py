"""A grid in; an axis-aligned lattice over it out, on which soft tissue is painted and then brought back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid, Volume, sample
from training.phantom.trunk import Trunk

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

COARSE_MM = 2.5
"""Soft tissue needs no finer lattice; edges of bone and metal are painted on the grid itself."""

Span = tuple[float, float]
Region = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """HU on a lattice (z, y, x) and where its voxels lie.

    ``u`` (nz, 1, nx) and ``v`` (nz, ny, 1) are mm to the left of and behind the spine; ``level`` (nz, 1, 1)
    is the level coordinate.
    """

    hu: Array32
    affine: Array
    x: Array
    y: Array
    z: Array
    u: Array32
    v: Array32
    level: Array32
    step_mm: float

    def region(self, z: Span, u: Span = (-400, 400), v: Span = (-400, 400)) -> Region:
        """Slices that hold heights ``z`` (mm), and at least the places ``u`` and ``v`` there."""
        rows = _within(self.z, *z)
        if rows.start >= rows.stop:
            return rows, slice(0, 0), slice(0, 0)
        return (
            rows,
            _within_any(self.v[rows, :, 0], *v),
            _within_any(self.u[rows, 0, :], *u),
        )

    def places(self, region: Region) -> tuple[Array32, Array32, Array32]:
        """u, v and z over a region, ready to broadcast."""
        rows, lines, columns = region
        z = self.z[rows].astype(np.float32)[:, None, None]
        return self.u[rows, :, columns], self.v[rows, lines, :], z

    def blend(self, region: Region, distance: Array32, hu: Array32 | float) -> None:
        """Paint ``hu`` inside a surface at signed ``distance`` (mm) over a region."""
        part = self.hu[region]
        share = np.clip(np.float32(0.5) - distance / np.float32(self.step_mm), 0, 1)
        part += share * (hu - part)


def _within(places: Array, low: float, high: float) -> slice:
    hit = np.flatnonzero((places >= low) & (places <= high))
    return slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0)


def _within_any(places: Array32, low: float, high: float) -> slice:
    hit = np.flatnonzero(((places >= low) & (places <= high)).any(0))
    return slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0)


def _is_plain(grid: Grid) -> bool:
    """True for a coarse axial grid, on which soft tissue can be painted directly."""
    linear = grid.affine[:3, :3]
    plain = np.allclose(linear, np.diag(np.diag(linear[::-1]))[::-1])
    return bool(plain and np.diag(linear[::-1]).min() >= COARSE_MM - 0.1)


def lattice_for(grid: Grid, trunk: Trunk) -> Lattice:
    """A lattice of air that covers ``grid``."""
    if _is_plain(grid):
        low, shape = grid.affine[:3, 3], grid.shape
        steps = np.array([grid.affine[0, 2], grid.affine[1, 1], grid.affine[2, 0]])
    else:
        corners = np.stack(np.meshgrid(*[(0.0, n - 1.0) for n in grid.shape], indexing="ij"), -1).reshape(
            -1, 3
        )
        world = corners @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        steps = np.full(3, COARSE_MM)
        low = world.min(0) - COARSE_MM
        size = np.ceil((world.max(0) + COARSE_MM - low) / COARSE_MM).astype(int) + 1
        shape = (int(size[2]), int(size[1]), int(size[0]))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(steps)[:, ::-1]
    affine[:3, 3] = low
    z, y, x = (low[2 - k] + steps[2 - k] * np.arange(shape[k]) for k in range(3))
    spine_x, spine_y = trunk.spine_at(z)
    return Lattice(
        np.full(shape, -1000, np.float32),
        affine,
        x,
        y,
        z,
        (x[None, None, :] - spine_x[:, None, None]).astype(np.float32),
        (y[None, :, None] - spine_y[:, None, None]).astype(np.float32),
        trunk.level_at(z).astype(np.float32)[:, None, None],
        float(steps.mean()),
    )


def bring_to(grid: Grid, lattice: Lattice) -> Array32:
    """HU of the lattice on the grid."""
    if _is_plain(grid):
        return lattice.hu
    voxels = np.clip(np.rint(lattice.hu), -32768, 32767).astype(np.int16)
    return sample(Volume(voxels, lattice.affine, lattice.step_mm), grid, -1000).astype(np.float32)
