"""One annotated case in, the samples that training and evaluation use out: crops for the grader, a torso."""

from dataclasses import dataclass

import numpy as np

from inference.bundle import Bundle
from training.annotated import FaultyCaseError, Vertebra, found_vertebrae, masked_vertebrae
from training.cases import Case
from training.cutting import cut, cut_virtual
from training.errors import Problem
from training.imaging import UnusableImageError, read_ct
from training.recipe import GraderRecipe
from training.samples import Crops, Torso
from training.torsos import cut_torso


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The samples of one case. ``torso`` is None where not all vertebrae in view are annotated."""

    crops: Crops
    virtual: tuple[Crops, ...]
    torso: Torso | None
    grades: dict[str, int]
    notes: tuple[str, ...]


def prepare(
    case: Case, recipe: GraderRecipe, bundle: Bundle, virtual_spines: int, rng: np.random.Generator
) -> Prepared:
    """Load a case and cut its samples; raises FaultyCaseError with everything that is wrong with it.

    ``virtual_spines`` copies of the spine with drawn fractures are added where heights can be measured.
    """
    try:
        volume = read_ct(case.images, case.series_instance_uid)
    except UnusableImageError as error:
        raise FaultyCaseError([Problem(_images_of(case), str(error))]) from error
    if case.mask is None:
        vertebrae, notes = found_vertebrae(case, volume, bundle)
        crops = cut(vertebrae, volume, case.purpose, recipe, rng)
        return Prepared(crops, (), None, _grades(vertebrae), notes)
    try:
        labels, affine, vertebrae = masked_vertebrae(case, volume)
    except UnusableImageError as error:
        raise FaultyCaseError([Problem(str(case.mask), str(error))]) from error
    crops = cut(vertebrae, volume, case.purpose, recipe, rng)
    torso = cut_torso(volume, labels, affine, vertebrae)
    return Prepared(
        crops, cut_virtual(vertebrae, volume, virtual_spines, recipe, rng), torso, _grades(vertebrae), ()
    )


def _grades(vertebrae: list[Vertebra]) -> dict[str, int]:
    return {vertebra.level: vertebra.grade for vertebra in vertebrae if vertebra.grade is not None}


def _images_of(case: Case) -> str:
    return (
        str(case.images[0] if len(case.images) == 1 else case.images[0].parent) if case.images else case.study
    )
