"""A trunk and its vertebrae in; twelve pairs of ribs, or thirteen, and the sternum painted on a grid."""

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS
from inference.volume import Grid
from training.phantom.boxes import Array32
from training.phantom.column import Placed
from training.phantom.trunk import CAGE_BACK_MM, Trunk
from training.phantom.tubes import Tube, paint_tube

Array = NDArray[np.float64]

T1 = LEVELS.index("T1")


def rib(trunk: Trunk, number: int, side: int, placed: Placed) -> Tube:
    """Rib ``number`` (1-13) of one side, from its joint with the vertebra round the cage."""
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
    if number > 10:
        steep *= trunk.last_ribs_fall
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
    if number > 11:
        radii *= 0.8
    return Tube(points, radii, 650.0, 1.1, 130.0)


def paint_ribs(hu: Array32, trunk: Trunk, vertebrae: tuple[Placed, ...], grid: Grid) -> None:
    """Twelve pairs of ribs with their cartilage, thirteen where there is a T13, and the sternum."""
    ends: dict[int, list[Array]] = {-1: [], 1: []}
    pairs = 13 if any(vertebra.level == "T13" for vertebra in vertebrae) else 12
    for number in range(1, pairs + 1):
        for side in (-1, 1):
            tube = rib(trunk, number, side, vertebrae[T1 + number - 1])
            paint_tube(hu, grid, tube)
            ends[side].append(tube.points[-1])
    lower = 1.6 * (trunk.organs[16] - 0.5)
    top, bottom = trunk.height_at(8.6 + lower), trunk.height_at(15.2 + lower)
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
