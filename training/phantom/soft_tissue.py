"""A trunk and a grid in; skin, fat, muscle, lungs, vessels and organs painted on the grid out."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.volume import Grid
from training.phantom.lattice import Lattice, Region, bring_to, lattice_for
from training.phantom.organs import (
    FAT_HU,
    dome,
    paint_abdomen,
    paint_head,
    paint_mediastinum,
    paint_pelvis,
    paint_vessels,
)
from training.phantom.strokes import ellipse, paint_column_tube, paint_ellipsoid, rows
from training.phantom.trunk import CAGE_BACK_MM, Trunk

Array32 = NDArray[np.float32]

LUNG_HU = -860.0


def _column(values: NDArray[np.float64]) -> Array32:
    return values.astype(np.float32)[:, None, None]


def paint_soft_tissue(trunk: Trunk, grid: Grid) -> Array32:
    """Soft tissue at every voxel of the grid, HU."""
    lattice = lattice_for(grid, trunk)
    outside = _paint_skin(lattice, trunk)
    _paint_thorax(lattice, trunk)
    paint_abdomen(lattice, trunk)
    paint_mediastinum(lattice, trunk)
    _paint_back(lattice, trunk)
    paint_vessels(lattice, trunk)
    paint_head(lattice, trunk)
    paint_pelvis(lattice, trunk)
    lattice.blend((slice(None),) * 3, -outside, -1000.0)
    _paint_shoulders(lattice, trunk)
    _paint_table(lattice, trunk)
    _paint_strands(lattice, trunk)
    return bring_to(grid, lattice)


def _paint_skin(lattice: Lattice, trunk: Trunk) -> Array32:
    """Skin, fat and the muscle under it; returns the signed distance to the skin."""
    width, depth, offset = (_column(a) for a in trunk.skin_at(lattice.z))
    skin_x, skin_y = trunk.skin_spine_at(lattice.z)
    u = lattice.x[None, None, :].astype(np.float32) - _column(skin_x)
    v = lattice.y[None, :, None].astype(np.float32) - _column(skin_y) - offset
    rest = np.hypot(np.abs(u / width) ** 1.15, np.abs(v / depth) ** 1.15)
    distance = (rest - 1) * np.minimum(width, depth) * np.float32(0.87)
    whole = (slice(None),) * 3
    lattice.blend(whole, distance, 10.0)
    lattice.blend(whole, distance + 2.5, FAT_HU)
    level_ = lattice.level
    torso = np.clip((level_ - 6) / 3, 0, 1)
    lattice.blend(whole, distance + 5 + np.float32(trunk.fat_mm - 5) * torso, trunk.muscle_hu)
    if (level_ > 33).any():
        between = 8 - np.abs(u)
        distance = np.maximum(distance, np.where(level_ > 32.5, between, np.float32(-99)))
    return np.asarray(distance, dtype=np.float32)


def _cage(lattice: Lattice, trunk: Trunk, region: Region) -> Array32:
    """Signed distance to the rib cage's outer wall over a region."""
    u, v, _ = lattice.places(region)
    width, depth = (a.astype(np.float32) for a in trunk.cage_at(lattice.level[region[0]].astype(np.float64)))
    return ellipse(u, v + depth - np.float32(CAGE_BACK_MM * trunk.cage), width, depth)


def _paint_thorax(lattice: Lattice, trunk: Trunk) -> None:
    region = rows(lattice, trunk, 6.9, 19.2)
    if region[0].start >= region[0].stop:
        return
    u, v, z = lattice.places(region)
    wall = _cage(lattice, trunk, region)
    lattice.blend(region, wall - 1, trunk.muscle_hu - 5)
    lattice.blend(region, wall + 10, 15.0)
    # Lungs: inside the wall, beside the spine and its muscles, above the diaphragm.
    spine = ellipse(u, v, 21.0, 26.0)
    muscles = 24 + 0.9 * (v - 4) - np.abs(u)
    middle = ellipse(u - 4, v + 78, 33.0 + 0 * u, 60.0)
    outside = np.maximum(np.maximum(wall + 14, -spine), np.maximum(-middle, np.where(v > 4, muscles, -50)))
    outside = np.maximum(outside, (dome(trunk, u, v) - z) * np.float32(0.6))
    density = LUNG_HU + 40 * (v + 70) / 100 + lung_texture(lattice, region, trunk.seed)
    lattice.blend(region, outside.astype(np.float32), density.astype(np.float32))


def lung_texture(lattice: Lattice, region: Region, seed: int) -> Array32:
    """HU that vessels and bronchi add inside the lungs, by place."""
    return _tiled(lattice, region, _vessels(seed % 3))


@lru_cache(maxsize=3)
def _vessels(seed: int) -> Array32:
    """Periodic tile at 2.5 mm: thin bright ridges where two smooth fields both cross zero."""
    rng = np.random.default_rng(100 + seed)
    a, b = (ndimage.gaussian_filter(rng.normal(size=(60, 52, 56)), 2.6, mode="wrap") for _ in range(2))
    ridge = np.exp(-((a / a.std()) ** 2 + (b / b.std()) ** 2) / 0.05)
    return np.asarray(ridge * 700, dtype=np.float32)


