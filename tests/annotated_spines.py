"""A block spine as NIfTI, DICOM and DICOM SEG, as annotated data sets hold them."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from inference.levels import VERSE_LABELS
from inference.volume import Grid
from training.phantom import SeriesHeader, write_dicom

SPACING_MM = 1.0
LABELS = (19, 20, 21, 22)
"""T12 to L3 in VerSe's numbering."""
HEIGHT_MM, DISC_MM, DEPTH_MM, WIDTH_MM = 26, 8, 34, 44


def block_spine(squeezed: int | None = None, lost_mm: int = 0) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """HU and labels (slices, rows, columns) of four upright blocks; ``squeezed`` loses height on top."""
    size = len(LABELS) * (HEIGHT_MM + DISC_MM) + 24
    hu = np.full((size, 90, 80), 40, np.int16)
    labels = np.zeros(hu.shape, np.uint8)
    top = size - 16
    for label in LABELS:
        bottom = top - HEIGHT_MM
        start = top - (lost_mm if label == squeezed else 0)
        body = (slice(bottom, start), slice(25, 25 + DEPTH_MM), slice(18, 18 + WIDTH_MM))
        hu[body], labels[body] = 250, label
        arch = (slice(bottom + 8, bottom + 14), slice(74, 88), slice(38, 42))
        hu[arch], labels[arch] = 400, label
        top = bottom - DISC_MM
    noise = np.random.default_rng(0).normal(0, 12, hu.shape)
    return (hu + noise).astype(np.int16), labels


def write_pair(
    folder: Path, ct: str, mask: str | None, squeezed: int | None = None, lost_mm: int = 0
) -> None:
    """Write the spine as ``ct`` and its labels as ``mask`` under ``folder``, oriented as VerSe often is."""
    hu, labels = block_spine(squeezed, lost_mm)
    for name, values in ((ct, hu), (mask, labels)):
        if name is None:
            continue
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((SPACING_MM,) * 3)
        image.SetOrigin((-40.0, -30.0, -200.0))
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(sitk.DICOMOrient(image, "PIR"), str(target))


def write_dicom_study(folder: Path, name: str) -> tuple[str, str]:
    """The spine as an axial DICOM series; returns its Study and Series Instance UIDs."""
    hu, _ = block_spine()
    affine = np.array([[0, 0, 1, -40], [0, 1, 0, -30], [1, 0, 0, -200], [0, 0, 0, 1.0]])
    header = SeriesHeader(name, patient_id=f"BLOCKS-{name}", thickness_mm=1.0)
    write_dicom(folder, hu, Grid((hu.shape[0], hu.shape[1], hu.shape[2]), affine), header)
    return str(header.uid("study")), str(header.uid("series", 1))


def write_segmentation(folder: Path) -> Path:
    """A DICOM SEG of the series in ``folder``, one segment a vertebra, numbered from 1."""
    _, labels = block_spine()
    images = [pydicom.dcmread(path) for path in sorted(folder.glob("CT*.dcm"))]
    names = {number: VERSE_LABELS[label] for number, label in enumerate(LABELS, start=1)}
    vertebra = hd.sr.CodedConcept("51282000", "SCT", "Vertebra")
    described = [
        hd.seg.SegmentDescription(
            number, f"vertebrae_{level}", hd.sr.CodedConcept("91723000", "SCT", "Anatomical structure"),
            vertebra, hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, level in names.items()
    ]  # fmt: skip
    segmentation = hd.seg.Segmentation(
        images, np.stack([labels == label for label in LABELS], axis=-1).astype(np.uint8),
        hd.seg.SegmentationTypeValues.BINARY, described, "2.25.77", 7, "2.25.78", 1, "Maker", "Model",
        "1", "1",
    )  # fmt: skip
    target = folder / "segmentation.dcm"
    segmentation.save_as(target)
    return target


def write_boxes(folder: Path, grades: dict[str, dict[int, int]]) -> None:
    """The paper's processed form: a small box for each label of each CT."""
    rng = np.random.default_rng(0)
    for image, own in grades.items():
        for label, grade in own.items():
            mask = np.zeros((14, 16, 16), np.uint8)
            mask[2 + grade : 12, 3:13, 2:14] = label
            hu = np.where(mask > 0, 300, -80) + rng.normal(0, 20, mask.shape)
            for kind, values in (("img", hu.astype(np.int16)), ("seg", mask)):
                (folder / kind).mkdir(parents=True, exist_ok=True)
                path = folder / kind / f"{image}_{label}_{grade}.nii.gz"
                sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
