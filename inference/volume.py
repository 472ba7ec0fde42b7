"""A CT volume in Hounsfield units with its place in the patient, and how to sample it on another grid.

Frames: *index* is (slice, row, column); *LPS* is the patient in mm (x to the left, y back, z to the head).
An affine maps (slice, row, column, 1) to (x, y, z, 1). It may shear: a tilted gantry needs no resampling.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

AIR_HU = -1024

Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SourceSlice:
    """The DICOM instance (and frame, counted from 1, if it is multi-frame) that one slice came from."""

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One CT series as a volume.

    Attributes
    ----------
    voxels : int16 array (slices, rows, columns), HU, read-only
    affine : float64 (4, 4), index (slice, row, column, 1) -> LPS mm
    slice_thickness_mm : nominal thickness (0018,0050), or the slice spacing where the header is silent
    series_instance_uid : empty for a volume that did not come from DICOM
    sources : one entry a slice, in slice order; empty for a volume that did not come from DICOM
    """

    voxels: NDArray[np.int16]
    affine: Affine
    slice_thickness_mm: float
    series_instance_uid: str = ""
    sources: tuple[SourceSlice, ...] = ()

    def __post_init__(self) -> None:
        self.voxels.setflags(write=False)
        self.affine.setflags(write=False)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along slice, row and column index."""
        slice_mm, row_mm, column_mm = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(slice_mm), float(row_mm), float(column_mm)

    def to_lps(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map index points (…, 3) to LPS mm (…, 3)."""
        lps_mm: NDArray[np.float64] = index @ self.affine[:3, :3].T + self.affine[:3, 3]
        return lps_mm

    def to_index(self, lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map LPS mm points (…, 3) to fractional index points (…, 3)."""
        inverse = np.linalg.inv(self.affine)
        index: NDArray[np.float64] = lps_mm @ inverse[:3, :3].T + inverse[:3, 3]
        return index


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where to sample: a shape (3 sizes) and the affine from its index to LPS mm."""

    shape: tuple[int, int, int]
    affine: Affine


def sample(volume: Volume, grid: Grid, fill_hu: int = AIR_HU) -> NDArray[np.int16]:
    """Resample ``volume`` linearly on ``grid``; outside the volume the value is ``fill_hu``.

    The image is handed to SimpleITK in index space and the whole geometry sits in one affine transform, so
    that sheared volumes need no special case.
    """
    to_index = np.linalg.inv(volume.affine) @ grid.affine
    start, voxels = _window(volume, grid, to_index)
    image = sitk.GetImageFromArray(voxels)
    to_index[:3, 3] -= start
    transform = sitk.AffineTransform(3)
    # SimpleITK orders axes (column, row, slice): reverse both sides of the matrix.
    transform.SetMatrix(to_index[:3, :3][::-1, ::-1].ravel().tolist())
    transform.SetTranslation(to_index[:3, 3][::-1].tolist())
    resampled = sitk.Resample(
        image, grid.shape[::-1], transform, sitk.sitkLinear,
        (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1, 0, 0, 0, 1, 0, 0, 0, 1), fill_hu, sitk.sitkFloat32,
    )  # fmt: skip
    # Rounded here, because SimpleITK cuts off towards zero: a voxel on the grid could lose 1 HU.
    rounded: NDArray[np.int16] = np.rint(sitk.GetArrayViewFromImage(resampled)).astype(np.int16)
    return rounded


def _window(volume: Volume, grid: Grid, to_index: Affine) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """The part of the volume that ``grid`` touches and where it starts: a small crop copies little."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in grid.shape])).reshape(3, -1)
    touched = to_index[:3, :3] @ corners + to_index[:3, 3:]
    size = np.array(volume.voxels.shape)
    start = np.clip(np.floor(touched.min(axis=1)).astype(np.int64) - 1, 0, size - 1)
    stop = np.clip(np.ceil(touched.max(axis=1)).astype(np.int64) + 2, start + 1, size)
    return start, volume.voxels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]


def shrink(volume: Volume, factors: tuple[int, int, int]) -> Volume:
    """Average blocks of ``factors`` (slices, rows, columns) voxels: the low-pass before coarse sampling."""
    if factors == (1, 1, 1):
        return volume
    image = sitk.BinShrink(sitk.GetImageFromArray(volume.voxels), factors[::-1])
    voxels = np.asarray(sitk.GetArrayFromImage(image), dtype=np.int16)
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, :3] * np.array(factors)
    # Where a size is no multiple of its factor SimpleITK centres the blocks: its origin says where.
    affine[:3, 3] = volume.to_lps(np.array(image.GetOrigin()[::-1]))
    return Volume(voxels, affine, volume.slice_thickness_mm, volume.series_instance_uid)
