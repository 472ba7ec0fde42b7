"""What an importer reads out of an annotated data set: its studies, their marks, and what is wrong."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from inference.findings import Grade, Point
from inference.levels import LEVELS, VERSE_LABELS
from training.errors import Problem
from training.samples import Purpose

TOTALSEGMENTATOR_LABELS: Final[dict[int, str]] = {26 + n: level for n, level in enumerate(LEVELS[::-1])}
"""TotalSegmentator's numbering of vertebrae: S1 = 26, L5 = 27 ... C1 = 50."""

MASK_LABELS: Final = {number: level for number, level in VERSE_LABELS.items() if level in LEVELS[:-1]}
"""VerSe's numbering of C1 to L5; its 26 is the whole sacrum, whose thickest part is not S1's body."""

_SHARES: Final = (Purpose.TRAINING, Purpose.VALIDATION, Purpose.TRAINING, Purpose.TEST, Purpose.TRAINING)
"""Every five patients of one worst grade go so, where the data set names no split."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What an annotator said of one vertebra.

    Attributes
    ----------
    level : one of ``LEVELS``; None where nobody named it (then ``centre_lps_mm`` is known)
    grade : Genant grade
    centre_lps_mm : centre of the body, if it was marked
    where : file and line it was read from
    """

    level: str | None
    grade: Grade
    centre_lps_mm: Point | None
    where: str


@dataclass(frozen=True, slots=True)
class BoxFile:
    """A vertebra that the paper's authors cut out: image and mask file, VerSe's label, grade."""

    image: Path
    mask: Path
    label: int
    grade: int


@dataclass(frozen=True, slots=True)
class Case:
    """One annotated series.

    Attributes
    ----------
    study : its name in the data set (a Study Instance UID where it is DICOM)
    patient : whose it is; only its hash leaves the importer
    images : one NIfTI file, or the DICOM files of the study
    series_instance_uid : which series of DICOM files; "" for the best one
    mask : label file (NIfTI or DICOM SEG) on the images' grid, if there is one
    numbering : what the labels of a NIfTI mask mean
    marks : the grades
    purpose : the split the data set assigns, if it does
    box_files : vertebrae that come cut out already, instead of all of the above
    """

    study: str
    patient: str
    images: tuple[Path, ...]
    series_instance_uid: str = ""
    mask: Path | None = None
    numbering: Mapping[int, str] = field(default_factory=lambda: MASK_LABELS)
    marks: tuple[Mark, ...] = ()
    purpose: Purpose | None = None
    box_files: tuple[BoxFile, ...] = ()

    @property
    def patient_hash(self) -> str:
        """What stands for the patient in a case set."""
        return hashlib.sha256(f"faintline patient {self.patient}".encode()).hexdigest()[:16]

    @property
    def worst_grade(self) -> int:
        """The highest grade marked, 0 without marks."""
        grades = [int(mark.grade) for mark in self.marks] + [box.grade for box in self.box_files]
        return max(grades, default=0)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A whole data set as its importer read it; ``notes`` say what was left out by rule."""

    data: str
    licence: str
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def split_by_patient(cases: Iterable[Case]) -> tuple[tuple[Case, ...], list[Problem]]:
    """Give every case a purpose; all cases of one patient get the same.

    Where the data set names a split it is kept, and a patient in two of its parts is a problem. Elsewhere
    three in five patients of each worst grade train, one validates, one tests; the order is that of hashes.
    """
    patients: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        patients[case.patient].append(case)
    problems, drawn, undecided = [], {}, []
    for patient, own in patients.items():
        named = {case.purpose for case in own} - {None}
        if len(named) > 1:
            parts = ", ".join(
                sorted(f"{case.study} in {_named(case.purpose)}" for case in own if case.purpose is not None)
            )
            problems.append(
                Problem(own[0].study, f"its patient is in two splits ({parts}): put all into one")
            )
        elif named:
            drawn[patient] = named.pop()
        else:
            undecided.append(patient)
    strata: dict[int, list[str]] = defaultdict(list)
    for patient in sorted(undecided, key=lambda patient: patients[patient][0].patient_hash):
        strata[max(case.worst_grade for case in patients[patient])].append(patient)
    order = [patient for grade in sorted(strata, reverse=True) for patient in strata[grade]]
    drawn |= {patient: _SHARES[number % len(_SHARES)] for number, patient in enumerate(order)}
    return tuple(
        replace(case, purpose=drawn[case.patient])
        for own in patients.values()
        for case in own
        if case.patient in drawn
    ), problems


def with_validation(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Where a data set names parts to train and to test alone, every fifth training patient validates.

    They are taken by worst grade, so that rare grades are among them. Cuts are never chosen on the test part.
    """
    named = {case.purpose for case in cases}
    if Purpose.TRAINING not in named or Purpose.VALIDATION in named:
        return tuple(cases)
    worst: dict[str, int] = {}
    for case in cases:
        if case.purpose is Purpose.TRAINING:
            worst[case.patient_hash] = max(worst.get(case.patient_hash, 0), case.worst_grade)
    order = sorted(worst, key=lambda patient: (-worst[patient], patient))
    chosen = set(order[2::5])
    return tuple(
        replace(case, purpose=Purpose.VALIDATION) if case.patient_hash in chosen else case for case in cases
    )


def _named(purpose: Purpose | None) -> str:
    return "no part" if purpose is None else purpose.name.lower()


def grade_of_text(text: object) -> Grade | None:
    """A grade as people and spreadsheets write it (2, "2", 2.0); None for anything else."""
    try:
        value = float(str(text).strip())
    except ValueError:
        return None
    return Grade(int(value)) if value in {0.0, 1.0, 2.0, 3.0} else None


def level_of_text(text: object) -> str | None:
    """A level as people write it ("l1", "T12", "Th12", " L 2"); None for anything else."""
    word = str(text).upper().replace(" ", "").replace("TH", "T").replace("D", "T")
    return word if word in LEVELS else None
