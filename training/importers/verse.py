"""VerSe'19 and VerSe'20 in any of their layouts in; cases out.

BIDS-like (``rawdata/sub-verse004/sub-verse004_ct.nii.gz`` with ``derivatives/.../..._seg-vert_msk.nii.gz``),
all files in one folder, or the flat MICCAI names (``GL003.nii.gz``, ``GL003_seg.nii.gz``). Centres are
measured in the masks, so the centroid files are not needed. Licence CC BY-SA 4.0.
"""

import re
from pathlib import Path
from typing import Final

from training.cases import Case, Gathered
from training.errors import Problem
from training.importers.grades import GradeList, read_grades
from training.importers.source import Source
from training.samples import Purpose

MASK_ENDS: Final = ("_seg-vert_msk", "_seg")
GRADED_LISTS: Final = (
    "verse2019_fracture_grading_info.xlsx",
    "VerSe_fracture_grading.xlsx",
    "vertebra_data.json",
)


def read(source: Source) -> Gathered:
    """Read a VerSe folder; grades come from ``source.grades`` or from a list with a known name in it."""
    files = {_stem(path): path for path in sorted(source.folder.rglob("*.nii*"))}
    masks = {_scan(stem): path for stem, path in files.items() if stem.endswith(MASK_ENDS)}
    images = {_scan(stem): path for stem, path in files.items() if not stem.endswith(MASK_ENDS)}
    problems = [
        Problem(str(path), "a mask without its CT: add the CT or take the mask away")
        for scan, path in masks.items()
        if scan not in images
    ]
    if not images:
        problems.append(Problem(str(source.folder), "holds no VerSe CT (…_ct.nii.gz or flat ….nii.gz)"))
    listed = _grades(source, problems)
    cases = []
    for scan, image in images.items():
        if scan not in masks:
            problems.append(Problem(str(image), "a CT without its mask (…_seg-vert_msk.nii.gz)"))
            continue
        marks = listed.marks.get(scan) or listed.marks.get(scan.split("_dir-")[0], ())
        purpose = listed.purposes.get(scan, _purpose_of(image))
        cases.append(Case(scan, scan.split("_")[0], (image,), mask=masks[scan], marks=marks, purpose=purpose))
    missing = sorted(set(listed.marks) - set(images))
    notes = []
    if missing:
        named = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        notes.append(f"{len(missing)} of {len(listed.marks)} graded scans are not in the folder: {named}")
    ungraded = sum(not case.marks for case in cases)
    if ungraded and listed.marks:
        notes.append(f"{ungraded} scans in the folder are not in the list of grades")
    return Gathered("VerSe", "CC BY-SA 4.0", tuple(cases), tuple(problems), tuple(notes))


def _grades(source: Source, problems: list[Problem]) -> GradeList:
    path = source.grades
    if path is None:
        path = next((found for name in GRADED_LISTS for found in source.folder.rglob(name)), None)
    if path is None:
        return GradeList({}, {}, ())
    listed = read_grades(path)
    problems += listed.problems
    return listed


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _scan(stem: str) -> str:
    for end in (*MASK_ENDS, "_ct"):
        stem = stem.removesuffix(end)
    return stem


def _purpose_of(path: Path) -> Purpose | None:
    """The part of the challenge a path names, if it does."""
    for part in path.parts[::-1][1:]:
        found = re.search(r"train|valid|test", part.lower())
        if found and re.match(r"dataset-|\d\d_|training$|validation$|test$", part.lower()):
            return {"train": Purpose.TRAINING, "valid": Purpose.VALIDATION, "test": Purpose.TEST}[found[0]]
    return None
