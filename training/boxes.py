"""A CT with a vertebra's mask in; its box out, as Wei et al. 2022 cut it: size and neighbours are lost.

The box is that of the whole vertebra's mask, its shorter side in the axial plane widened to the longer,
scaled to 128 x 128 voxels there and by the same scale along the body.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy import ndimage

from inference.levels import VERSE_LABELS
from inference.volume import Affine, Grid, Volume, sample
from training.cases import BoxFile
from training.imaging import UnusableImageError
from training.samples import Box

BOX_VOXELS = 128
LABEL_OF = {level: label for label, level in VERSE_LABELS.items()}
UNIT = 1000
"""What one mask voxel counts in the int16 volume that is resampled."""

TALLEST = 3.0
"""A vertebra is not so many times taller than wide."""


def cut_box(
    volume: Volume, labels: NDArray[np.int16], affine: Affine, number: int, mark: tuple[str, int]
) -> Box:
    """The box of the vertebra that has ``number`` in the mask; ``mark`` is its level and grade."""
    place = ndimage.find_objects((labels == number).astype(np.uint8))[0]
    own = np.where(labels[place] == number, UNIT, 0).astype(np.int16)
    shifted = affine.copy()
    shifted[:3, 3] += affine[:3, :3] @ np.array([part.start for part in place])
    corners = np.argwhere(own > 0) @ shifted[:3, :3].T + shifted[:3, 3]
    grid = _grid(corners.min(axis=0), corners.max(axis=0))
    mask = sample(Volume(own, shifted, 1.0), grid, fill_hu=0) > UNIT / 2
    level, grade = mark
    return Box(sample(volume, grid), mask.astype(np.uint8), LABEL_OF[level], grade)


def _grid(low: NDArray[np.float64], high: NDArray[np.float64]) -> Grid:
    """The box over LPS corners, along the patient's axes."""
    step = float((high - low)[:2].max()) / BOX_VOXELS
    slices = int(np.clip(np.ceil((high[2] - low[2]) / step), 1, TALLEST * BOX_VOXELS))
    affine = np.eye(4)
    affine[:3, :3] = np.diag([step] * 3)[::-1]
    middle = (np.array([slices, BOX_VOXELS, BOX_VOXELS]) - 1) / 2
    affine[:3, 3] = (low + high) / 2 - affine[:3, :3] @ middle
    return Grid((slices, BOX_VOXELS, BOX_VOXELS), affine)


def read_box(file: BoxFile) -> Box:
    """A box that the paper's authors cut: the arrays of two NIfTI files as they stand.

    Raises
    ------
    UnusableImageError : it is no such pair; the message does not name the file
    """
    hu, own = _array(file.image), _array(file.mask) > 0
    if hu.shape != own.shape:
        raise UnusableImageError(f"has {hu.shape} voxels, its mask {own.shape}")
    if hu.ndim != 3 or hu.shape[1] != hu.shape[2]:
        raise UnusableImageError(f"has {hu.shape} voxels: a box is as wide as it is deep")
    if not own.any():
        raise UnusableImageError("has an empty mask")
    if not np.isfinite(hu).all() or hu.min() > -50 or hu.max() - hu.min() < 100:
        raise UnusableImageError("holds no HU: a box of a CT reaches from fat to bone")
    return Box(
        np.clip(np.rint(hu), -1024, 3071).astype(np.int16), own.astype(np.uint8), file.label, file.grade
    )


def _array(path: Path) -> NDArray[np.float32]:
    try:
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path), sitk.sitkFloat32)))
    except RuntimeError as error:
        raise UnusableImageError("cannot be read as NIfTI: it is damaged or something else") from error
