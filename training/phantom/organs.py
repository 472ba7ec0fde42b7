"""A trunk and a lattice in; the organs and great vessels of belly, chest, head and pelvis painted on it."""

import numpy as np

from training.phantom.lattice import Array32, Lattice
from training.phantom.strokes import ellipse, paint_column_tube, paint_ellipsoid, rows
from training.phantom.trunk import Trunk

FAT_HU = -100.0


def dome(trunk: Trunk, u: Array32, v: Array32) -> Array32:
    """Height z of the diaphragm."""
    top = trunk.height_at(trunk.diaphragm)
    side = np.where(u < 0, np.float32(0), np.float32(-20 * trunk.organs[17]))
    reach = ((np.abs(u) - 62) / 62) ** 2 + ((v + 75) / 85) ** 2
    return np.asarray(top + side - np.float32(trunk.dome_mm) * reach, dtype=np.float32)


def paint_abdomen(lattice: Lattice, trunk: Trunk) -> None:
    """The cavity's fat, liver, spleen, stomach, kidneys and bowel."""
    region = rows(lattice, trunk, 14.5, 25.5)
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
    paint_ellipsoid(lattice, (-62 * g, -75, top - 68 - 15 * o[1]), (66 * g, 74 * g, 66 + 12 * o[1]), liver)
    paint_ellipsoid(lattice, (-5 * g, -118 * g, top - 62), (60 * g, 38, 42), liver)
    paint_ellipsoid(lattice, (88 * g, -48, top - 58 - 10 * o[2]), (32, 44, 50), 50 + 1.1 * enhanced)
    stomach = (48 * g, -105 * g, top - 70 - 20 * o[3])
    paint_ellipsoid(lattice, stomach, (46, 42, 44), 25.0)
    paint_ellipsoid(
        lattice, (stomach[0], stomach[1] - 16, stomach[2]), (36, 24, 34), -880.0 if o[4] > 0.3 else 35.0
    )
    for side in (-1, 1):
        z_kidney = trunk.organ_height(19.6 + 0.5 * (side < 0) + 0.6 * (o[5] - 0.5))
        paint_ellipsoid(lattice, (side * 62 * g, -16, z_kidney), (27, 29, 55), 35 + trunk.contrast_hu * 0.7)
        paint_ellipsoid(lattice, (side * 54 * g, -22, z_kidney), (13, 14, 26), -40 + 0.3 * trunk.contrast_hu)
    rng = np.random.default_rng(trunk.seed)
    for i in range(42):
        place = (
            float(rng.uniform(-95, 95) * g),
            float(-52 - rng.uniform(0, 105) * g),
            trunk.organ_height(rng.uniform(19.4, 25)),
        )
        radii = (float(rng.uniform(13, 30)), float(rng.uniform(12, 24)), float(rng.uniform(13, 32)))
        paint_ellipsoid(lattice, place, radii, float(rng.uniform(10, 50)))
        if i % 4 == 0:
            gas = (radii[0] * 0.8, radii[1] * 0.55, radii[2] * 0.8)
            paint_ellipsoid(lattice, (place[0], place[1] - radii[1] * 0.35, place[2]), gas, -920.0)
    for side in (-1, 1):
        for k in range(4):
            place = (side * 102 * g, -45.0 - 8 * k, trunk.organ_height(20.2 + 1.1 * k))
            paint_ellipsoid(lattice, place, (22, 24, 24), -250.0 + 200 * o[6 + k])
            paint_ellipsoid(
                lattice, (place[0], place[1] - 6, place[2]), (16, 14, 18), -880.0 if o[6 + k] > 0.4 else 30.0
            )


def paint_mediastinum(lattice: Lattice, trunk: Trunk) -> None:
    """Heart, great vessels of the chest, airway, thyroid."""
    o = trunk.organs
    g = trunk.cage
    region = lattice.region((trunk.organ_height(14.5), trunk.height_at(7.0)), (-60, 60), (-140, -10))
    if region[0].start < region[0].stop and region[2].start < region[2].stop:
        u, v, _ = lattice.places(region)
        width = np.interp(lattice.level[region[0]], [7, 9, 14], [22, 34, 40]).astype(np.float32)
        lattice.blend(region, ellipse(u - 3, v + 72, width, 58.0), -70.0)
    blood = 42 + trunk.contrast_hu
    heart = trunk.organ_height(13.6 + 0.8 * (o[10] - 0.5))
    paint_ellipsoid(lattice, (22 * g, -95 * g, heart), (60 * g, 48 * g, 54 + 8 * o[11]), -60.0)
    paint_ellipsoid(
        lattice, (22 * g, -95 * g, heart), (54 * g, 42 * g, 49 + 8 * o[11]), 42 + 0.8 * trunk.contrast_hu
    )
    paint_ellipsoid(lattice, (-4, -98 * g, trunk.organ_height(10.8)), (15, 16, 34), blood)
    paint_ellipsoid(lattice, (-26, -90 * g, trunk.organ_height(10)), (9, 10, 38), blood)
    paint_ellipsoid(lattice, (2, -72 * g, trunk.organ_height(11.4)), (32, 12, 11), blood)
    airway = lattice.region((trunk.organ_height(11.2), trunk.height_at(-1)), (-30, 30), (-90, -10))
    if airway[0].start < airway[0].stop and airway[2].start < airway[2].stop:
        u, v, _ = lattice.places(airway)
        lev = lattice.level[airway[0]]
        behind = np.interp(lev, [-1, 2, 5, 8, 11], [-22, -24, -27, -36, -44]).astype(np.float32)
        radius = np.interp(lev, [-1, 2, 3.5, 6, 11], [13, 11, 8, 8.5, 9]).astype(np.float32)
        lattice.blend(airway, np.hypot(u - 1, v - behind) - radius, -990.0)
    for side in (-1, 1):
        paint_ellipsoid(lattice, (side * 17, -50, trunk.organ_height(11.6)), (16, 8, 12), -960.0)
        thyroid = trunk.height_at(5.8 + 2 * (o[18] - 0.5))
        paint_ellipsoid(lattice, (side * 20, -32, thyroid), (9, 11, 22), 95 + 0.5 * trunk.contrast_hu)


