"""A geometry and HU values in; a small DICOM CT series on disk out, each voxel with a value of its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
Change = Callable[[Dataset, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The true place of every voxel: affine (slice, row, column, 1) -> LPS mm."""

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]

    def lps(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def position(self, number: int) -> NDArray[np.float64]:
        return self.lps(np.array([number, 0, 0], dtype=np.float64))

    def direction(self, axis: int) -> NDArray[np.float64]:
        column = self.affine[:3, axis]
        return column / np.linalg.norm(column)

    def spacing(self, axis: int) -> float:
        return float(np.linalg.norm(self.affine[:3, axis]))


def axial_grid(
    slices: int = 30, spacing_mm: float = 3.0, pixel_mm: float = 0.8, rows: int = 8, columns: int = 10
) -> Grid:
    affine = np.zeros((4, 4))
    affine[:, 0] = (0, 0, spacing_mm, 0)
    affine[:, 1] = (0, pixel_mm, 0, 0)
    affine[:, 2] = (pixel_mm, 0, 0, 0)
    affine[:, 3] = (-50, -170, -400, 1)
    return Grid(affine, (slices, rows, columns))


def distinct_hu(grid: Grid) -> NDArray[np.int16]:
    """Give every voxel a value of its own, from -1000 up."""
    count = int(np.prod(grid.shape))
    assert count < 30_000
    return (np.arange(count) - 1000).astype(np.int16).reshape(grid.shape)


def header(study_uid: str, series_uid: str, number: int) -> Dataset:
    """What every CT instance of one patient, study and series says."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, series_uid
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Doe^Jane", "4711", "19400101"
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SeriesNumber, ds.InstanceNumber = 2, number + 1
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.StudyID = ""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    return ds


def _numbers(values: Iterable[float]) -> list[str]:
    """Write decimal strings (at most 16 characters) as a scanner does."""
    return [f"{value:.10f}"[:16] for value in values]


def place(ds: Dataset, grid: Grid, number: int) -> None:
    """Say where slice ``number`` of the grid lies."""
    ds.ImagePositionPatient = _numbers(grid.position(number))
    ds.ImageOrientationPatient = _numbers([*grid.direction(2), *grid.direction(1)])
    ds.PixelSpacing = _numbers([grid.spacing(1), grid.spacing(2)])
    ds.SliceThickness = "1"


def save(ds: Dataset, path: Path, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set, compressed where the transfer syntax is."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    if transfer_syntax_uid not in NATIVE:
        ds.compress(transfer_syntax_uid, generate_instance_uid=False)
    else:
        ds.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    big = transfer_syntax_uid == ExplicitVRBigEndian
    if big and "PixelData" in ds:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    grid: Grid,
    hu: NDArray[np.int16] | None = None,
    *,
    study_uid: str = "2.25.1",
    series_uid: str = "2.25.2",
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
    skip: Iterable[int] = (),
    change: Change = lambda ds, number: None,
) -> list[Path]:
    """Write one CT Image Storage instance a slice; ``change`` edits each data set before it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    values = distinct_hu(grid) if hu is None else hu
    paths = []
    for number in sorted(set(range(grid.shape[0])) - set(skip)):
        ds = header(study_uid, series_uid, number)
        place(ds, grid, number)
        ds.Rows, ds.Columns = grid.shape[1:]
        ds.RescaleSlope, ds.RescaleIntercept = "1", "0"
        ds.PixelData = values[number].astype("<i2").tobytes()
        change(ds, number)
        paths.append(save(ds, folder / f"{series_uid}.{ds.SOPInstanceUID}", transfer_syntax_uid))
    return paths


def write_enhanced(
    folder: Path, grid: Grid, order: list[int], transfer_syntax_uid: str = ExplicitVRLittleEndian
) -> Path:
    """Write one Enhanced CT instance whose frames hold the grid's slices in the given order."""
    folder.mkdir(parents=True, exist_ok=True)
    ds = header("2.25.1", "2.25.3", 0)
    ds.SOPClassUID = EnhancedCTImageStorage
    ds.NumberOfFrames = len(order)
    ds.Rows, ds.Columns = grid.shape[1:]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = _numbers([grid.spacing(1), grid.spacing(2)])
    shared.PixelMeasuresSequence[0].SliceThickness = "1"
    shared.PlaneOrientationSequence = Sequence([Dataset()])
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = _numbers(
        [*grid.direction(2), *grid.direction(1)]
    )
    frames = []
    for number in order:
        own = Dataset()
        own.PlanePositionSequence = Sequence([Dataset()])
        own.PlanePositionSequence[0].ImagePositionPatient = _numbers(grid.position(number))
        own.PixelValueTransformationSequence = Sequence([Dataset()])
        own.PixelValueTransformationSequence[0].RescaleSlope = "1"
        own.PixelValueTransformationSequence[0].RescaleIntercept = "0"
        own.CTImageFrameTypeSequence = Sequence([Dataset()])
        own.CTImageFrameTypeSequence[0].FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        frames.append(own)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    ds.PixelData = distinct_hu(grid)[order].astype("<i2").tobytes()
    return save(ds, folder / "enhanced", transfer_syntax_uid)
