"""A folder of DICOM and a CSV of grades in; cases out.

The CSV has a header row with ``study, series, level, grade`` and, if wanted, ``x, y, z`` (centre of the body,
LPS mm). ``series`` may be empty. DICOM SEG objects of the vertebrae in the folder are used as masks; with
them the CSV may be left out, and then serves the localiser only.
"""

import csv
from collections import defaultdict
from pathlib import Path

from inference.findings import Point
from training.cases import Case, Gathered, Mark, grade_of_text, level_of_text
from training.errors import Problem
from training.importers.source import Source
from training.importers.studies import StudyFiles, studies_in

NEEDED = ("study", "series", "level", "grade")


def read(source: Source) -> Gathered:
    """Read a DICOM folder; the CSV is ``source.grades`` or the only ``*.csv`` in the folder."""
    problems: list[Problem] = []
    studies = studies_in(source.images or source.folder)
    if not studies:
        problems.append(Problem(str(source.folder), "holds no DICOM files"))
    path = source.grades or _only_csv(source.folder)
    marks = _read_marks(path, studies, problems) if path else {}
    if path is None and not any(study.segmentations for study in studies.values()):
        problems.append(Problem(str(source.folder), "holds neither a CSV of grades nor DICOM SEG objects"))
    cases = []
    for (study, series), own in sorted(marks.items()):
        files = studies[study]
        cases.append(Case(study, files.patient, files.images, series, _mask(files), marks=tuple(own)))
    graded = {study for study, _ in marks}
    for study, files in studies.items():
        if study not in graded and files.segmentations and files.images:
            cases.append(Case(study, files.patient, files.images, mask=_mask(files)))
    return Gathered("own DICOM studies", "as the site says", tuple(cases), tuple(problems))


def _mask(files: StudyFiles) -> Path | None:
    return files.segmentations[0] if files.segmentations else None


def _only_csv(folder: Path) -> Path | None:
    found = sorted(folder.rglob("*.csv"))
    return found[0] if len(found) == 1 else None


def _read_marks(
    path: Path, studies: dict[str, StudyFiles], problems: list[Problem]
) -> dict[tuple[str, str], list[Mark]]:
    marks: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
            if missing:
                problems.append(Problem(f"{path}:1", f"the header row lacks {', '.join(missing)}"))
                return {}
            for row in rows:
                where = f"{path}:{rows.line_num}"
                mark = _mark(row, where, studies, problems)
                own = marks[row["study"].strip(), (row["series"] or "").strip()]
                if mark is not None and any(mark.level == other.level for other in own):
                    problems.append(Problem(where, f"{mark.level} of this series is graded twice"))
                elif mark is not None:
                    own.append(mark)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problems.append(Problem(str(path), f"cannot be read as CSV: {error}"))
    return {key: own for key, own in marks.items() if own}


def _mark(
    row: dict[str, str], where: str, studies: dict[str, StudyFiles], problems: list[Problem]
) -> Mark | None:
    level, grade = level_of_text(row["level"]), grade_of_text(row["grade"])
    faults = []
    if level is None:
        faults.append(f"there is no level {row['level']!r}")
    if grade is None:
        faults.append(f"the grade {row['grade']!r} is not 0, 1, 2 or 3")
    files = studies.get((row["study"] or "").strip())
    if not (row["study"] or "").strip():
        faults.append("names no study")
    elif files is None or not files.images:
        faults.append(f"no CT of study {row['study']} is in the folder")
    elif (row["series"] or "").strip() not in {"", *files.series}:
        faults.append(f"no CT series {row['series']} in this study")
    centre = _centre(row, faults)
    problems += [Problem(where, fault) for fault in faults]
    if faults or level is None or grade is None:
        return None
    return Mark(level, grade, centre, where)


def _centre(row: dict[str, str], faults: list[str]) -> Point | None:
    given = [(row.get(axis) or "").strip() for axis in "xyz"]
    if not any(given):
        return None
    try:
        x, y, z = (float(value) for value in given)
    except ValueError:
        faults.append(f"x, y, z are not three numbers: {', '.join(given)}")
        return None
    return x, y, z
