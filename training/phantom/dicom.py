"""HU voxels on an axial grid, also of a tilted gantry, in; a DICOM CT series on disk out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from inference.volume import Grid

IMPLEMENTATION_UID = UID("2.25.287446118022117325137934214837062311709")


@dataclass(frozen=True, slots=True)
class SeriesHeader:
    """What a phantom series says of itself. UIDs derive from ``seed``: the same seed gives the same study.

    Attributes
    ----------
    seed : any text; names study, series and instances
    series : distinguishes series of one study
    patient_name, patient_id : of the phantom, never of a person
    description : of the series
    kernel : convolution kernel as the header names it
    thickness_mm : nominal slice thickness
    """

    seed: str
    series: int = 1
    patient_name: str = "PHANTOM^FAINTLINE"
    patient_id: str = "FAINTLINE-PHANTOM"
    description: str = "Synthetic spine CT"
    kernel: str = "PHANTOM"
    thickness_mm: float = 2.0

    def uid(self, *parts: object) -> UID:
        """A UID under 2.25 that depends on the seed and ``parts`` alone."""
        return generate_uid(prefix="2.25.", entropy_srcs=["faintline-phantom", self.seed, *map(str, parts)])


def write_dicom(
    folder: Path, voxels: NDArray[np.int16], grid: Grid, header: SeriesHeader
) -> tuple[Path, ...]:
    """Write one file a slice under ``folder``, first slice first.

    ``grid`` must be axial: slices along z, rows along y, columns along x (`grid_over` makes such grids).
    Where the gantry is tilted (`tilted`) the rows lean, and the slices still step along z.
    """
    steps = grid.affine[:3, :3]
    if not np.allclose(steps[[0, 1, 1, 2], [0, 0, 2, 2]], 0) or not np.isclose(steps[0, 1], 0):
        raise ValueError("the grid is not axial: slices must run along z, rows along y, columns along x")
    folder.mkdir(parents=True, exist_ok=True)
    common = _common(header, grid)
    paths = []
    for number in range(len(voxels)):
        path = folder / f"CT{header.series:02d}{number + 1:04d}.dcm"
        _slice(common, header, grid, number, voxels[number]).save_as(path, enforce_file_format=True)
        paths.append(path)
    return tuple(paths)


def tilted(grid: Grid, degrees: float) -> Grid:
    """The same slices with the gantry tilted about the x axis: each turns about its middle row."""
    rows = grid.shape[1]
    affine = grid.affine.copy()
    row_mm = float(np.linalg.norm(affine[:3, 1]))
    leaning = row_mm * np.array([0.0, np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))])
    affine[:3, 3] += (affine[:3, 1] - leaning) * (rows - 1) / 2
    affine[:3, 1] = leaning
    return Grid(grid.shape, affine)


def _common(header: SeriesHeader, grid: Grid) -> Dataset:
    """Everything that all slices share."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    data.SOPClassUID = CTImageStorage
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = "20200101"
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = "120000"
    data.AccessionNumber = "PHANTOM"
    data.Modality = "CT"
    data.Manufacturer = "Faintline"
    data.ManufacturerModelName = "Phantom generator"
    data.ReferringPhysicianName = ""
    data.StudyDescription = "Synthetic phantom, not a patient"
    data.SeriesDescription = header.description
    data.DerivationDescription = "Computed from a mathematical phantom"
    data.PatientName = header.patient_name
    data.PatientID = header.patient_id
    data.PatientBirthDate = ""
    data.PatientSex = "O"
    data.BodyPartExamined = "SPINE"
    data.SliceThickness = f"{header.thickness_mm:g}"
    data.KVP = "120"
    data.ConvolutionKernel = header.kernel
    data.PatientPosition = "HFS"
    data.StudyInstanceUID = header.uid("study")
    data.SeriesInstanceUID = header.uid("series", header.series)
    data.StudyID = "1"
    data.SeriesNumber = header.series
    data.AcquisitionNumber = 1
    data.FrameOfReferenceUID = header.uid("frame of reference")
    data.PositionReferenceIndicator = ""
    down = grid.affine[:3, 1] / np.linalg.norm(grid.affine[:3, 1])
    data.ImageOrientationPatient = [1, 0, 0, *(f"{part:.6f}" for part in down)]
    data.GantryDetectorTilt = f"{np.degrees(np.arctan2(-down[2], down[1])):.2f}"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = grid.shape[1:]
    data.PixelSpacing = [f"{np.linalg.norm(grid.affine[:3, 1]):.6g}", f"{grid.affine[0, 2]:.6g}"]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelRepresentation = 1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "HU"
    data.WindowCenter, data.WindowWidth = "300", "1500"
    return data


def _slice(
    common: Dataset, header: SeriesHeader, grid: Grid, number: int, voxels: NDArray[np.int16]
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = header.uid("instance", header.series, number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    data = FileDataset("", dict(common), file_meta=meta, preamble=b"\0" * 128)
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.InstanceNumber = number + 1
    place = grid.affine[:3, 3] + number * grid.affine[:3, 0]
    data.ImagePositionPatient = [f"{mm:.4f}" for mm in place]
    data.SliceLocation = f"{place[2]:.4f}"
    data.PixelData = voxels.astype("<i2").tobytes()
    return data
