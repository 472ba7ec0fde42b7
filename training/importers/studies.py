"""A folder of DICOM files in; its studies with CT files, segmentations and reports out (headers only)."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import SegmentationStorage

_TAGS: Final = ("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "PatientID")


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """The files of one study.

    Attributes
    ----------
    patient : what tells patients apart; never written anywhere
    images : CT files
    series : Series Instance UIDs of the CT files
    segmentations, reports : DICOM SEG files, SR documents
    """

    patient: str
    images: tuple[Path, ...]
    series: frozenset[str]
    segmentations: tuple[Path, ...]
    reports: tuple[Path, ...]


def studies_in(folder: Path) -> dict[str, StudyFiles]:
    """Every study under ``folder`` by Study Instance UID; what is no DICOM file is passed over."""
    kinds: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    patients: dict[str, str] = {}
    series: dict[str, set[str]] = defaultdict(set)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=False)
        except (InvalidDicomError, OSError, ValueError):
            continue
        study = str(header.get("StudyInstanceUID", ""))
        if not study:
            continue
        kind = _kind(str(header.get("SOPClassUID", "")), str(header.get("Modality", "")))
        kinds[study][kind].append(path)
        patients.setdefault(study, str(header.get("PatientID", "")) or study)
        if kind == "image":
            series[study].add(str(header.get("SeriesInstanceUID", "")))
    return {
        study: StudyFiles(
            patients[study],
            tuple(found["image"]),
            frozenset(series[study]),
            tuple(found["segmentation"]),
            tuple(found["report"]),
        )
        for study, found in sorted(kinds.items())
    }


def _kind(sop_class_uid: str, modality: str) -> str:
    if sop_class_uid == SegmentationStorage:
        return "segmentation"
    if modality == "SR":
        return "report"
    return "image" if modality == "CT" else "other"
