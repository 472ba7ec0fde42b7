"""A CT as NIfTI or DICOM in; a `Volume` in LPS, and a mask's labels on the same grid, out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.index import index_files
from inference.reading import read_volume
from inference.series import choose_series
from inference.stacks import stacks_of
from inference.volume import AIR_HU, Affine, Grid, Volume, sample
from training.errors import TrainingError

HIGHEST_HU = 30_000
"""NIfTI files with larger values hold no HU."""

SAME_PLACE_MM = 1.0
"""A mask whose corners lie further from the CT's belongs to another image."""


class UnusableImageError(TrainingError):
    """An image file cannot serve as a CT or as its mask."""


BONE_HU = 150
LEAST_BONE = 0.1
"""Of a vertebra's voxels at least this share is denser than that; of other tissue hardly any."""


def is_nifti(path: Path) -> bool:
    """Whether the name says NIfTI."""
    return path.name.endswith((".nii", ".nii.gz"))


def read_ct(images: Sequence[Path], series_instance_uid: str = "") -> Volume:
    """Read one NIfTI file, or one series of DICOM files (the best one where none is named).

    Raises
    ------
    UnusableImageError : in plain words, without patient data
    """
    if len(images) == 1 and is_nifti(images[0]):
        return _nifti_volume(images[0])
    try:
        return _dicom_volume(images, series_instance_uid)
    except InferenceError as error:
        raise UnusableImageError(str(error)) from error


def _dicom_volume(images: Sequence[Path], series_instance_uid: str) -> Volume:
    index = index_files(images)
    if not series_instance_uid:
        choice = choose_series(index)
        if not choice.candidates:
            raise UnusableImageError(choice.reason_for_none)
        return read_volume(choice.candidates[0])
    for series in index.series:
        if series.series_instance_uid == series_instance_uid:
            stacks = stacks_of(series)
            if stacks:
                return read_volume(stacks[0])
    raise UnusableImageError(f"no CT slices of series {series_instance_uid} among the files")


def read_labels(path: Path) -> tuple[NDArray[np.int16], Affine]:
    """Read a NIfTI mask: labels (slices, rows, columns) and the affine to LPS mm."""
    image = _oriented(path)
    values = sitk.GetArrayFromImage(image)
    rounded = np.rint(values)
    if not np.isfinite(values).all() or np.abs(values - rounded).max(initial=0) > 0.01:
        raise UnusableImageError("holds values that are no whole numbers: it is no mask of labels")
    return rounded.astype(np.int16), _affine(image)


def check_same_grid(volume: Volume, labels: NDArray[np.int16], affine: Affine) -> None:
    """Raise UnusableImageError unless a mask lies on its CT's grid."""
    if labels.shape != volume.voxels.shape:
        raise UnusableImageError(
            f"has {_size(labels.shape)} voxels, its CT has {_size(volume.voxels.shape)}: "
            "resample the mask to the CT"
        )
    corners = np.array(np.meshgrid(*[(0.0, n - 1.0) for n in labels.shape])).reshape(3, -1).T
    away = np.linalg.norm(volume.to_lps(corners) - corners @ affine[:3, :3].T - affine[:3, 3], axis=1).max()
    if away > SAME_PLACE_MM:
        raise UnusableImageError(f"lies {away:.0f} mm away from its CT: its header names another place")


def on_grid(volume: Volume, labels: NDArray[np.int16], affine: Affine) -> Volume:
    """A CT on the grid of a mask that has its own (DICOM SEG); air where the CT does not reach."""
    slices, rows, columns = labels.shape
    return Volume(sample(volume, Grid((slices, rows, columns), affine)), affine, volume.slice_thickness_mm)


def check_on_bone(volume: Volume, labels: NDArray[np.int16]) -> None:
    """Raise UnusableImageError where labels of vertebrae do not lie on bone, as those of another image do."""
    inside = volume.voxels[labels > 0]
    share = float((inside > BONE_HU).mean()) if len(inside) else 0.0
    if share < LEAST_BONE:
        raise UnusableImageError(
            f"lies on bone in only {100 * share:.0f} % of its voxels: it belongs to another image, or its "
            "header names another place"
        )


def _nifti_volume(path: Path) -> Volume:
    image = _oriented(path)
    values = sitk.GetArrayFromImage(image)
    if not np.isfinite(values).all():
        raise UnusableImageError("holds values that are no numbers (NaN or infinite)")
    if values.max() > HIGHEST_HU or values.max() - values.min() < 100:
        raise UnusableImageError(f"holds values from {values.min():g} to {values.max():g}, which are no HU")
    hu = np.clip(np.rint(values), AIR_HU, np.iinfo(np.int16).max).astype(np.int16)
    return Volume(hu, _affine(image), float(image.GetSpacing()[2]))


def _oriented(path: Path) -> sitk.Image:
    """The image with slices from foot to head, rows to the back, columns to the left."""
    try:
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    except RuntimeError as error:
        raise UnusableImageError("cannot be read as NIfTI: it is damaged or something else") from error
    if image.GetDimension() != 3:
        raise UnusableImageError(f"has {image.GetDimension()} dimensions, not 3")
    oriented: sitk.Image = sitk.DICOMOrient(image, "LPS")
    return oriented


def _affine(image: sitk.Image) -> Affine:
    """Index (slice, row, column, 1) to LPS mm, which is SimpleITK's own frame."""
    direction = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3] = direction[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return affine


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