def paint_vessels(lattice: Lattice, trunk: Trunk) -> None:
    """Aorta (sometimes calcified), inferior vena cava, iliac vessels."""
    blood = 42 + trunk.contrast_hu
    arch, fork, join = (trunk.organ_level(usual) for usual in (10.2, 22.3, 22.6))
    wide = 0.85 + 0.5 * trunk.organs[13]
    aorta = np.array([
        (10.2, 14, -40, 13, 1), (11, 20, -22, 12.5, 1), (14, 20, -20, 12, 1), (17, 10, -26, 11, 1),
        (19, 7, -28, 10, 1), (22.3, 4, -30, 9, 1),
    ])  # fmt: skip
    aorta[:, 0] = [trunk.organ_level(usual) for usual in aorta[:, 0]]
    aorta[:, 3] *= wide
    if trunk.organs[14] > 0.6:
        rim = aorta.copy()
        rim[:, 3] += 1.6
        paint_column_tube(lattice, (17, fork), rim, 160.0, trunk)
    paint_column_tube(lattice, (arch, fork), aorta, blood, trunk)
    cava = np.array(
        [(14, -16, -62, 12, 0.9), (17, -20, -46, 12, 0.9), (19, -20, -32, 12, 0.8), (22.5, -14, -30, 11, 0.7)]
    )
    paint_column_tube(lattice, (14, join), cava, 42 + 0.7 * trunk.contrast_hu, trunk)
    for side in (-1, 1):
        iliac = np.array(
            [(fork, 6, -31, 6, 1), (24.2, 28, -36, 6, 1), (26, 55, -58, 6, 1), (31, 80, -110, 6, 1)]
        )
        iliac[:, 1] *= side
        paint_column_tube(lattice, (fork, 30), iliac, blood, trunk)


def paint_head(lattice: Lattice, trunk: Trunk) -> None:
    """Brain, mouth and sinuses; the bone of the skull is painted with the skeleton."""
    if lattice.z[-1] < trunk.height_at(1.5):
        return
    base = trunk.height_at(0)
    paint_ellipsoid(lattice, (0, 2, base + 76), (66, 84, 66), 34.0)
    paint_ellipsoid(lattice, (0, -64, base - 8), (20, 22, 12), 55.0)
    for side in (-1, 1):
        paint_ellipsoid(lattice, (side * 26, -66, base + 18), (13, 17, 16), -980.0)
        paint_ellipsoid(lattice, (side * 30, -78, base + 48), (12, 12, 12), 15.0)
        paint_ellipsoid(lattice, (side * 52, 6, base + 12), (8, 14, 10), -650.0)
    paint_ellipsoid(lattice, (0, -76, base + 22), (9, 30, 18), -900.0)


def paint_pelvis(lattice: Lattice, trunk: Trunk) -> None:
    """Bladder, rectum, gluteal muscles."""
    if lattice.z[0] > trunk.height_at(25):
        return
    o = trunk.organs
    s1 = trunk.sacrum_height()
    region = lattice.region((s1 - 130, s1 + 10), (-60, 60), (-90, 30))
    if region[0].start < region[0].stop and region[2].start < region[2].stop:
        paint_ellipsoid(lattice, (0, -20, s1 - 70), (55, 62, 70), FAT_HU + 10)
    paint_ellipsoid(lattice, (0, -62, s1 - 90 + 15 * o[15]), (40, 34, 26 + 16 * o[15]), 8.0)
    paint_ellipsoid(lattice, (0, -10, s1 - 92), (24, 24, 22), 45.0)
    paint_ellipsoid(lattice, (0, 28, s1 - 85), (18, 18, 40), 30.0 if o[4] > 0.5 else -300.0)
    for side in (-1, 1):
        paint_ellipsoid(lattice, (side * 75, 55, s1 - 95), (62, 34, 75), trunk.muscle_hu)
