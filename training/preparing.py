"""One annotated case in, the samples that training and evaluation use out: crops for the grader, a torso."""

from dataclasses import dataclass

import numpy as np

from inference.bundle import Bundle
from inference.levels import VERSE_LABELS
from inference.volume import Volume
from training.annotated import FaultyCaseError, Masked, Vertebra, found_vertebrae, read_masked
from training.boxes import cut_box, read_box
from training.cases import Case
from training.cutting import cut, cut_virtual
from training.errors import Problem
from training.imaging import UnusableImageError, read_ct
from training.recipe import GraderRecipe
from training.samples import Box, Crops, Torso, no_crops
from training.torsos import cut_torso


@dataclass(frozen=True, slots=True)
class Extras:
    """What to cut besides where there is a mask: copies with drawn fractures, the paper's boxes."""

    virtual_spines: int = 0
    with_boxes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The samples of one case. ``torso`` is None where not all vertebrae in view are annotated."""

    crops: Crops
    virtual: tuple[Crops, ...]
    torso: Torso | None
    grades: dict[str, int]
    notes: tuple[str, ...]
    boxes: tuple[Box, ...] = ()


def prepare(
    case: Case, recipe: GraderRecipe, bundle: Bundle, extras: Extras, rng: np.random.Generator
) -> Prepared:
    """Load a case and cut its samples; raises FaultyCaseError with everything that is wrong with it."""
    if case.box_files:
        return _ready_boxes(case)
    try:
        volume = read_ct(case.images, case.series_instance_uid)
    except UnusableImageError as error:
        raise FaultyCaseError([Problem(_images_of(case), str(error))]) from error
    if case.mask is None:
        vertebrae, notes = found_vertebrae(case, volume, bundle)
        crops = cut(vertebrae, volume, case.purpose, recipe, rng)
        return Prepared(crops, (), None, _grades(vertebrae), notes)
    try:
        masked = read_masked(case, volume)
    except UnusableImageError as error:
        raise FaultyCaseError([Problem(str(case.mask), str(error))]) from error
    crops = cut(masked.vertebrae, volume, case.purpose, recipe, rng)
    torso = cut_torso(volume, masked)
    virtual = cut_virtual(masked.vertebrae, volume, extras.virtual_spines, recipe, rng)
    boxes = _boxes(volume, masked) if extras.with_boxes else ()
    return Prepared(crops, virtual, torso, _grades(masked.vertebrae), (), boxes)


def _boxes(volume: Volume, masked: Masked) -> tuple[Box, ...]:
    return tuple(
        cut_box(volume, masked.labels, masked.affine, masked.label_of[own.level], (own.level, own.grade))
        for own in masked.vertebrae
        if own.grade is not None
    )


def _ready_boxes(case: Case) -> Prepared:
    """Boxes that came cut out: nothing but the paper's network can use them."""
    boxes, problems = [], []
    for file in case.box_files:
        try:
            boxes.append(read_box(file))
        except UnusableImageError as error:
            problems.append(Problem(str(file.image), str(error)))
    if problems:
        raise FaultyCaseError(problems)
    grades = {VERSE_LABELS.get(file.label, str(file.label)): file.grade for file in case.box_files}
    return Prepared(no_crops(), (), None, grades, (), tuple(boxes))


def _grades(vertebrae: list[Vertebra]) -> dict[str, int]:
    return {vertebra.level: vertebra.grade for vertebra in vertebrae if vertebra.grade is not None}


def _images_of(case: Case) -> str:
    return (
        str(case.images[0] if len(case.images) == 1 else case.images[0].parent) if case.images else case.study
    )
