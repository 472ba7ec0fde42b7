"""Radiologists' verdicts as the node exports them (JSON lines) and the studies' DICOM in; cases out.

`faintline verdicts` writes the lines; their keys are documented there (forms 1 and 2). Of several lines about
one ``tracking_uid`` the latest counts. A line that says "fractured" without a grade, or that a finding was
taken away without a word, is left out and counted.
"""

import json
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from inference.levels import LEVELS
from training.cases import Case, Gathered, Mark, grade_of_text
from training.errors import Problem
from training.importers.source import Source
from training.importers.studies import StudyFiles, studies_in

FORMS: Final = (1, 2)
KEYS: Final = (
    "study_instance_uid",
    "series_instance_uid",
    "level",
    "centre_lps_mm",
    "grade",
    "tracking_uid",
    "decided_at",
)

Numbered = tuple[int, dict[str, Any]]


def read(source: Source) -> Gathered:
    """Read a file of verdicts; the DICOM files lie under ``source.images`` (or beside the file)."""
    problems: list[Problem] = []
    notes: Counter[str] = Counter()
    studies = studies_in(source.images or source.folder.parent)
    marks: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    lines = _lines(source.folder, problems)
    answers = [(number, line) for number, line in lines if line.get("fractured", True) is not None]
    if len(answers) < len(lines):
        notes["took a finding away without a word"] += len(lines) - len(answers)
    for number, line in _latest(answers):
        where = f"{source.folder}:{number}"
        if line["grade"] is None:
            notes["say 'fractured' without a grade"] += 1
            continue
        mark = _mark(line, where, problems)
        files = studies.get(line["study_instance_uid"])
        if files is None or line["series_instance_uid"] not in files.series:
            problems.append(
                Problem(
                    where,
                    f"no images of series {line['series_instance_uid']} of its study: see --images",
                )
            )
        elif mark is not None:
            marks[line["study_instance_uid"], line["series_instance_uid"]].append(mark)
    cases = tuple(_case(study, series, studies[study], own) for (study, series), own in sorted(marks.items()))
    left_out = tuple(f"{count} verdicts {what}: left out" for what, count in notes.items())
    return Gathered("radiologists' verdicts", "as the site says", cases, tuple(problems), left_out)


def _case(study: str, series: str, files: StudyFiles, marks: list[Mark]) -> Case:
    return Case(study, files.patient, files.images, series, marks=tuple(marks))


def _lines(path: Path, problems: list[Problem]) -> list[Numbered]:
    found = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), f"cannot be read: {error}"))
        return []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        fault = None
        try:
            values = json.loads(line)
            fault = _fault(values)
        except ValueError:
            fault = "is no JSON object"
        if fault:
            problems.append(Problem(f"{path}:{number}", fault))
        else:
            found.append((number, values))
    if not found and not problems:
        problems.append(Problem(str(path), "holds no verdicts"))
    return found


def _fault(values: Any) -> str | None:
    if not isinstance(values, dict):
        return "is no JSON object"
    if values.get("form") not in FORMS:
        return f"has form {values.get('form')!r}, this program reads forms 1 and 2"
    missing = [key for key in KEYS if key not in values]
    if missing:
        return f"lacks {', '.join(missing)}"
    try:
        datetime.fromisoformat(str(values["decided_at"]))
    except ValueError:
        return f"decided_at {values['decided_at']!r} is no time"
    return None


def _latest(lines: list[Numbered]) -> list[Numbered]:
    """The last word on each vertebra; one without an offset is taken in this machine's time zone."""
    latest: dict[str, Numbered] = {}
    for number, line in sorted(
        lines, key=lambda one: datetime.fromisoformat(one[1]["decided_at"]).astimezone()
    ):
        latest[line["tracking_uid"] or f"line {number}"] = (number, line)
    return sorted(latest.values(), key=lambda one: one[0])


def _mark(line: dict[str, Any], where: str, problems: list[Problem]) -> Mark | None:
    level, grade, centre = line["level"], grade_of_text(line["grade"]), line["centre_lps_mm"]
    if level is not None and level not in LEVELS:
        problems.append(Problem(where, f"there is no level {level!r}"))
    elif grade is None:
        problems.append(Problem(where, f"the grade {line['grade']!r} is not 0, 1, 2 or 3"))
    elif not (
        isinstance(centre, list) and len(centre) == 3 and all(isinstance(v, int | float) for v in centre)
    ):
        problems.append(Problem(where, "centre_lps_mm is not three numbers"))
    else:
        return Mark(level, grade, (float(centre[0]), float(centre[1]), float(centre[2])), where)
    return None
