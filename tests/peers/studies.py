"""Studies to send: real CT, VerSe volumes as axial DICOM, small made-up ones, and their raw bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from numpy.typing import NDArray
from peers.rawscu import Message
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from inference.levels import VERSE_LABELS

SENTINEL_NAME = "Sentinel^Quincunx"
SENTINEL_ID = "SENTINEL-4711"
"""Patient name and ID of every made-up study: they must never turn up in a log."""


@dataclass(frozen=True, slots=True)
class Study:
    """DICOM files of one study on disk."""

    uid: str
    folder: Path
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A CT volume before it is written.

    voxels : int16 (slices, rows, columns) HU; slices run cranially, rows to posterior, columns to the left
    spacing_mm : of slices, rows, columns
    """

    voxels: NDArray[np.int16]
    spacing_mm: tuple[float, float, float]


def study_in(folder: Path) -> Study:
    """The study whose files lie in `folder`."""
    paths = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
    first = pydicom.dcmread(paths[0], stop_before_pixels=True, force=True)
    return Study(str(first.StudyInstanceUID), folder, paths)


def real_ct(real_data: Path, name: str) -> Study:
    """A real CT (`lidc_0314`, `lidc_0001`, `acrin_lumbar`) where it lies: never written to."""
    return study_in(real_data / "ct" / name)


def verse_scan(real_data: Path, number: str) -> Scan:
    """VerSe'19 volume `number`, turned to axial slices."""
    image: Any = nib.load(real_data / "labelled" / "verse19" / f"sub-verse{number}_ct.nii.gz")
    return Scan(_axial(np.asarray(image.dataobj)).astype(np.int16), _axial_spacing(image))


def verse_levels(real_data: Path, number: str) -> NDArray[np.int16]:
    """The mask of the same volume in the same frame: VerSe labels (`inference.levels.VERSE_LABELS`)."""
    image: Any = nib.load(real_data / "labelled" / "verse19" / f"sub-verse{number}_seg-vert_msk.nii.gz")
    return _axial(np.asarray(image.dataobj)).astype(np.int16)


def level_at(mask: NDArray[np.int16], slice_index: int, row: float, column: float) -> str | None:
    """The level that the mask has at (or, in a hole, nearest within 5 mm in-plane of) an index point."""
    plane = mask[slice_index]
    rows, columns = np.nonzero(plane)
    if not len(rows):
        return None
    distances = np.hypot(rows - row, columns - column)
    nearest = int(np.argmin(distances))
    return VERSE_LABELS.get(int(plane[rows[nearest], columns[nearest]])) if distances[nearest] <= 5 else None


