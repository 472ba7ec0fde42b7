"""The paper's own data set (Wei et al. 2022, 208 CTs, CC BY-SA 4.0) in; cases out.

The original form: CTs, masks in VerSe's numbering (the same name with ``_seg``, or in a folder ``seg``,
``mask`` or ``masks``) and ``annotation.yaml`` = ``{CT file: {'label': 'grade'}}``. If lists
``train_file_list*.yaml`` and ``test_file_list*.yaml`` lie beside it, their split is taken over, by CT.

The processed form: ``img/ID_LABEL_GRADE.nii.gz``, every vertebra zoomed to 128 pixels, its mask under the
same name in ``seg``. It has lost its scale in mm and its neighbours, which is what Faintline's grader looks
at, so it serves the paper's own network alone (recipe ``wei2022_se_resnet50``).
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from inference.levels import VERSE_LABELS
from training.cases import BoxFile, Case, Gathered, Mark, grade_of_text, level_of_text, with_validation
from training.errors import Problem
from training.importers.source import Source
from training.samples import Purpose

MASK_FOLDERS: Final = frozenset({"seg", "mask", "masks", "label", "labels"})
BOX_NOTE: Final = (
    "processed crops have lost their scale in mm and their neighbours: only the recipe wei2022_se_resnet50 "
    "can use them; for Faintline's own grader import original_dataset.zip (CTs, masks, annotation.yaml)"
)


def read(source: Source) -> Gathered:
    """Read the unpacked original data set."""
    problems: list[Problem] = []
    annotations = source.grades or next(iter(source.folder.rglob("annotation.yaml")), None)
    if annotations is None:
        boxes = next((path for path in sorted(source.folder.rglob("img")) if path.is_dir()), None)
        if boxes is not None:
            return _read_boxes(source.folder, boxes)
        return _gathered([], [Problem(str(source.folder), "holds neither annotation.yaml nor a folder img")])
    values = _mapping(annotations, problems)
    files = sorted(source.folder.rglob("*.nii*"))
    masks = {_key(path.name): path for path in files if _is_mask(path)}
    images = {_key(path.name): path for path in files if not _is_mask(path) and path.parent.name != "img"}
    purposes = _listed(source.folder, problems)
    cases = []
    for name, grades in values.items():
        key, where = _key(str(name)), f"{annotations}: {name}"
        if key not in images:
            problems.append(Problem(where, "this CT is not in the folder"))
        elif key not in masks:
            problems.append(Problem(str(images[key]), "a CT without its mask"))
        else:
            marks = _marks(grades, where, problems)
            cases.append(
                Case(key, key, (images[key],), mask=masks[key], marks=marks, purpose=purposes.get(key))
            )
    return _gathered(cases, problems)


def _read_boxes(folder: Path, images: Path) -> Gathered:
    """The processed form: one case for each CT."""
    problems: list[Problem] = []
    boxes: dict[str, list[BoxFile]] = defaultdict(list)
    for image in sorted(images.glob("*.nii*")):
        study, _, words = _key(image.name).rpartition("_")
        study, _, label = study.rpartition("_")
        mask = images.with_name("seg") / image.name
        grade = grade_of_text(words)
        if not study or not label.isdigit() or int(label) not in VERSE_LABELS:
            problems.append(Problem(str(image), "is not named IMAGE_LABEL_GRADE with a vertebra's label"))
        elif grade is None:
            problems.append(Problem(str(image), f"the grade {words!r} in its name is not 0, 1, 2 or 3"))
        elif not mask.is_file():
            problems.append(Problem(str(image), f"has no mask {mask}"))
        else:
            boxes[study].append(BoxFile(image, mask, int(label), int(grade)))
    if not boxes and not problems:
        problems.append(Problem(str(images), "holds no IMAGE_LABEL_GRADE.nii.gz"))
    purposes = _listed(folder, problems)
    cases = [
        Case(study, study, (), purpose=purposes.get(study), box_files=tuple(own))
        for study, own in boxes.items()
    ]
    return _gathered(cases, problems, BOX_NOTE)


def _gathered(cases: list[Case], problems: list[Problem], *notes: str) -> Gathered:
    split = with_validation(cases)
    if split != tuple(cases):
        notes = (*notes, "the lists name no part to validate on: every fifth CT to train on is taken for it")
    return Gathered("Wei et al. 2022", "CC BY-SA 4.0", split, tuple(problems), notes)


def _mapping(path: Path, problems: list[Problem]) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        problems.append(
            Problem(f"{path}:{line + 1}" if line is not None else str(path), "is no readable YAML")
        )
        return {}
    if not isinstance(values, dict) or not values:
        problems.append(Problem(str(path), "holds no {CT file: {label: grade}}"))
        return {}
    return values


def _marks(grades: Any, where: str, problems: list[Problem]) -> tuple[Mark, ...]:
    marks = []
    for label, grade in (grades if isinstance(grades, dict) else {}).items():
        text = str(label).strip()
        level = VERSE_LABELS.get(int(text)) if text.isdigit() else level_of_text(text)
        read_grade = grade_of_text(grade)
        if read_grade is None:
            problems.append(Problem(where, f"label {label}: the grade {grade!r} is not 0, 1, 2 or 3"))
        elif level is None:
            problems.append(Problem(where, f"there is no vertebra label {label!r}"))
        else:
            marks.append(Mark(level, read_grade, None, where))
    if not marks:
        problems.append(Problem(where, "no vertebra of this CT is graded"))
    return tuple(marks)


def _listed(folder: Path, problems: list[Problem]) -> dict[str, Purpose]:
    """The split of the processed crops' lists, by CT."""
    split: dict[str, Purpose] = {}
    for pattern, purpose in (
        ("train_file_list*.yaml", Purpose.TRAINING),
        ("test_file_list*.yaml", Purpose.TEST),
    ):
        for path in sorted(folder.rglob(pattern)):
            for name in _names(path, problems):
                image = "_".join(_key(str(name)).split("_")[:-2])
                if split.setdefault(image, purpose) != purpose:
                    problems.append(Problem(str(path), f"CT {image} is in the other list too"))
    return split


def _names(path: Path, problems: list[Problem]) -> list[Any]:
    """The file names of a list, which the paper's code writes as a list or as a dictionary's keys."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except (OSError, ValueError, yaml.YAMLError):
        problems.append(Problem(str(path), "is no readable YAML"))
        return []
    if not isinstance(values, list | dict):
        problems.append(Problem(str(path), "is no list of file names"))
        return []
    return list(values)


def _is_mask(path: Path) -> bool:
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    return path.parent.name.lower() in MASK_FOLDERS or stem.endswith(("_seg", "_mask"))


def _key(name: str) -> str:
    stem = Path(name).name.removesuffix(".gz").removesuffix(".nii")
    for end in ("_seg", "_mask", "_ct"):
        stem = stem.removesuffix(end)
    return stem
