"""A run's phantom samples and case sets in; what to train on, to calibrate on and to measure on out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.casesets import CaseSet, faults_of, load_set_crops, load_set_torsos, read_set
from training.errors import CaseSetError, Problem, TrainingError
from training.samples import Crops, Purpose, Torso, join_crops, load_crops, load_torsos

PHANTOM = "held-out synthetic spines (other seeds)"
PHANTOM_TORSOS = "held-out synthetic torsos (other seeds)"


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Crops of one origin, and the patient of each."""

    data: str
    crops: Crops
    patient: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a run's samples lie: its own folder (the phantom's), and case sets."""

    run: Path
    sets: tuple[CaseSet, ...]

    def crops(self, purpose: Purpose) -> list[Sample]:
        """The crops of every origin that has some, the phantom's first."""
        found = []
        folder = samples_folder(self.run, "crops", purpose)
        if any(folder.glob("*.safetensors")):
            crops = load_crops(folder)
            found.append(Sample(PHANTOM, crops, np.char.add("phantom ", crops.spine.astype(str))))
        for one in self.sets:
            for kind, words in (("crops", ""), ("virtual", ", virtual fractures")):
                loaded = load_set_crops(one, purpose, kind)
                if loaded is not None:
                    found.append(Sample(f"{one.data} ({one.folder.name}){words}", *loaded))
        return found

    def training_crops(self, spines: int) -> Crops:
        """All training crops as one, of the phantom's first ``spines`` only: a run may have drawn more.

        Raises CaseSetError where a grade is missing.
        """
        parts = [
            sample.crops.taken(sample.crops.spine < spines) if sample.data == PHANTOM else sample.crops
            for sample in self.crops(Purpose.TRAINING)
        ]
        if not parts:
            raise CaseSetError(
                f"{self.run}: nothing to train on: `faintline-train draw`, or name sets with --data"
            )
        crops = join_crops(parts)
        missing = [str(grade) for grade in range(4) if not len(crops.of_grade(grade))]
        if missing:
            raise CaseSetError(
                f"{self.run}: no training vertebra of grade {', '.join(missing)}: draw phantom samples too "
                "(`faintline-train draw`), or import with --virtual"
            )
        return crops

    def torsos(self, purpose: Purpose) -> list[tuple[str, list[Torso]]]:
        """The torsos of every origin that has some."""
        found = [(PHANTOM_TORSOS, load_torsos(samples_folder(self.run, "torsos", purpose)))]
        found += [(f"{one.data} ({one.folder.name})", load_set_torsos(one, purpose)) for one in self.sets]
        return [(data, torsos) for data, torsos in found if torsos]


def open_sources(run: Path, folders: Sequence[Path]) -> Sources:
    """Check the case sets together; raises FaultySetsError with everything that is wrong with them."""
    sets = tuple(read_set(folder) for folder in folders)
    problems = faults_of(sets)
    if problems:
        raise FaultySetsError(problems)
    return Sources(run, sets)


class FaultySetsError(TrainingError):
    """Case sets that cannot be used together; lists every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} problems with the case sets")


def samples_folder(run: Path, kind: str, purpose: Purpose) -> Path:
    """Where a run keeps the phantom's samples."""
    return run / "samples" / kind / purpose.name.lower()


def together(samples: Sequence[Sample]) -> Sample:
    """Several origins as one."""
    return Sample(
        " and ".join(sample.data for sample in samples),
        join_crops([sample.crops for sample in samples]),
        np.concatenate([sample.patient for sample in samples]),
    )
