"""TID 1500 reports that a radiologist corrected, with their CT, in; cases out (PS3.16 TID 1500, 1410).

From every measurement group: the level (finding site), the Genant grade (the evaluation whose name is "Genant
grade"; a compression fracture that is said to be absent is grade 0), and the place (the box on its source
image). Only reports with the verification flag VERIFIED count (PS3.3 C.17.2), the latest of each study.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom import Dataset, dcmread

from inference.findings import Grade, Point
from training.cases import Case, Gathered, Mark, level_of_text
from training.errors import Problem
from training.importers.source import Source
from training.importers.studies import StudyFiles, studies_in

IMAGING_MEASUREMENTS: Final = "126010"
MEASUREMENT_GROUP: Final = "125007"
FINDING_SITE: Final = frozenset({"363698007", "G-C0E3"})
ABSENT: Final = frozenset({"272519000", "2667000"})
SEVERITIES: Final = {"255604002": 1, "6736007": 2, "24484000": 3}


def read(source: Source) -> Gathered:
    """Read a folder with CT studies and the reports on them (or reports apart from ``source.images``)."""
    problems: list[Problem] = []
    notes: Counter[str] = Counter()
    studies = studies_in(source.images or source.folder)
    reports = studies if source.images is None else studies_in(source.folder)
    cases = []
    for study, files in reports.items():
        report = _latest_verified(files.reports, notes)
        if report is None:
            continue
        path, document = report
        own = studies.get(study)
        if own is None or not own.images:
            problems.append(
                Problem(str(path), "the CT it reports on is not there: name its folder with --images")
            )
            continue
        marks, series = _marks(path, document, own, problems)
        if marks:
            cases.append(Case(study, own.patient, own.images, series, marks=tuple(marks)))
        else:
            notes["reports without a graded vertebra"] += 1
    if not cases and not problems:
        problems.append(Problem(str(source.folder), "holds no verified report with graded vertebrae"))
    left_out = tuple(f"{count} {what}" for what, count in notes.items())
    return Gathered("corrected reports", "as the site says", tuple(cases), tuple(problems), left_out)


def _latest_verified(paths: tuple[Path, ...], notes: Counter[str]) -> tuple[Path, Dataset] | None:
    documents = [(path, dcmread(path)) for path in paths]
    verified = [one for one in documents if one[1].get("VerificationFlag") == "VERIFIED"]
    if len(verified) < len(documents):
        notes["unverified reports left out"] += len(documents) - len(verified)
    return max(
        verified,
        key=lambda one: (str(one[1].get("ContentDate", "")), str(one[1].get("ContentTime", ""))),
        default=None,
    )


def _marks(
    path: Path, document: Dataset, files: StudyFiles, problems: list[Problem]
) -> tuple[list[Mark], str]:
    """The graded vertebrae of one report and the series they were seen on."""
    images = _placed_images(files)
    marks: list[Mark] = []
    series = ""
    for number, group in enumerate(_groups(document), start=1):
        where = f"{path}, measurement group {number}"
        grade = _grade(group)
        if grade is None:
            continue
        level, place = _level(group), _place(group, images)
        if level is None and place is None:
            problems.append(
                Problem(where, "a grade without a level and without a region on an image of the folder")
            )
        elif level is not None and any(mark.level == level for mark in marks):
            problems.append(Problem(where, f"{level} is graded twice"))
        else:
            marks.append(Mark(level, grade, place[0] if place else None, where))
            series = place[1] if place else series
    return marks, series


def _groups(item: Dataset) -> list[Dataset]:
    found = []
    for child in item.get("ContentSequence", []):
        if _name(child) == MEASUREMENT_GROUP:
            found.append(child)
        elif _name(child) == IMAGING_MEASUREMENTS:
            found += _groups(child)
    return found


def _grade(group: Dataset) -> Grade | None:
    for item in group.get("ContentSequence", []):
        concept, value = _sequence(item, "ConceptNameCodeSequence"), _sequence(item, "ConceptCodeSequence")
        if concept is None or value is None:
            continue
        meaning = str(concept.get("CodeMeaning", "")).lower()
        if "genant" in meaning:
            digits = re.search(r"[0-3]", f"{value.get('CodeMeaning', '')} {value.get('CodeValue', '')}")
            return Grade(int(digits[0])) if digits else None
        if "fracture" in meaning and str(value.CodeValue) in ABSENT:
            return Grade.NORMAL
        if meaning == "severity" and str(value.CodeValue) in SEVERITIES:
            return Grade(SEVERITIES[str(value.CodeValue)])
    return None


def _level(group: Dataset) -> str | None:
    for item in group.get("ContentSequence", []):
        if _name(item) in FINDING_SITE:
            site = _sequence(item, "ConceptCodeSequence")
            word = re.search(r"\b([CTL]\d{1,2}|S1)\b", str(site.get("CodeMeaning", "")) if site else "")
            return level_of_text(word[1]) if word else None
    return None


def _placed_images(files: StudyFiles) -> dict[str, Dataset]:
    tags = [
        "SOPInstanceUID",
        "SeriesInstanceUID",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
    ]
    headers = [dcmread(path, stop_before_pixels=True, specific_tags=tags) for path in files.images]
    return {str(header.SOPInstanceUID): header for header in headers if "ImagePositionPatient" in header}


def _place(group: Dataset, images: dict[str, Dataset]) -> tuple[Point, str] | None:
    """Middle of the group's region in LPS mm, and the series of its image."""
    for item in _all_items(group):
        if item.get("ValueType") != "SCOORD":
            continue
        for child in item.get("ContentSequence", []):
            reference = _sequence(child, "ReferencedSOPSequence")
            header = images.get(str(reference.get("ReferencedSOPInstanceUID", ""))) if reference else None
            if header is not None:
                return _lps(item, header), str(header.SeriesInstanceUID)
    return None


def _lps(region: Dataset, header: Dataset) -> Point:
    """Image-relative coordinates count from the corner of the first pixel (PS3.3 C.18.6.1.2)."""
    points = np.array(region.GraphicData, dtype=np.float64).reshape(-1, 2)
    column, row = (points.min(axis=0) + points.max(axis=0)) / 2 - 0.5
    along_row, along_column = np.array(header.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    row_mm, column_mm = (float(value) for value in header.PixelSpacing)
    place = np.array(header.ImagePositionPatient, dtype=np.float64)
    x, y, z = place + along_row * column * column_mm + along_column * row * row_mm
    return float(x), float(y), float(z)


def _all_items(item: Dataset) -> list[Dataset]:
    found = [item]
    for child in item.get("ContentSequence", []):
        found += _all_items(child)
    return found


def _name(item: Dataset) -> str:
    concept = _sequence(item, "ConceptNameCodeSequence")
    return str(concept.get("CodeValue", "")) if concept else ""


def _sequence(item: Dataset, keyword: str) -> Any:
    found = item.get(keyword)
    return found[0] if found else None
