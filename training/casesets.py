"""Prepared cases in, a case set on disk out; and a case set in, its samples out.

A case set is a folder: ``set.json`` (what it is, every study with its patient's hash, split, grades and the
SHA-256 of its files) and samples under ``crops``, ``virtual``, ``boxes`` and ``torsos``, each split by
purpose. It is written beside its place and renamed when it is whole, so a set that exists is complete.
"""

import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from training.errors import CaseSetError, Problem
from training.samples import (
    CROP_FIELDS,
    UNGRADED,
    Box,
    Crops,
    Purpose,
    Torso,
    box_grade,
    join_crops,
    load_shard,
    load_torso,
    save_box,
    save_crops,
    save_torso,
)

FORM: Final = 1
LIST: Final = "set.json"


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """One study of a set: number, name in its source, patient's hash, split, grades, SHA-256 by file."""

    number: int
    study: str
    patient: str
    purpose: str
    grades: dict[str, int]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class CaseSet:
    """A case set's list. ``data`` and ``licence`` go onto the card of every bundle trained on it."""

    folder: Path
    data: str
    licence: str
    studies: tuple[StudyEntry, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all files: two sets with the same one are the same set."""
        lines = sorted(f"{name} {digest}" for study in self.studies for name, digest in study.files.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def of(self, purpose: Purpose) -> tuple[StudyEntry, ...]:
        """The studies of one split."""
        return tuple(study for study in self.studies if study.purpose == purpose.name.lower())

    def counts(self, purpose: Purpose) -> Counter[int]:
        """How many vertebrae of each grade a split holds."""
        return Counter(grade for study in self.of(purpose) for grade in study.grades.values())


class SetWriter:
    """Collects the samples of a set under a working name; nothing is visible before ``finish``."""

    def __init__(self, folder: Path, data: str, licence: str) -> None:
        if folder.exists():
            raise CaseSetError(f"{folder} exists already: import to another folder, or remove it first")
        self._folder, self._data, self._licence = folder, data, licence
        self._working = folder.with_name(folder.name + ".part")
        shutil.rmtree(self._working, ignore_errors=True)
        self._working.mkdir(parents=True)
        self._studies: list[StudyEntry] = []

    def add(
        self, study: str, patient: str, purpose: Purpose, grades: dict[str, int], crops: Crops,
        torso: Torso | None, virtual: Sequence[Crops] = (), boxes: Sequence[Box] = (),
    ) -> None:  # fmt: skip
        """Add one study's samples."""
        number = len(self._studies)
        part = purpose.name.lower()
        written = []
        if len(crops):
            written.append(self._path("crops", part, f"{number:06d}"))
            save_crops(crops, written[-1])
        for extra, spine in enumerate(virtual):
            written.append(self._path("virtual", part, f"{number:06d}-{extra}"))
            save_crops(spine, written[-1])
        for extra, box in enumerate(boxes):
            written.append(self._path("boxes", part, f"{number:06d}-{extra:02d}"))
            save_box(box, written[-1])
        if torso is not None:
            written.append(self._path("torsos", part, f"{number:06d}"))
            save_torso(torso, written[-1])
        files = {str(path.relative_to(self._working)): _digest(path) for path in written}
        self._studies.append(StudyEntry(number, study, patient, part, grades, files))

    def finish(self) -> CaseSet:
        """Write the list and put the set in its place; raises CaseSetError for a set without a sample."""
        if not any(study.files for study in self._studies):
            self.abandon()
            raise CaseSetError("the data set has no vertebra that can be used: nothing was imported")
        values = {
            "form": FORM, "data": self._data, "licence": self._licence,
            "studies": [asdict(study) for study in self._studies],
        }  # fmt: skip
        (self._working / LIST).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        self._working.rename(self._folder)
        return CaseSet(self._folder, self._data, self._licence, tuple(self._studies))

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self._working, ignore_errors=True)

    def _path(self, kind: str, part: str, stem: str) -> Path:
        folder = self._working / kind / part
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{stem}.safetensors"


