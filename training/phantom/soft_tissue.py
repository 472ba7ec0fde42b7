"""A trunk and a grid in; skin, fat, muscle, lungs, vessels and organs painted on the grid out."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.levels import LEVELS
from inference.volume import Grid
from training.phantom.lattice import Lattice, Region, bring_to, lattice_for
from training.phantom.trunk import CAGE_BACK_MM, Trunk

Array32 = NDArray[np.float32]

FAT_HU, WATER_HU, LUNG_HU, SOFT_HU = -100.0, 15.0, -860.0, 40.0


def level(name: str) -> int:
    """Index of a level."""
    return LEVELS.index(name)


def ellipse(u: Array32, v: Array32, half_width: Array32 | float, half_depth: Array32 | float) -> Array32:
    """About the signed distance to an ellipse (or a stack of them)."""
    radius = np.hypot(u / half_width, v / half_depth)
    return np.asarray((radius - 1) * np.minimum(half_width, half_depth), dtype=np.float32)


def _column(values: NDArray[np.float64]) -> Array32:
    return values.astype(np.float32)[:, None, None]


def paint_soft_tissue(trunk: Trunk, grid: Grid) -> Array32:
    """Soft tissue at every voxel of the grid, HU."""
    lattice = lattice_for(grid, trunk)
    outside = _paint_skin(lattice, trunk)
    _paint_thorax(lattice, trunk)
    _paint_abdomen(lattice, trunk)
    _paint_mediastinum(lattice, trunk)
    _paint_back(lattice, trunk)
    _paint_vessels(lattice, trunk)
    _paint_head(lattice, trunk)
    _paint_pelvis(lattice, trunk)
    lattice.blend((slice(None),) * 3, -outside, -1000.0)
    _paint_shoulders(lattice, trunk)
    _paint_table(lattice, trunk)
    _paint_strands(lattice, trunk)
    return bring_to(grid, lattice)


def _rows(lattice: Lattice, trunk: Trunk, first: float, last: float) -> Region:
    return lattice.region((trunk.height_at(last), trunk.height_at(first)))


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


def dome(trunk: Trunk, u: Array32, v: Array32) -> Array32:
    """Height z of the diaphragm."""
    top = trunk.height_at(trunk.diaphragm)
    side = np.where(u < 0, np.float32(0), np.float32(-10))
    reach = ((np.abs(u) - 62) / 62) ** 2 + ((v + 75) / 85) ** 2
    return np.asarray(top + side - 62 * reach, dtype=np.float32)


def _paint_thorax(lattice: Lattice, trunk: Trunk) -> None:
    region = _rows(lattice, trunk, 6.9, 19.2)
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


def _ellipsoid(
    lattice: Lattice,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    hu: Array32 | float,
) -> None:
    """Paint an ellipsoid at (u, v, z), radii in the same order, mm."""
    spans = [(c - 1.15 * r, c + 1.15 * r) for c, r in zip(centre, radii, strict=True)]
    region = lattice.region(spans[2], spans[0], spans[1])
    if any(part.start >= part.stop for part in region):
        return
    u, v, z = lattice.places(region)
    radius = np.sqrt(
        ((u - centre[0]) / radii[0]) ** 2
        + ((v - centre[1]) / radii[1]) ** 2
        + ((z - centre[2]) / radii[2]) ** 2
    )
    lattice.blend(region, ((radius - 1) * min(radii)).astype(np.float32), hu)


def _paint_abdomen(lattice: Lattice, trunk: Trunk) -> None:
    region = _rows(lattice, trunk, 14.5, 25.5)
    if region[0].start >= region[0].stop:
        return
    u, v, z = lattice.places(region)
    lev = lattice.level[region[0]]
    width = np.interp(lev, [15, 19, 22, 25], [128, 128, 132, 110]).astype(np.float32) * np.float32(
        trunk.girth
    )
    depth = np.interp(lev, [15, 19, 22, 25], [95, 92, 84, 66]).astype(np.float32) * np.float32(trunk.girth)
    depth = depth + np.float32(0.5 * (trunk.fat_mm - 18))
    cavity = ellipse(u, v + depth - 12, width, depth)
    below = z - dome(trunk, u, v) + 4
    lattice.blend(region, np.maximum(cavity, np.where(lev < 19, below, -20)).astype(np.float32), FAT_HU)
    o = trunk.organs
    top = trunk.height_at(trunk.diaphragm)
    g = trunk.girth
    enhanced = 0.35 * trunk.contrast_hu
    liver = 55 + 15 * (o[0] - 0.5) + enhanced
    _ellipsoid(lattice, (-62 * g, -75, top - 68 - 15 * o[1]), (66 * g, 74 * g, 66 + 12 * o[1]), liver)
    _ellipsoid(lattice, (-5 * g, -118 * g, top - 62), (60 * g, 38, 42), liver)
    _ellipsoid(lattice, (88 * g, -48, top - 58 - 10 * o[2]), (32, 44, 50), 50 + 1.1 * enhanced)
    stomach = (48 * g, -105 * g, top - 70 - 20 * o[3])
    _ellipsoid(lattice, stomach, (46, 42, 44), 25.0)
    _ellipsoid(
        lattice, (stomach[0], stomach[1] - 16, stomach[2]), (36, 24, 34), -880.0 if o[4] > 0.3 else 35.0
    )
    for side in (-1, 1):
        z_kidney = trunk.height_at(19.6 + 0.5 * (side < 0) + 0.6 * (o[5] - 0.5))
        _ellipsoid(lattice, (side * 62 * g, -16, z_kidney), (27, 29, 55), 35 + trunk.contrast_hu * 0.7)
        _ellipsoid(lattice, (side * 54 * g, -22, z_kidney), (13, 14, 26), -40 + 0.3 * trunk.contrast_hu)
    rng = np.random.default_rng(trunk.seed)
    for i in range(42):
        place = (
            float(rng.uniform(-95, 95) * g),
            float(-52 - rng.uniform(0, 105) * g),
            trunk.height_at(rng.uniform(19.4, 25)),
        )
        radii = (float(rng.uniform(13, 30)), float(rng.uniform(12, 24)), float(rng.uniform(13, 32)))
        _ellipsoid(lattice, place, radii, float(rng.uniform(10, 50)))
        if i % 4 == 0:
            gas = (radii[0] * 0.8, radii[1] * 0.55, radii[2] * 0.8)
            _ellipsoid(lattice, (place[0], place[1] - radii[1] * 0.35, place[2]), gas, -920.0)
    for side in (-1, 1):
        for k in range(4):
            place = (side * 102 * g, -45.0 - 8 * k, trunk.height_at(20.2 + 1.1 * k))
            _ellipsoid(lattice, place, (22, 24, 24), -250.0 + 200 * o[6 + k])
            _ellipsoid(
                lattice, (place[0], place[1] - 6, place[2]), (16, 14, 18), -880.0 if o[6 + k] > 0.4 else 30.0
            )


def _paint_mediastinum(lattice: Lattice, trunk: Trunk) -> None:
    o = trunk.organs
    g = trunk.cage
    region = lattice.region((trunk.height_at(14.5), trunk.height_at(7.0)), (-60, 60), (-140, -10))
    if region[0].start < region[0].stop and region[2].start < region[2].stop:
        u, v, _ = lattice.places(region)
        width = np.interp(lattice.level[region[0]], [7, 9, 14], [22, 34, 40]).astype(np.float32)
        lattice.blend(region, ellipse(u - 3, v + 72, width, 58.0), -70.0)
    blood = 42 + trunk.contrast_hu
    heart = trunk.height_at(13.6 + 0.8 * (o[10] - 0.5))
    _ellipsoid(lattice, (22 * g, -95 * g, heart), (60 * g, 48 * g, 54 + 8 * o[11]), -60.0)
    _ellipsoid(
        lattice, (22 * g, -95 * g, heart), (54 * g, 42 * g, 49 + 8 * o[11]), 42 + 0.8 * trunk.contrast_hu
    )
    _ellipsoid(lattice, (-4, -98 * g, trunk.height_at(10.8)), (15, 16, 34), blood)
    _ellipsoid(lattice, (-26, -90 * g, trunk.height_at(10)), (9, 10, 38), blood)
    _ellipsoid(lattice, (2, -72 * g, trunk.height_at(11.4)), (32, 12, 11), blood)
    airway = lattice.region((trunk.height_at(11.2), trunk.height_at(-1)), (-30, 30), (-90, -10))
    if airway[0].start < airway[0].stop and airway[2].start < airway[2].stop:
        u, v, _ = lattice.places(airway)
        lev = lattice.level[airway[0]]
        behind = np.interp(lev, [-1, 2, 5, 8, 11], [-22, -24, -27, -36, -44]).astype(np.float32)
        radius = np.interp(lev, [-1, 2, 3.5, 6, 11], [13, 11, 8, 8.5, 9]).astype(np.float32)
        lattice.blend(airway, np.hypot(u - 1, v - behind) - radius, -990.0)
    for side in (-1, 1):
        _ellipsoid(lattice, (side * 17, -50, trunk.height_at(11.6)), (16, 8, 12), -960.0)
        _ellipsoid(lattice, (side * 20, -32, trunk.height_at(5.8)), (9, 11, 22), 95 + 0.5 * trunk.contrast_hu)


def _tube(
    lattice: Lattice, span: tuple[float, float], knots: NDArray[np.float64], hu: float, trunk: Trunk
) -> None:
    """Paint a vertical tube: ``knots`` rows are level, u, v, radius, flattening (depth over width)."""
    reach = knots[:, 3].max() * max(1, knots[:, 4].max()) + 3
    region = lattice.region(
        (trunk.height_at(span[1]), trunk.height_at(span[0])),
        (knots[:, 1].min() - reach, knots[:, 1].max() + reach),
        (knots[:, 2].min() - reach, knots[:, 2].max() + reach),
    )
    if any(part.start >= part.stop for part in region):
        return
    u, v, _ = lattice.places(region)
    at = lattice.level[region[0]]
    cu, cv, radius, flat = (np.interp(at, knots[:, 0], knots[:, i]).astype(np.float32) for i in (1, 2, 3, 4))
    lattice.blend(region, ellipse(u - cu, v - cv, radius, radius * flat), hu)


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
        _tube(lattice, (1, 25), fat, -20.0 - 60 * trunk.organs[9], trunk)
        erector[:, 3] *= strength
        _tube(lattice, (1, 25), erector, muscle, trunk)
        psoas = np.array([
            (18.5, 27, 2, 5, 1), (20, 32, 0, 12, 1.2), (22, 42, -6, 20, 1.05), (23.5, 50, -18, 23, 1.0),
            (26, 66, -45, 20, 1), (29, 88, -62, 16, 1),
        ])  # fmt: skip
        psoas[:, 1] *= side
        psoas[:, 3] *= strength
        _tube(lattice, (18.5, 29), psoas, muscle, trunk)
        quadratus = np.array([(19, 62, 22, 11, 1.5), (23, 78, 20, 14, 1.5)], dtype=float)
        quadratus[:, 1] *= side
        _tube(lattice, (19, 23.4), quadratus, muscle, trunk)
    canal = np.array([
        (0, 0, 20, 12, 0.9), (4, 0, 17, 11, 0.85), (7, 0, 19, 9.5, 0.9), (12, 0, 22, 8.5, 1),
        (18, 0, 26, 10, 0.9), (23, 0, 28, 11.5, 0.85), (25, 0, 26, 11, 0.7),
    ])  # fmt: skip
    _tube(lattice, (-0.5, 25), canal, -50.0, trunk)
    canal[:, 3] -= 2.2
    _tube(lattice, (-0.5, 25), canal, 22.0, trunk)
    cord = canal.copy()
    cord[:, 3] *= 0.55
    _tube(lattice, (-0.5, 19.5), cord, 38.0, trunk)


def _paint_vessels(lattice: Lattice, trunk: Trunk) -> None:
    blood = 42 + trunk.contrast_hu
    wide = 0.85 + 0.5 * trunk.organs[13]
    aorta = np.array([
        (10.2, 14, -40, 13, 1), (11, 20, -22, 12.5, 1), (14, 20, -20, 12, 1), (17, 10, -26, 11, 1),
        (19, 7, -28, 10, 1), (22.3, 4, -30, 9, 1),
    ])  # fmt: skip
    aorta[:, 3] *= wide
    if trunk.organs[14] > 0.6:
        rim = aorta.copy()
        rim[:, 3] += 1.6
        _tube(lattice, (17, 22.3), rim, 160.0, trunk)
    _tube(lattice, (10.2, 22.3), aorta, blood, trunk)
    cava = np.array(
        [(14, -16, -62, 12, 0.9), (17, -20, -46, 12, 0.9), (19, -20, -32, 12, 0.8), (22.5, -14, -30, 11, 0.7)]
    )
    _tube(lattice, (14, 22.6), cava, 42 + 0.7 * trunk.contrast_hu, trunk)
    for side in (-1, 1):
        iliac = np.array(
            [(22.3, 6, -31, 6, 1), (24, 28, -36, 6, 1), (26, 55, -58, 6, 1), (31, 80, -110, 6, 1)]
        )
        iliac[:, 1] *= side
        _tube(lattice, (22.3, 30), iliac, blood, trunk)


def _paint_shoulders(lattice: Lattice, trunk: Trunk) -> None:
    """Deltoid and raised arm, which reach beyond the trunk's own outline."""
    z = trunk.height_at(8.2)
    wide = 155 * trunk.girth
    for side in (-1, 1):
        _ellipsoid(lattice, (side * (wide - 8), -14, z + 10), (58, 56, 72), FAT_HU)
        _ellipsoid(lattice, (side * (wide - 8), -14, z + 10), (48, 46, 62), trunk.muscle_hu)
        _ellipsoid(lattice, (side * (wide + 5), -28, z + 110), (44, 46, 120), FAT_HU)
        _ellipsoid(lattice, (side * (wide + 5), -28, z + 110), (36, 38, 112), trunk.muscle_hu)


