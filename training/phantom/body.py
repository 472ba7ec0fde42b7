"""One vertebral body: its wall and end plates in, its signed distance and its six height points out.

Frame: x to the left, y posterior, z superior of the vertebra itself, mm, origin at the body's centre.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.phantom.anatomy import ANGLES

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

PLATE_SIZE = 33
PLATE_REACH = 1.35
"""End plates are lattices over ±1.35 of the half width (columns) and half depth (rows)."""
OUTER = 0.8
"""Anterior and posterior heights are taken at this share of the half depth."""
EDGE_RADIUS_MM = 1.4
CLEFT_OPENING = 0.25
"""How much wider a cleft is at the end plates, as a share of the half width."""


def plate_lattice() -> tuple[Array, Array]:
    """Relative x and y, each (33, 33), of an end plate's lattice."""
    steps = np.linspace(-PLATE_REACH, PLATE_REACH, PLATE_SIZE)
    return np.broadcast_to(steps[None], (PLATE_SIZE, PLATE_SIZE)), np.broadcast_to(
        steps[:, None], (PLATE_SIZE, PLATE_SIZE)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A vertebral body.

    Attributes
    ----------
    half_width_mm, half_depth_mm : of the wall's ellipse at the end plates
    outline : float32 (48,), wall over ellipse by angle, from left over posterior
    waist : how much narrower the wall is half-way up (share)
    bulge : how much wider it is half-way up at the front and sides, as a crushed body is (share)
    retropulsion_mm : how far the upper posterior corner is pushed into the canal
    superior_mm, inferior_mm : float32 (33, 33), z of the end plates over `plate_lattice`
    cleft_mm : half width of a cleft in the midline, which opens towards both end plates; 0 without one. The
        end plates, and heights, are those beside it
    """

    half_width_mm: float
    half_depth_mm: float
    outline: Array32
    waist: float
    bulge: float
    retropulsion_mm: float
    superior_mm: Array32
    inferior_mm: Array32
    cleft_mm: float = 0.0

    def heights_mm(self) -> Array:
        """Anterior, middle and posterior height in the mid-sagittal plane."""
        points = self.height_points()
        return np.asarray(points[0, :, 2] - points[1, :, 2])

    def height_points(self) -> Array:
        """Float64 (2, 3, 3): superior and inferior; anterior, middle, posterior; x, y, z."""
        wall = self._wall_extent()
        middle, half = (wall[0] + wall[1]) / 2, (wall[1] - wall[0]) / 2
        y = middle + np.array([-OUTER, 0.0, OUTER]) * half
        row = (y / self.half_depth_mm + PLATE_REACH) * (PLATE_SIZE - 1) / (2 * PLATE_REACH)
        column = PLATE_SIZE // 2
        points = np.zeros((2, 3, 3))
        points[:, :, 1] = y
        for side, plate in enumerate((self.superior_mm, self.inferior_mm)):
            points[side, :, 2] = np.interp(row, np.arange(PLATE_SIZE), plate[:, column])
        return points

    def _wall_extent(self) -> tuple[float, float]:
        """Anterior and posterior y of the wall at the end plates in the mid-sagittal plane."""
        quarter = ANGLES // 4
        return (
            -float(self.outline[3 * quarter]) * self.half_depth_mm,
            float(self.outline[quarter]) * self.half_depth_mm,
        )

    def distance_mm(self, x: Array32, y: Array32, z: Array32) -> tuple[Array32, Array32]:
        """About the signed distance (negative inside); relative height (-1 inferior plate, 1 superior)."""
        u, v = x / np.float32(self.half_width_mm), y / np.float32(self.half_depth_mm)
        superior, inferior = _lookup(u, v, self.superior_mm, self.inferior_mm)
        thickness = np.maximum(superior - inferior, np.float32(2))
        height = (2 * z - superior - inferior) / thickness
        within = np.clip(height, -1, 1)
        turn = np.arctan2(v, u) * np.float32(ANGLES / (2 * np.pi))
        whole = np.floor(turn)
        first = whole.astype(np.int32) % ANGLES
        part = turn - whole
        wall = self.outline[first] * (1 - part) + self.outline[(first + 1) % ANGLES] * part
        round_ = 1 - within * within
        sine = v / np.maximum(np.hypot(u, v), np.float32(1e-3))
        wall = wall * (
            1 + round_ * (np.float32(self.bulge) * np.clip(1 - sine, 0, 1) - np.float32(self.waist))
        )
        if self.retropulsion_mm:
            push = np.clip((sine - 0.5) * 2, 0, 1) * np.clip(within + 0.3, 0, 1)
            wall = wall + push * np.float32(self.retropulsion_mm / self.half_depth_mm)
        radius = np.hypot(x, y)
        relative = np.hypot(u, v)
        side = radius * (1 - wall / np.maximum(relative, np.float32(1e-3)))
        side = np.where(relative < 0.2, np.float32(-8), side)
        ends = np.maximum(z - superior, inferior - z)
        a, b = side + np.float32(EDGE_RADIUS_MM), ends + np.float32(EDGE_RADIUS_MM)
        distance = (
            np.minimum(np.maximum(a, b), 0)
            + np.hypot(np.maximum(a, 0), np.maximum(b, 0))
            - np.float32(EDGE_RADIUS_MM)
        )
        if self.cleft_mm:
            open_mm = np.float32(self.cleft_mm) + np.float32(CLEFT_OPENING * self.half_width_mm) * within**2
            distance = np.maximum(distance, open_mm - np.abs(x))
        return distance.astype(np.float32), within.astype(np.float32)


def _lookup(u: Array32, v: Array32, superior: Array32, inferior: Array32) -> tuple[Array32, Array32]:
    """Both end plates at relative places, bilinear."""
    scale = np.float32((PLATE_SIZE - 1) / (2 * PLATE_REACH))
    column = np.clip((u + np.float32(PLATE_REACH)) * scale, 0, PLATE_SIZE - 1.001)
    row = np.clip((v + np.float32(PLATE_REACH)) * scale, 0, PLATE_SIZE - 1.001)
    i, j = row.astype(np.int32), column.astype(np.int32)
    a, b = row - i, column - j
    both = np.stack([superior, inferior], axis=-1).reshape(-1, 2)
    at = i * PLATE_SIZE + j
    a, b = a[..., None], b[..., None]
    found = (both[at] * (1 - b) + both[at + 1] * b) * (1 - a) + (
        both[at + PLATE_SIZE] * (1 - b) + both[at + PLATE_SIZE + 1] * b
    ) * a
    return found[..., 0], found[..., 1]
