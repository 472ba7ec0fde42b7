"""A trunk and a grid in; the bones beside the vertebrae (ribs, shoulders, pelvis, skull) painted on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS
from inference.volume import Grid, Volume, sample
from training.phantom.anatomy import HIP_STEP_MM, SDF_UNIT_MM, shapes
from training.phantom.boxes import blend_bone, box_around, voxel_mm
from training.phantom.column import Placed, sacrum_turn
from training.phantom.trunk import CAGE_BACK_MM, Trunk

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

T1 = LEVELS.index("T1")
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


def rib(trunk: Trunk, number: int, side: int, placed: Placed) -> Tube:
    """Rib ``number`` (1-12) of one side, from its joint with the vertebra round the cage."""
    scale = trunk.cage
    height = trunk.height_at(T1 + number - 1.45)
    width_at_joint = placed.body.half_width_mm if placed.body else 14.0
    depth = placed.body.half_depth_mm if placed.body else 12.0
    joint = np.array([side * (width_at_joint + 2), depth * 0.75])
    neck = np.array([side * (width_at_joint * 0.55 + 26) * scale, depth * 0.75 + 17])
    reach = trunk.rib_lengths[number - 1]
    turn = np.radians(np.arange(24, max(reach, 30), 5.0))
    level = T1 + number - 1.2 + 0 * turn
    # Ribs fall towards the front; the fall sets at which level the cage's width is read, so go round twice.
    steep = np.interp(number, [1, 3, 7, 10, 12], [34, 62, 92, 98, 120]) * trunk.rib_tilt
    fall = steep * (turn / np.pi) ** 1.1 * np.interp(number, [1, 7, 12], [1.0, 1.0, 1.5])
    level = trunk.level_at(height - fall)
    half_width, half_depth = trunk.cage_at(level)
    u = side * (half_width - 5) * np.sin(turn)
    v = CAGE_BACK_MM * scale - half_depth + (half_depth - 5) * np.cos(turn)
    u, v = np.concatenate([[joint[0], neck[0]], u]), np.concatenate([[joint[1], neck[1]], v])
    z = np.concatenate([[height, height - 2], height - 3 - fall])
    keep = np.concatenate([[True, True], np.abs(u[2:]) > np.abs(neck[0]) + 4])
    keep[2:] |= turn > 1.2
    x, y = trunk.spine_at(np.full_like(z, height))
    points = np.stack([x + u, y + v, z], axis=1)[keep]
    radii = np.full(len(points), 5.4 * scale)
    radii[0] = 6.0
    if number == 12:
        radii *= 0.8
    return Tube(points, radii, 650.0, 1.1, 130.0)


def paint_ribs(hu: Array32, trunk: Trunk, vertebrae: tuple[Placed, ...], grid: Grid) -> None:
    """Twelve pairs of ribs with their cartilage, and the sternum."""
    ends: dict[int, list[Array]] = {-1: [], 1: []}
    for number in range(1, 13):
        for side in (-1, 1):
            tube = rib(trunk, number, side, vertebrae[T1 + number - 1])
            paint_tube(hu, grid, tube)
            ends[side].append(tube.points[-1])
    top, bottom = trunk.height_at(8.6), trunk.height_at(15.2)
    heights = np.linspace(top, bottom, 8)
    x, _ = trunk.spine_at(heights)
    front = np.array([(e[0][1] + e[1][1]) / 2 for e in zip(ends[-1], ends[1], strict=True)])
    y = np.interp(-heights, [-top, -(top + bottom) / 2, -bottom], [front[0] - 4, front[3] - 8, front[6] - 10])
    sternum = np.stack([x, y, heights], axis=1)
    for offset in (-9.0, 0.0, 9.0):
        shifted = sternum + np.array([offset, 0, 0])
        paint_tube(hu, grid, Tube(shifted, np.full(8, 7.0), 450.0, 0.9, 110.0))
    for side in (-1, 1):
        for number in range(1, 11):
            target = sternum[min(int((number - 1) * 1.15), 7)] + np.array([side * 18.0, 0, 0])
            path = np.linspace(ends[side][number - 1], target, 5)
            path[1:-1, 2] -= 8.0
            paint_tube(hu, grid, Tube(path, np.full(5, 5.0), 110.0, 0.6, 90.0))


def paint_shoulders(hu: Array32, trunk: Trunk, grid: Grid) -> None:
    """Clavicles, scapulae and humeral heads, crude."""
    z = trunk.height_at(8.2)
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
        arm = np.array(
            [
                (side * (wide - 6), -14, z + 5),
                (side * (wide + 2), -24, z + 40),
                (side * (wide + 4), -30, z + 170),
            ]
        )
        paint_tube(hu, grid, Tube(arm + np.array([x, y, 0]), np.array([23.0, 16.0, 12.0]), 700.0, 1.8, 180.0))


def _paint_template(
    hu: Array32, grid: Grid, packed: NDArray[np.int8], origin: Array32, to_lps: Array, core_hu: float
) -> None:
    """Paint a packed template; ``to_lps`` (4, 4) maps its own mm to LPS."""
    index = np.eye(4)
    index[:3, :3] = np.eye(3)[:, ::-1] * HIP_STEP_MM
    index[:3, 3] = origin
    affine = to_lps @ index
    low = origin.astype(np.float64)
    high = low + np.array(packed.shape[::-1]) * HIP_STEP_MM
    rotation = to_lps[:3, :3]
    scale = float(np.linalg.det(rotation) ** (1 / 3))
    box = box_around(grid, to_lps[:3, 3], rotation.T / scale, low * scale, high * scale)
    if box is None:
        return
    part = grid.affine.copy()
    part[:3, 3] += grid.affine[:3, :3] @ np.array([s.start for s in box.slices])
    shape = box.x.shape
    found = sample(Volume(packed.astype(np.int16) * 64, affine, HIP_STEP_MM), Grid(shape, part), 127 * 64)
    distance = found.astype(np.float32) * np.float32(SDF_UNIT_MM * scale / 64)
    blend_bone(hu[box.slices], distance, 620.0, 1.3, core_hu, max(voxel_mm(grid), 0.8))


def paint_pelvis(
    hu: Array32, trunk: Trunk, vertebrae: tuple[Placed, ...], core_hu: float, grid: Grid
) -> None:
    """Sacrum, hip bones, femora."""
    turn = sacrum_turn(trunk.centres)
    scale = float(np.clip(vertebrae[-1].arch_scale, 0.85, 1.15))
    cos, sin = np.cos(turn), np.sin(turn)
    to_lps = np.eye(4)
    to_lps[:3, :3] = scale * np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    to_lps[:3, 3] = trunk.centres[-1]
    known = shapes()
    _paint_template(hu, grid, known.hips, known.hips_origin_mm, to_lps, core_hu * 0.7)
    _paint_template(hu, grid, known.sacrum, known.sacrum_origin_mm, to_lps, core_hu * 0.8)
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
    hu: Array32, trunk: Trunk, vertebrae: tuple[Placed, ...], core_hu: float, grid: Grid
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
        paint_pelvis(hu, trunk, vertebrae, core_hu, grid)
    if high > trunk.height_at(3):
        paint_skull(hu, trunk, grid)
