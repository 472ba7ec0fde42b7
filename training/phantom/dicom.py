"""HU voxels and their grid in; an axial DICOM CT series on disk out."""

from pathlib import Path


def write_dicom(folder: Path) -> None:
    """Write the series."""
    raise NotImplementedError(folder)
