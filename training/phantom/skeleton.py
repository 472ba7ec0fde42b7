"""A trunk and a grid in; the bones beside the vertebrae (ribs, shoulders, pelvis, skull) painted on it."""

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid
from training.phantom.anatomy import shapes
from training.phantom.boxes import blend_bone, box_around, part_of, template_box, template_distance, voxel_mm
from training.phantom.column import Placed, sacrum_turn
from training.phantom.ribs import paint_ribs
from training.phantom.sacrum import SHIFT_MM, Sacrum, paint_sacrum
from training.phantom.trunk import Trunk
from training.phantom.tubes import EYE, Tube, paint_tube

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]


def paint_shoulders(hu: Array32, trunk: Trunk, grid: Grid) -> None:
    """Clavicles, scapulae and humeral heads, crude."""
    z = trunk.height_at(trunk.shoulders)
    x, y = (float(a[0]) for a in trunk.spine_at(np.array([z])))
    wide = 155 * trunk.girth
    for side in (-1, 1):
        clavicle = np.array(
            [(side * 22, -78, z - 6), (side * 70, -74, z + 12), (side * wide * 0.9, -30, z + 24)]
        ) + np.array([x, y, 0])
        paint_tube(hu, grid, Tube(clavicle, np.full(3, 6.0), 800.0, 1.6, 150.0))
        blade = np.array(
            [
                (side * 85, 48, z - 100),
                (side * 92, 44, z - 40),
                (side * 105, 36, z + 4),
                (side * wide * 0.9, 0, z + 12),
            ]
        ) + np.array([x, y, 0])
        for shift in (0.0, 14.0, 28.0):
            paint_tube(
                hu,
                grid,
                Tube(
                    blade + np.array([side * shift * 0.8, -shift * 0.5, 0]),
                    np.full(4, 3.4),
                    600.0,
                    1.0,
                    150.0,
                ),
            )
        along, out = (1, 4) if trunk.arms_up else (-1, 18)
        arm = np.array(
            [
                (side * (wide - 6), -14, z + 5 * along),
                (side * (wide + out / 2), -24, z + 40 * along),
                (side * (wide + out), -30, z + 170 * along),
            ]
        )
        paint_tube(hu, grid, Tube(arm + np.array([x, y, 0]), np.array([23.0, 16.0, 12.0]), 700.0, 1.8, 180.0))


def paint_pelvis(
    hu: Array32, trunk: Trunk, vertebrae: tuple[Placed, ...], sacrum: Sacrum, grid: Grid
) -> None:
    """Sacrum, hip bones, femora."""
    turn = sacrum_turn(trunk.centres)
    scale = float(np.clip(vertebrae[-1].arch_scale, 0.85, 1.15))
    cos, sin = np.cos(turn), np.sin(turn)
    to_lps = np.eye(4)
    to_lps[:3, :3] = scale * np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    to_lps[:3, 3] = trunk.centres[-1] + SHIFT_MM * vertebrae[-1].axes[2]
    _paint_hips(hu, to_lps, sacrum.trabecular_hu, grid)
    paint_sacrum(hu, vertebrae[-1], sacrum, to_lps, grid)
    for side in (-1, 1):
        head, trochanter, shaft, knee = (
            to_lps[:3, :3] @ np.array(p) + to_lps[:3, 3]
            for p in (
                (side * 90.0, -22, -78),
                (side * 128.0, -12, -92),
                (side * 124.0, -14, -150),
                (side * 95.0, -25, -400),
            )
        )
        paint_tube(
            hu,
            grid,
            Tube(
                np.array([head - np.array([0, 0, 12]), head, head + np.array([0, 0, 12])]),
                scale * np.array([19.0, 24, 19]),
                600.0,
                1.2,
                230.0,
            ),
        )
        paint_tube(
            hu, grid, Tube(np.array([head, trochanter]), scale * np.array([18.0, 19]), 700.0, 2.0, 120.0)
        )
        paint_tube(
            hu,
            grid,
            Tube(
                np.array([trochanter + np.array([0, 0, 15]), trochanter, shaft]),
                scale * np.array([13.0, 20, 15]),
                900.0,
                3.0,
                40.0,
            ),
        )
        paint_tube(hu, grid, Tube(np.array([shaft, knee]), scale * np.array([14.0, 13]), 1300.0, 5.0, -40.0))