def _axial(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """(P, I, R) axes to (S, P, L)."""
    return np.ascontiguousarray(array.transpose(1, 0, 2)[::-1, :, ::-1])


def _axial_spacing(image: Any) -> tuple[float, float, float]:
    axes: Any = nib.orientations
    assert axes.aff2axcodes(image.affine) == ("P", "I", "R")
    posterior, inferior, right = (float(size) for size in image.header.get_zooms()[:3])
    return inferior, posterior, right


def write_verse(real_data: Path, number: str, folder: Path) -> Study:
    """VerSe'19 volume `number` as an axial CT study; slice i of the scan is file i."""
    return write_ct(verse_scan(real_data, number), folder, f"verse{number}", "SPINE")


def write_ct(scan: Scan, folder: Path, name: str, body_part: str = "SPINE") -> Study:
    """Write one axial CT series, Explicit VR Little Endian; every UID follows from `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    study_uid = generate_uid(entropy_srcs=[name, "study"])
    paths = []
    for index in range(len(scan.voxels)):
        path = folder / f"{index:04d}.dcm"
        _ct_slice(scan, index, name, body_part).save_as(path, enforce_file_format=True)
        paths.append(path)
    return Study(study_uid, folder, tuple(paths))


def _ct_slice(scan: Scan, index: int, name: str, body_part: str) -> Dataset:
    rows, columns = scan.voxels.shape[1:]
    slice_mm, row_mm, column_mm = scan.spacing_mm
    image = _patient_and_study(name, "CT", CTImageStorage, index)
    image.BodyPartExamined = body_part
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.KVP = "120"
    image.ConvolutionKernel = "STANDARD"
    image.SliceThickness = f"{slice_mm:.4f}"
    image.PatientPosition = "HFS"
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.ImagePositionPatient = [
        f"{-columns * column_mm / 2:.4f}",
        f"{-rows * row_mm / 2:.4f}",
        f"{index * slice_mm:.4f}",
    ]
    image.PixelSpacing = [f"{row_mm:.6f}", f"{column_mm:.6f}"]
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "-1024", "1", "HU"
    image.Rows, image.Columns = rows, columns
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    stored = np.clip(scan.voxels[index].astype(np.int32) + 1024, 0, 65535).astype("<u2")
    image.PixelData = stored.tobytes()
    return image


def _patient_and_study(name: str, modality: str, sop_class: str, index: int) -> Dataset:
    """What every made-up instance has: patient, study, series, frame of reference, identity."""
    image = Dataset()
    image.SOPClassUID = sop_class
    image.SOPInstanceUID = generate_uid(entropy_srcs=[name, modality, str(index)])
    image.StudyInstanceUID = generate_uid(entropy_srcs=[name, "study"])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=[name, modality, "series"])
    image.FrameOfReferenceUID = generate_uid(entropy_srcs=[name, "frame"])
    image.PositionReferenceIndicator = ""
    image.PatientName, image.PatientID = SENTINEL_NAME, f"{SENTINEL_ID}-{name}"[:64]
    image.PatientBirthDate, image.PatientSex, image.PatientAge = "19400102", "F", "086Y"
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "1", f"ACC{name}"[:16], ""
    image.StudyDate = image.SeriesDate = image.ContentDate = image.AcquisitionDate = "20260102"
    image.StudyTime = image.SeriesTime = image.ContentTime = image.AcquisitionTime = "101112"
    image.StudyDescription, image.SeriesDescription = f"{modality} {name}"[:64], f"{modality} axial"
    image.Modality, image.Manufacturer = modality, "Faintline tests"
    image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = 2, 1, index + 1
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def tiny_ct(folder: Path, name: str, slices: int = 4) -> Study:
    """A CT of air, too short to be screened: quick to send and to answer."""
    voxels = np.full((slices, 64, 64), -1000, np.int16)
    voxels[:, 16:48, 16:48] = 40
    return write_ct(Scan(voxels, (2.0, 1.0, 1.0)), folder, name)


def head_ct(folder: Path, name: str, body_part: str) -> Study:
    """A skull-like shell with brain inside, 60 slices of 3 mm: long enough to screen, without a spine."""
    shape, spacing = (60, 128, 128), (3.0, 1.8, 1.8)
    centred = [(np.arange(size) - size / 2) * step for size, step in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*centred, indexing="ij", sparse=True)
    radius = np.sqrt((z / 85) ** 2 + (y / 95) ** 2 + (x / 75) ** 2)
    noise = np.random.default_rng(5).normal(0, 8, shape)
    voxels = np.where(radius < 0.93, 35, np.where(radius < 1, 900, -1000)) + noise
    return write_ct(Scan(voxels.astype(np.int16), spacing), folder, name, body_part)


def mr_study(folder: Path, slices: int = 5) -> Study:
    """A small MR study made from pydicom's MR test image."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(slices):
        image = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
        made_up = _patient_and_study("mr", "MR", image.SOPClassUID, index)
        image.update(made_up)
        image.ImagePositionPatient = [0, 0, 4 * index]
        image.file_meta.MediaStorageSOPInstanceUID = UID(made_up.SOPInstanceUID)
        paths.append(folder / f"{index:04d}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    return Study(str(image.StudyInstanceUID), folder, tuple(paths))


def message_of(path: Path) -> Message:
    """The C-STORE that carries the file: its bytes as they lie on disk behind preamble and meta header."""
    content = path.read_bytes()
    group_length = int.from_bytes(content[140:144], "little")
    meta = pydicom.dcmread(path, specific_tags=[]).file_meta
    return Message(
        str(meta.MediaStorageSOPClassUID),
        str(meta.MediaStorageSOPInstanceUID),
        str(meta.TransferSyntaxUID),
        content[144 + group_length :],
    )
