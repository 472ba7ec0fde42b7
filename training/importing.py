"""A layout and where its data lie in, a case set out: everything is checked first, then written as one.

Every problem is collected with file and line before anything is said. A set with problems is not written at
all, unless faulty studies are asked to be left out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inference.bundle import Bundle
from training.annotated import FaultyCaseError
from training.cases import Case, Gathered, split_by_patient
from training.casesets import CaseSet, SetWriter
from training.errors import ImportProblems, Problem
from training.preparing import Extras, prepare
from training.recipe import GraderRecipe

Progress = Callable[[Iterable[Case], int], Iterable[Case]]


@dataclass(frozen=True, slots=True)
class Imported:
    """The set that was written, what was noted, and the problems of studies that were left out."""

    case_set: CaseSet
    notes: tuple[str, ...]
    left_out: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Attributes
    ----------
    licence : what the card shall say; "" for what the layout's source states
    virtual_spines : copies of each measured spine with drawn fractures
    leave_out_faulty : import the sound studies of a set with problems
    with_boxes : keep boxes of the graded, masked vertebrae for the paper's network too
    """

    licence: str = ""
    virtual_spines: int = 0
    leave_out_faulty: bool = False
    with_boxes: bool = False


def import_cases(
    gathered: Gathered,
    folder: Path,
    options: ImportOptions,
    recipe: GraderRecipe,
    bundle: Bundle,
    progress: Progress,
) -> Imported:
    """Check a gathered data set, cut its samples and write the case set.

    Raises
    ------
    ImportProblems : with every problem; nothing was written
    CaseSetError : ``folder`` exists, or there is nothing to import
    """
    cases, split_problems = split_by_patient(gathered.cases)
    problems = [*gathered.problems, *split_problems]
    notes = list(gathered.notes)
    writer = SetWriter(folder, gathered.data, options.licence or gathered.licence)
    try:
        for case in progress(cases, len(cases)):
            try:
                notes += _add(case, writer, options, recipe, bundle)
            except FaultyCaseError as error:
                problems += error.problems
        if problems and not options.leave_out_faulty:
            raise ImportProblems(problems)
        return Imported(writer.finish(), tuple(notes), tuple(problems))
    except BaseException:
        writer.abandon()
        raise


def _add(
    case: Case, writer: SetWriter, options: ImportOptions, recipe: GraderRecipe, bundle: Bundle
) -> tuple[str, ...]:
    """Cut one case's samples, which depend on its name alone, and add them."""
    assert case.purpose is not None
    rng = np.random.default_rng(int(replace(case, patient=case.study).patient_hash, 16))
    extras = Extras(options.virtual_spines, options.with_boxes)
    prepared = prepare(case, recipe, bundle, extras, rng)
    writer.add(
        case.study,
        case.patient_hash,
        case.purpose,
        prepared.grades,
        prepared.crops,
        prepared.torso,
        prepared.virtual,
        prepared.boxes,
    )
    return prepared.notes


def without_progress(cases: Iterable[Case], _count: int) -> Iterator[Case]:
    """No display."""
    yield from cases