def _paint_head(lattice: Lattice, trunk: Trunk) -> None:
    """Brain, mouth and sinuses; the bone of the skull is painted with the skeleton."""
    if lattice.z[-1] < trunk.height_at(1.5):
        return
    base = trunk.height_at(0)
    _ellipsoid(lattice, (0, 2, base + 76), (66, 84, 66), 34.0)
    _ellipsoid(lattice, (0, -64, base - 8), (20, 22, 12), 55.0)
    for side in (-1, 1):
        _ellipsoid(lattice, (side * 26, -66, base + 18), (13, 17, 16), -980.0)
        _ellipsoid(lattice, (side * 30, -78, base + 48), (12, 12, 12), 15.0)
        _ellipsoid(lattice, (side * 52, 6, base + 12), (8, 14, 10), -650.0)
    _ellipsoid(lattice, (0, -76, base + 22), (9, 30, 18), -900.0)


def _paint_pelvis(lattice: Lattice, trunk: Trunk) -> None:
    if lattice.z[0] > trunk.height_at(25):
        return
    o = trunk.organs
    s1 = trunk.height_at(24)
    region = lattice.region((s1 - 130, s1 + 10), (-60, 60), (-90, 30))
    if region[0].start < region[0].stop and region[2].start < region[2].stop:
        _ellipsoid(lattice, (0, -20, s1 - 70), (55, 62, 70), FAT_HU + 10)
    _ellipsoid(lattice, (0, -62, s1 - 90 + 15 * o[15]), (40, 34, 26 + 16 * o[15]), 8.0)
    _ellipsoid(lattice, (0, -10, s1 - 92), (24, 24, 22), 45.0)
    _ellipsoid(lattice, (0, 28, s1 - 85), (18, 18, 40), 30.0 if o[4] > 0.5 else -300.0)
    for side in (-1, 1):
        _ellipsoid(lattice, (side * 75, 55, s1 - 95), (62, 34, 75), trunk.muscle_hu)


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
