"""Lists of Genant grades for VerSe, in any of their known forms, in; grades by scan and level out.

Known forms: the supplement of Löffler 2020 as a spreadsheet (columns ``verse_ID``, ``subject_ID``,
``T1_fx-g`` ...), the merged sheet with ``ID`` and ``"T1 grade"`` ..., HealthiVert's JSON
(``{"train": {"sub-verse004_16": 2}}``), and CSV rows with ``scan_id, vertebra, genant_grade``.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.levels import VERSE_LABELS
from training.cases import Mark, grade_of_text, level_of_text
from training.errors import Problem
from training.samples import Purpose

SPLITS: Final = {"train": Purpose.TRAINING, "val": Purpose.VALIDATION, "test": Purpose.TEST}


@dataclass(frozen=True, slots=True)
class GradeList:
    """Marks and split by scan name (``sub-verse004``), and what was wrong with the list."""

    marks: dict[str, tuple[Mark, ...]]
    purposes: dict[str, Purpose]
    problems: tuple[Problem, ...]


def read_grades(path: Path) -> GradeList:
    """Read a list of grades; what cannot be read at all is one problem."""
    try:
        rows = list(_rows(path))
    except (OSError, ValueError, KeyError) as error:
        return GradeList({}, {}, (Problem(str(path), f"no list of grades: {error}"),))
    marks: dict[str, list[Mark]] = defaultdict(list)
    purposes: dict[str, Purpose] = {}
    problems = []
    for row in rows:
        level, grade = level_of_text(row.level), grade_of_text(row.grade)
        where = f"{path}:{row.line}"
        if grade is None:
            problems.append(
                Problem(where, f"{row.scan} {row.level}: the grade {row.grade!r} is not 0, 1, 2 or 3")
            )
        elif level is None:
            if str(row.level).upper() not in {"L6", "T13"}:
                problems.append(Problem(where, f"{row.scan}: there is no level {row.level!r}"))
        elif any(mark.level == level for mark in marks[row.scan]):
            problems.append(Problem(where, f"{row.scan} {level} is graded twice"))
        else:
            marks[row.scan].append(Mark(level, grade, None, where))
        if row.purpose is not None and purposes.setdefault(row.scan, row.purpose) != row.purpose:
            problems.append(Problem(where, f"{row.scan} is in two splits"))
    if not rows:
        problems.append(Problem(str(path), "holds no grade in a form that is known"))
    return GradeList({scan: tuple(own) for scan, own in marks.items()}, purposes, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Row:
    scan: str
    level: str
    grade: object
    line: int
    purpose: Purpose | None = None


def _rows(path: Path) -> Iterator[_Row]:
    if path.suffix == ".json":
        yield from _json_rows(path)
    elif path.suffix == ".xlsx":
        yield from _sheet_rows(path)
    else:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [list(row) for row in csv.reader(file)]
        yield from _table_rows(lines)


def _json_rows(path: Path) -> Iterator[_Row]:
    text = path.read_text(encoding="utf-8")
    for split, grades in json.loads(text).items():
        if split not in SPLITS:
            raise ValueError(f"the split {split!r} is not train, val or test")
        for key, grade in grades.items():
            scan, _, label = key.rpartition("_")
            level = VERSE_LABELS.get(int(label), label) if label.isdigit() else label
            yield _Row(scan, level, grade, 1 + text[: text.find(f'"{key}"')].count("\n"), SPLITS[split])


def _sheet_rows(path: Path) -> Iterator[_Row]:
    import openpyxl  # noqa: PLC0415  (only for spreadsheets)

    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).active
    except Exception as error:  # a damaged spreadsheet may raise anything
        raise ValueError("the spreadsheet cannot be opened") from error
    yield from _table_rows([list(row) for row in sheet.iter_rows(values_only=True)])


def _table_rows(lines: list[list[Any]]) -> Iterator[_Row]:
    header = [str(name or "").strip() for name in lines[0]] if lines else []
    column = {name: number for number, name in enumerate(header)}
    if {"scan_id", "vertebra", "genant_grade"} <= column.keys():
        for line, row in enumerate(lines[1:], start=2):
            yield _Row(row[column["scan_id"]], row[column["vertebra"]], row[column["genant_grade"]], line)
        return
    levels = {
        number: match[1]
        for number, name in enumerate(header)
        if (match := re.fullmatch(r"([TL]\d+)(?:_fx-g| grade)", name))
    }
    name = next((name for name in ("verse_ID", "ID") if name in column), None)
    if not levels or name is None:
        raise ValueError("its first row has no columns such as verse_ID and L1_fx-g")
    for line, row in enumerate(lines[1:], start=2):
        if row[column[name]] in {None, ""}:
            continue
        scan = _scan_name(row[column[name]], row[column["subject_ID"]] if "subject_ID" in column else None)
        for number, level in levels.items():
            if row[number] not in {None, ""}:
                yield _Row(scan, level, row[number], line)


def _scan_name(verse: Any, subject: Any) -> str:
    if not str(verse).replace(".0", "").isdigit():
        return str(verse)
    number = int(float(verse))
    if subject in {None, ""} or int(float(subject)) == number:
        return f"sub-verse{number:03d}"
    return f"sub-verse{int(float(subject)):03d}_split-verse{number:03d}"
