"""What the user names on the command line for an import."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set lies.

    Attributes
    ----------
    folder : the data set, or the file that a layout consists of (verdicts)
    grades : list of grades, where the layout keeps it apart
    images : folder of the DICOM images, where the annotations lie elsewhere
    """

    folder: Path
    grades: Path | None = None
    images: Path | None = None