def read_set(folder: Path) -> CaseSet:
    """Read a set's list; raises CaseSetError where there is none that can be understood."""
    try:
        values: dict[str, Any] = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseSetError(
            f"{folder} is no case set: it has no {LIST}; make one with `faintline-train import`"
        ) from error
    except ValueError as error:
        raise CaseSetError(f"{folder / LIST} is damaged: import the data set again") from error
    if values.get("form") != FORM:
        raise CaseSetError(
            f"{folder / LIST} has form {values.get('form')!r}, this program reads form {FORM}: import again"
        )
    try:
        studies = tuple(StudyEntry(**study) for study in values["studies"])
        return CaseSet(folder, values["data"], values["licence"], studies)
    except (KeyError, TypeError) as error:
        raise CaseSetError(f"{folder / LIST} is incomplete ({error}): import the data set again") from error


def faults_of(sets: Sequence[CaseSet]) -> list[Problem]:
    """Everything that is wrong with sets that shall be used together: files, splits, patients."""
    problems: list[Problem] = []
    parts: dict[str, set[str]] = defaultdict(set)
    for one in sets:
        problems += _faults(one)
        for study in one.studies:
            parts[study.patient].add(study.purpose)
    for one in sets:
        for study in one.studies:
            if len(parts[study.patient]) > 1:
                found = " and ".join(sorted(parts[study.patient]))
                problems.append(
                    Problem(
                        f"{one.folder / LIST}: study {study.study}",
                        f"its patient is in {found}: put all of a patient's studies into one split",
                    )
                )
    return problems


def _faults(one: CaseSet) -> Iterator[Problem]:
    if not one.studies:
        yield Problem(str(one.folder / LIST), "is an empty set: import studies first")
    for study in one.studies:
        for name, digest in study.files.items():
            path = one.folder / name
            if not path.is_file():
                yield Problem(str(path), "is missing: import the data set again")
            elif _digest(path) != digest:
                yield Problem(str(path), "was changed after the import: import the data set again")
            elif name.startswith("boxes"):
                yield from _box_faults(path)
            elif not name.startswith("torsos"):
                yield from _crop_faults(path)


def _crop_faults(path: Path) -> Iterator[Problem]:
    try:
        crops = load_shard(path)
    except (SafetensorError, KeyError) as error:
        yield Problem(str(path), f"cannot be read ({type(error).__name__}): import the data set again")
        return
    if not set(np.unique(crops.grade)) <= {0, 1, 2, 3, UNGRADED}:
        yield Problem(str(path), "holds grades other than 0 to 3")
    if any(len(getattr(crops, name)) != len(crops) for name in CROP_FIELDS):
        yield Problem(str(path), "is inconsistent: its lists differ in length")


def _box_faults(path: Path) -> Iterator[Problem]:
    try:
        grade = box_grade(path)
    except (SafetensorError, KeyError) as error:
        yield Problem(str(path), f"cannot be read ({type(error).__name__}): import the data set again")
        return
    if grade > 3:
        yield Problem(str(path), "holds grades other than 0 to 3")


def find_set_boxes(one: CaseSet, purpose: Purpose) -> list[tuple[Path, int, str]]:
    """The boxes of one split: file, number of the study, patient."""
    return [
        (one.folder / name, study.number, study.patient)
        for study in one.of(purpose)
        for name in sorted(study.files)
        if name.startswith("boxes/")
    ]


def load_set_crops(
    one: CaseSet, purpose: Purpose, kind: str = "crops"
) -> tuple[Crops, NDArray[np.str_]] | None:
    """The crops of one split (``crops`` or ``virtual``), and each one's patient; None where there is none."""
    shards, patients = [], []
    for study in one.of(purpose):
        for name in sorted(study.files):
            if name.startswith(f"{kind}/"):
                shards.append(load_shard(one.folder / name))
                patients += [study.patient] * len(shards[-1])
    if not any((shard.grade != UNGRADED).any() for shard in shards):
        return None
    return join_crops(shards), np.array(patients)


def load_set_torsos(one: CaseSet, purpose: Purpose) -> list[tuple[Torso, str]]:
    """The torsos of one split, each with its patient."""
    return [
        (load_torso(one.folder / name), study.patient)
        for study in one.of(purpose)
        for name in sorted(study.files)
        if name.startswith("torsos/")
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
