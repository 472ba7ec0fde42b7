"""A volume and the vertebra's place in it in, a crop in the vertebra's own frame out.

The crop's axes are the vertebra's: slice to the patient's left, row from its upper to its lower end plate,
column from anterior to posterior. Training cuts its crops with the same functions as screening.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid, Volume, sample


@dataclass(frozen=True, slots=True)
class CropShape:
    """Size and scale of every crop; the centre pixel is the centre of the vertebral body."""

    slices: int
    rows: int
    columns: int
    slice_mm: int
    pixel_mm: float


CROP: Final = CropShape(slices=13, rows=112, columns=80, slice_mm=3, pixel_mm=1.0)
"""39 x 112 x 80 mm: the body's width, both neighbours, prevertebral tissue and the canal."""

Axes = NDArray[np.float64]
"""(3, 3): unit vectors left, posterior and up of a vertebra as rows, in LPS."""


def spine_axes(centres_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames of vertebrae along their spine: (N, 3) LPS centres, cranial to caudal -> (N, 3, 3) axes.

    Up is the tangent of a parabola through the five nearest centres; left stays as close to the patient's
    left as it can. A lone vertebra stands upright.
    """
    steps_mm = np.linalg.norm(np.diff(centres_mm, axis=0), axis=1)
    along_mm = np.concatenate([[0.0], np.cumsum(steps_mm)])
    return np.stack([_axes(_tangent(centres_mm, along_mm, number)) for number in range(len(centres_mm))])


def _tangent(
    centres_mm: NDArray[np.float64], along_mm: NDArray[np.float64], number: int
) -> NDArray[np.float64]:
    if len(centres_mm) == 1:
        return np.array([0.0, 0.0, 1.0])
    near = np.argsort(np.abs(along_mm - along_mm[number]), kind="stable")[:5]
    parabola = np.polynomial.polynomial.polyfit(
        along_mm[near] - along_mm[number], centres_mm[near], min(2, len(near) - 1)
    )
    return np.asarray(-parabola[1])


def _axes(up: NDArray[np.float64]) -> Axes:
    up = up / np.linalg.norm(up)
    left = np.array([1.0, 0.0, 0.0]) - up[0] * up
    left /= np.linalg.norm(left)
    return np.stack([left, np.cross(up, left), up])


def crop_affine(centre_mm: NDArray[np.float64], axes: Axes) -> NDArray[np.float64]:
    """Map a crop's (slice, row, column, 1) to LPS mm."""
    left, posterior, up = axes
    affine = np.eye(4)
    affine[:3, 0] = left * CROP.slice_mm
    affine[:3, 1] = -up * CROP.pixel_mm
    affine[:3, 2] = posterior * CROP.pixel_mm
    middle = (np.array([CROP.slices, CROP.rows, CROP.columns]) - 1) / 2
    affine[:3, 3] = centre_mm - affine[:3, :3] @ middle
    return affine


def cut_crop(volume: Volume, centre_mm: NDArray[np.float64], axes: Axes) -> NDArray[np.int16]:
    """Cut the crop at ``centre_mm`` (LPS): int16 HU (slices, rows, columns).

    Every sagittal slice is the mean of ``slice_mm`` samples 1 mm apart, so that noise falls as in a thick
    reformat.
    """
    affine = crop_affine(centre_mm, axes)
    affine[:3, 0] /= CROP.slice_mm
    affine[:3, 3] -= affine[:3, 0] * (CROP.slice_mm - 1) / 2
    grid = Grid((CROP.slices * CROP.slice_mm, CROP.rows, CROP.columns), affine)
    fine = sample(volume, grid).reshape(CROP.slices, CROP.slice_mm, CROP.rows, CROP.columns)
    return np.asarray(fine.mean(axis=1).round(), dtype=np.int16)


def to_crop(points_mm: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map LPS points (…, 3) to (slice, row, column) of the crop with this affine."""
    inverse = np.linalg.inv(affine)
    return np.asarray(points_mm @ inverse[:3, :3].T + inverse[:3, 3])