@lru_cache(maxsize=1)
def _strands() -> Array32:
    """Periodic tile at 2.5 mm: thin sheets of fat between bundles of muscle, 0 to 1."""
    rng = np.random.default_rng(99)
    field = ndimage.gaussian_filter(rng.normal(size=(50, 54, 58)), (5, 1.8, 1.8), mode="wrap")
    return np.asarray(np.exp(-((field / field.std() / 0.25) ** 2)), dtype=np.float32)


def _tiled(lattice: Lattice, region: Region, tile: Array32) -> Array32:
    index = [
        (np.rint(a[part] / 2.5).astype(int) % n)
        for a, part, n in zip((lattice.z, lattice.y, lattice.x), region, tile.shape, strict=True)
    ]
    return tile[np.ix_(*index)]


def _paint_strands(lattice: Lattice, trunk: Trunk) -> None:
    """Fat between the bundles of muscle behind the spine and in the wall, more of it in old people."""
    region: Region = (slice(None), slice(None), slice(None))
    hu = lattice.hu
    muscle = (hu > trunk.muscle_hu - 8) & (hu < trunk.muscle_hu + 8) & (lattice.v > 0)
    hu -= muscle * np.float32(25 + 90 * trunk.organs[8]) * _tiled(lattice, region, _strands())


def _paint_back(lattice: Lattice, trunk: Trunk) -> None:
    """Psoas, erector spinae and the fat between them, and the spinal canal."""
    muscle = trunk.muscle_hu
    strength = 0.85 + 0.3 * trunk.organs[12]
    for side in (-1, 1):
        erector = np.array([
            (2, 16, 36, 12, 1.0), (7, 22, 40, 16, 0.9), (12, 26, 43, 17, 0.9), (17, 32, 46, 22, 0.9),
            (20, 36, 50, 27, 0.85), (22.5, 36, 54, 27, 0.85), (25, 30, 48, 18, 0.8),
        ])  # fmt: skip
        erector[:, 1] *= side
        fat = erector.copy()
        fat[:, 3] += 1.5
        paint_column_tube(lattice, (1, 25), fat, -20.0 - 60 * trunk.organs[9], trunk)
        erector[:, 3] *= strength
        paint_column_tube(lattice, (1, 25), erector, muscle, trunk)
        psoas = np.array([
            (18.5, 27, 2, 5, 1), (20, 32, 0, 12, 1.2), (22, 42, -6, 20, 1.05), (23.5, 50, -18, 23, 1.0),
            (26, 66, -45, 20, 1), (29, 88, -62, 16, 1),
        ])  # fmt: skip
        psoas[:, 1] *= side
        psoas[:, 3] *= strength
        paint_column_tube(lattice, (18.5, 29), psoas, muscle, trunk)
        quadratus = np.array([(19, 62, 22, 11, 1.5), (23, 78, 20, 14, 1.5)], dtype=float)
        quadratus[:, 1] *= side
        paint_column_tube(lattice, (19, 23.4), quadratus, muscle, trunk)
    canal = np.array([
        (0, 0, 20, 12, 0.9), (4, 0, 17, 11, 0.85), (7, 0, 19, 9.5, 0.9), (12, 0, 22, 8.5, 1),
        (18, 0, 26, 10, 0.9), (23, 0, 28, 11.5, 0.85), (25, 0, 26, 11, 0.7),
    ])  # fmt: skip
    paint_column_tube(lattice, (-0.5, 25), canal, -50.0, trunk)
    canal[:, 3] -= 2.2
    paint_column_tube(lattice, (-0.5, 25), canal, 22.0, trunk)
    cord = canal.copy()
    cord[:, 3] *= 0.55
    paint_column_tube(lattice, (-0.5, 19.5), cord, 38.0, trunk)


def _paint_shoulders(lattice: Lattice, trunk: Trunk) -> None:
    """Deltoid and upper arm, which reach beyond the trunk's own outline."""
    z = trunk.height_at(trunk.shoulders)
    wide = 155 * trunk.girth
    along = 110 if trunk.arms_up else -130
    for side in (-1, 1):
        paint_ellipsoid(lattice, (side * (wide - 8), -14, z + 10), (58, 56, 72), FAT_HU)
        paint_ellipsoid(lattice, (side * (wide - 8), -14, z + 10), (48, 46, 62), trunk.muscle_hu)
        out = wide + (5 if trunk.arms_up else 16)
        paint_ellipsoid(lattice, (side * out, -28, z + along), (44, 46, 120), FAT_HU)
        paint_ellipsoid(lattice, (side * out, -28, z + along), (36, 38, 112), trunk.muscle_hu)


def _paint_table(lattice: Lattice, trunk: Trunk) -> None:
    if trunk.table_mm is None:
        return
    _, depth, offset = trunk.skin_at(trunk.centres[8:24, 2])
    _, spine = trunk.skin_spine_at(trunk.centres[8:24, 2])
    back = float((spine + offset + depth).max()) + trunk.table_mm * 0.3
    y = lattice.y[None, :, None].astype(np.float32)
    x = lattice.x[None, None, :].astype(np.float32)
    top = back + 12 - 18 * (x / 210) ** 2
    sheet = np.abs(y - top - 2) - 2
    whole = (slice(None),) * 3
    beside = np.abs(x) - 225
    shape = np.maximum(sheet, beside) + 0 * lattice.level
    lattice.blend(whole, np.asarray(shape, dtype=np.float32), -250.0)
    core = np.maximum(np.abs(y - top - 14) - 10, beside) + 0 * lattice.level
    lattice.blend(whole, np.asarray(core, dtype=np.float32), -930.0)
