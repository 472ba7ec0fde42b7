"""A block spine as NIfTI with its mask, as annotated data sets hold them."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

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