def _paint_hips(hu: Array32, to_lps: Array, core_hu: float, grid: Grid) -> None:
    known = shapes()
    box = template_box(grid, known.hips, known.hips_origin_mm, to_lps)
    if box is None:
        return
    distance = template_distance(known.hips, known.hips_origin_mm, to_lps, part_of(grid, box))
    blend_bone(hu[box.slices], distance, 620.0, 1.3, core_hu, max(voxel_mm(grid), 0.8))


def paint_skull(hu: Array32, trunk: Trunk, grid: Grid) -> None:
    """Skull vault as a shell, its base, and the jaw with teeth."""
    base = trunk.height_at(0)
    x, y = (float(a[0]) for a in trunk.spine_at(np.array([base])))
    centre = np.array([x, y + 2, base + 76])
    radii = np.array([72.0, 91.0, 72.0])
    box = box_around(grid, centre, EYE, -radii - 2, radii + 2)
    if box is None:
        return
    radius = np.sqrt((box.x / radii[0]) ** 2 + (box.y / radii[1]) ** 2 + (box.z / radii[2]) ** 2)
    distance = np.abs((radius - 0.96) * np.float32(75)) - np.float32(3)
    # The vault is open below the face; the base is thicker and full of air cells.
    distance = np.where((box.y < -55) & (box.z < -30), np.float32(9), distance).astype(np.float32)
    blend_bone(hu[box.slices], distance, 1100.0, 1.6, 550.0, max(voxel_mm(grid), 0.8))
    jaw = np.array(
        [
            (-46, -10, 18),
            (-45, -16, -14),
            (-30, -62, -34),
            (0, -84, -40),
            (30, -62, -34),
            (45, -16, -14),
            (46, -10, 18),
        ],
        float,
    )
    paint_tube(hu, grid, Tube(jaw + np.array([x, y, base]), np.full(7, 7.0), 1300.0, 2.2, 300.0))
    teeth = np.array([(-24, -62, -18), (-14, -80, -16), (0, -86, -16), (14, -80, -16), (24, -62, -18)], float)
    for shift in (0.0, 14.0):
        paint_tube(
            hu, grid, Tube(teeth + np.array([x, y, base + shift]), np.full(5, 5.0), 2000.0, 3.0, 1500.0)
        )
    cheek = np.array([(-58, -20, 22), (-52, -58, 28), (-34, -76, 24)], float)
    for side in (-1, 1):
        paint_tube(
            hu, grid, Tube(cheek * [side, 1, 1] + np.array([x, y, base]), np.full(3, 5.0), 1000.0, 1.8, 300.0)
        )


def paint_skeleton(
    hu: Array32, trunk: Trunk, vertebrae: tuple[Placed, ...], sacrum: Sacrum, grid: Grid
) -> None:
    """Everything of bone but the vertebrae."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1)
    heights = (grid.affine[2, :3] @ corners) + grid.affine[2, 3]
    low, high = heights.min(), heights.max()
    if high > trunk.height_at(23) and low < trunk.height_at(6):
        paint_ribs(hu, trunk, vertebrae, grid)
    if high > trunk.height_at(14) and low < trunk.height_at(1):
        paint_shoulders(hu, trunk, grid)
    if low < trunk.height_at(22):
        paint_pelvis(hu, trunk, vertebrae, sacrum, grid)
    if high > trunk.height_at(3):
        paint_skull(hu, trunk, grid)
