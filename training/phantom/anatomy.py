"""Sizes of the vertebrae by level, and the shapes that were derived from real masks and meshes.

The sizes are round means of adults: midway between published morphometry (Panjabi 1992; Busscher 2010) and
the source masks.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS

Array = NDArray[np.float64]

SDF_UNIT_MM: Final = 1 / 16
ARCH_STEP_MM: Final = 2.0
ARCH_ORIGIN_MM: Final = (-42.0, -24.0, -55.0)
HIP_STEP_MM: Final = 3.0
ANGLES: Final = 48


@dataclass(frozen=True, slots=True)
class Size:
    """Norms of one level: posterior height, anterior to posterior ratio, depth and width, mm."""

    posterior_mm: float
    wedge: float
    depth_mm: float
    width_mm: float


SIZES: Final[dict[str, Size]] = {
    "C1": Size(10.0, 1.0, 10.0, 20.0), "C2": Size(20.0, 1.0, 16.0, 20.0),
    "C3": Size(14.2, 0.97, 16.0, 20.0), "C4": Size(14.0, 0.97, 16.0, 21.0),
    "C5": Size(13.8, 0.96, 16.2, 22.0), "C6": Size(13.9, 0.95, 16.6, 24.0),
    "C7": Size(15.0, 0.96, 17.0, 27.0),
    "T1": Size(16.4, 0.99, 17.6, 29.5), "T2": Size(17.4, 0.98, 19.0, 29.0),
    "T3": Size(17.7, 0.97, 20.8, 27.8), "T4": Size(18.1, 0.965, 22.3, 27.2),
    "T5": Size(18.7, 0.955, 23.8, 27.6), "T6": Size(19.3, 0.95, 25.3, 28.6),
    "T7": Size(19.8, 0.945, 26.6, 30.0), "T8": Size(20.5, 0.945, 27.7, 31.2),
    "T9": Size(21.4, 0.95, 28.5, 32.6), "T10": Size(22.8, 0.955, 29.0, 34.6),
    "T11": Size(24.4, 0.945, 29.6, 37.0), "T12": Size(26.2, 0.94, 30.2, 39.4),
    "L1": Size(27.5, 0.95, 30.8, 41.5), "L2": Size(28.2, 0.975, 32.0, 42.8),
    "L3": Size(28.2, 1.0, 33.0, 44.4), "L4": Size(27.6, 1.03, 33.6, 46.8),
    "L5": Size(25.8, 1.11, 33.6, 49.6),
    "S1": Size(24.0, 1.2, 31.0, 50.0),
}  # fmt: skip

CONCAVITY: Final = 0.115
"""How much lower a normal body is in the middle than at 0.8 of its half depth, as a share of its height.

Chosen so that the raw loss of drawn normals (median .12, 95 % below .18) is that of real ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The derived shapes.

    Attributes
    ----------
    levels : uint8 (n,), index in ``LEVELS`` of each source vertebra
    outlines : float32 (n, 48), radius of the body's wall over that of its ellipse, from left over posterior
    arches : int8 (n, 36, 52, 56), packed signed distance of everything but the body, vertebra frame (z, y, x)
    sacrum, hips : int8 packed signed distance, LPS from the centre of S1, 3 mm steps, first voxel at
        ``…_origin_mm``
    """

    levels: NDArray[np.uint8]
    outlines: NDArray[np.float32]
    arches: NDArray[np.int8]
    sacrum: NDArray[np.int8]
    sacrum_origin_mm: NDArray[np.float32]
    hips: NDArray[np.int8]
    hips_origin_mm: NDArray[np.float32]


@lru_cache(maxsize=1)
def shapes() -> Shapes:
    """The shapes shipped with the package."""
    with np.load(Path(__file__).parent / "shapes.npz", allow_pickle=False) as archive:
        radii = archive["outline_quarter_mm"].astype(np.float32) / 5
        return Shapes(
            archive["level"],
            _relative_outlines(radii, archive["level"]),
            _behind_the_body(archive["arch"], archive["level"]),
            archive["sacrum"],
            archive["sacrum_origin_mm"],
            archive["hips"],
            archive["hips_origin_mm"],
        )


def _behind_the_body(arches: NDArray[np.int8], levels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Arches without the scraps of body that are left in front (C1 and C2 are whole)."""
    front = int((-4 - ARCH_ORIGIN_MM[1]) / ARCH_STEP_MM)
    arches[levels >= 2, :, :front] = 127
    return arches


def _relative_outlines(radii: NDArray[np.float32], levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Outline of each source over its own ellipse, half-way to the region's median, which tames outliers."""
    wall = np.median(radii[:, 2:7], axis=1) + 1e-3
    turn = np.arange(ANGLES) * 2 * np.pi / ANGLES
    x, y = wall * np.cos(turn), wall * np.sin(turn)
    centre = (y.max(1) + y.min(1)) / 2
    half_width, half_depth = (x.max(1) - x.min(1)) / 2, (y.max(1) - y.min(1)) / 2
    u, v = x / half_width[:, None], (y - centre[:, None]) / half_depth[:, None]
    relative = np.ones_like(wall)
    for i in range(len(wall)):
        angle = np.mod(np.arctan2(v[i], u[i]), 2 * np.pi)
        order = np.argsort(angle)
        relative[i] = np.interp(turn, angle[order], np.hypot(u, v)[i][order], period=2 * np.pi)
    region = np.digitize(levels, [LEVELS.index("T1"), LEVELS.index("T6"), LEVELS.index("L1")])
    for i in range(4):
        relative[region == i] = (relative[region == i] + np.median(relative[region == i], axis=0)) / 2
    mirrored = np.roll(relative[:, ::-1], 1 + ANGLES // 2, axis=1)
    return np.asarray(np.clip((relative + mirrored) / 2, 0.8, 1.25), dtype=np.float32)
