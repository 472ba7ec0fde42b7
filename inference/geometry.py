"""Planes of slices in the patient -> runs of even spacing and the affine that places them in LPS mm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.volume import Affine

Vector = tuple[float, float, float]

DUPLICATE_MM = 0.05
"""Slices closer than this along their normal are at the same position."""

UNIT_TOLERANCE = 0.01
"""How far direction cosines may be from unit length and from a right angle (rounding in headers)."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Where one slice lies (PS3.3 C.7.6.2.1.1); directions are unit vectors, positions LPS mm.

    ``along_row`` points the way the column index grows, ``along_column`` the way the row index grows.
    ``position_mm`` is the centre of the first voxel.
    """

    position_mm: Vector
    along_row: Vector
    along_column: Vector
    row_spacing_mm: float
    column_spacing_mm: float
    rows: int
    columns: int

    @property
    def normal(self) -> NDArray[np.float64]:
        """The unit vector along which slices are stacked, float64 (3,)."""
        return np.cross(self.along_row, self.along_column)

    @property
    def degrees_from_axial(self) -> float:
        """The angle between the slice's normal and the patient's long axis, 0 to 90 degrees."""
        return math.degrees(math.acos(min(1.0, abs(float(self.normal[2])))))

    def parallel_to(self, other: "Plane") -> bool:
        """Whether both slices could belong to one volume: same directions, pixel spacing and size."""
        same_size = (self.rows, self.columns) == (other.rows, other.columns)
        mine = (*self.along_row, *self.along_column, self.row_spacing_mm, self.column_spacing_mm)
        theirs = (*other.along_row, *other.along_column, other.row_spacing_mm, other.column_spacing_mm)
        return same_size and all(abs(a - b) <= 0.002 for a, b in zip(mine, theirs, strict=True))


def plane(
    position_mm: Sequence[float],
    orientation: Sequence[float],
    spacing_mm: Sequence[float],
    rows: int,
    columns: int,
) -> Plane:
    """Check ImagePosition, ImageOrientation (6 cosines) and PixelSpacing (between rows, between columns).

    Raises
    ------
    ValueError : in plain words, where these numbers place no slice
    """
    numbers = np.array([*position_mm, *orientation, *spacing_mm], dtype=np.float64)
    if not (np.abs(numbers) < 1e5).all():
        raise ValueError("the header's geometry is out of all proportion")
    if min(spacing_mm) <= 0 or max(spacing_mm) > 20:
        raise ValueError("the pixel spacing is not between 0 and 20 mm")
    row, column = numbers[3:6], numbers[6:9]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if any(abs(length - 1) > UNIT_TOLERANCE for length in lengths) or abs(row @ column) > UNIT_TOLERANCE:
        raise ValueError("the image orientation is not two perpendicular unit vectors")
    return Plane(
        position_mm=_vector(numbers[:3]),
        along_row=_vector(row / lengths[0]),
        along_column=_vector(column / lengths[1]),
        row_spacing_mm=float(spacing_mm[0]),
        column_spacing_mm=float(spacing_mm[1]),
        rows=rows,
        columns=columns,
    )


@dataclass(frozen=True, slots=True)
class Lattice:
    """Evenly spaced slices: the first one's position, the step to the next, and how far the worst is off."""

    origin_mm: Vector
    step_mm: Vector
    slices: int
    worst_mm: float

    @property
    def length_mm(self) -> float:
        """How much of the patient the slices cover."""
        return math.hypot(*self.step_mm) * self.slices


def fit_lattice(positions_mm: NDArray[np.float64]) -> Lattice:
    """Lay evenly spaced slices through positions (slices, 3) by least squares; a single slice has no step."""
    count = len(positions_mm)
    steps = np.arange(count) - (count - 1) / 2
    centre = positions_mm.mean(axis=0)
    step = (steps @ positions_mm) / (float(steps @ steps) or 1.0)
    fitted = centre + steps[:, None] * step
    worst = float(np.linalg.norm(positions_mm - fitted, axis=1).max())
    return Lattice(_vector(fitted[0]), _vector(step), count, worst)


def affine_of(lattice: Lattice, first: Plane) -> Affine:
    """Return the affine (slice, row, column, 1) -> LPS mm; a step that is not along the normal shears it."""
    affine = np.eye(4)
    affine[:3, 0] = lattice.step_mm
    affine[:3, 1] = np.multiply(first.along_column, first.row_spacing_mm)
    affine[:3, 2] = np.multiply(first.along_row, first.column_spacing_mm)
    affine[:3, 3] = lattice.origin_mm
    return affine


def even_runs(positions_mm: NDArray[np.float64], normal: NDArray[np.float64]) -> list[slice]:
    """Cut positions (slices, 3), ascending along ``normal``, into runs of even steps.

    A position continues a run if it is where the run's mean step leads: within a tenth of the spacing along
    the normal (0.2 mm, as positions rounded to 0.1 mm need), and within half a millimetre or a fifth of it
    across. A run begins with the slice that ended the one before, since a gap is a step of neither.
    """
    runs: list[slice] = []
    start = 0
    for here in range(2, len(positions_mm) + 1):
        if here < len(positions_mm) and _continues(positions_mm[start : here + 1], normal):
            continue
        runs.append(slice(start, here))
        start = here - 1
    return runs or [slice(0, len(positions_mm))]


def _continues(run_mm: NDArray[np.float64], normal: NDArray[np.float64]) -> bool:
    """Whether the last of the positions (slices, 3) is where the mean step of those before it leads."""
    step = (run_mm[-2] - run_mm[0]) / (len(run_mm) - 2)
    off = run_mm[-1] - run_mm[-2] - step
    spacing = float(np.linalg.norm(step))
    along = float(off @ normal)
    across = float(np.linalg.norm(off - along * normal))
    rounding = min(0.2, 0.4 * spacing)
    return abs(along) <= max(0.1 * spacing, rounding) + 1e-6 and across <= max(0.2 * spacing, 0.5)


def _vector(numbers: NDArray[np.float64]) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
