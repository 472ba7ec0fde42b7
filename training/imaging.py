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
from inference.volume import AIR_HU, Affine, Volume
from training.errors import TrainingError

HIGHEST_HU = 30_000
"""NIfTI files with larger values hold no HU."""

SAME_PLACE_MM = 1.0
"""A mask whose corners lie further from the CT's belongs to another image."""


class UnusableImageError(TrainingError):
    """An image file cannot serve as a CT or as its mask."""


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


def on_grid_of(volume: Volume, labels: NDArray[np.int16], affine: Affine) -> NDArray[np.int16]:
    """The labels on their CT's grid; a mask of a part of the CT is filled up with 0.

    Raises
    ------
    UnusableImageError : the mask has another grid, or lies elsewhere
    """
    corners = np.array([(0.0, 0.0, 0.0), np.array(labels.shape) - 1.0])
    places = volume.to_index(corners @ affine[:3, :3].T + affine[:3, 3])
    start = np.rint(places[0]).astype(int)
    expected = np.array([start, start + labels.shape - 1])
    away = np.linalg.norm((places - expected) * volume.spacing_mm, axis=1)
    if (away > SAME_PLACE_MM).any():
        raise UnusableImageError(
            f"has {_size(labels.shape)} voxels on another grid than its CT ({_size(volume.voxels.shape)}): "
            "resample the mask to the CT"
        )
    spare = np.array(volume.voxels.shape) - labels.shape - start
    if (start < 0).any() or (spare < 0).any():
        off = float(np.abs(np.minimum(np.minimum(start, spare), 0) * np.array(volume.spacing_mm)).max())
        raise UnusableImageError(f"reaches {off:.0f} mm beyond its CT: it belongs to another image")
    return np.pad(labels, list(zip(start, spare, strict=True)))


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
