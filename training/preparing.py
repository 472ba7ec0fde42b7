"""One annotated case in, the samples that training and evaluation use out: crops for the grader, a torso.

With a mask every vertebra's centre, frame and height points are measured in it. Without one the bundle in use
finds the spine, the marks are matched to it by place or by level, and the points stay unknown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.bundle import Bundle
from inference.crops import CROP, Axes, crop_affine, cut_crop, to_crop
from inference.findings import Heights
from inference.grading import along_points, read_vertebrae
from inference.heights import Measured, height_losses
from inference.levels import GRADED_LEVELS, LEVELS
from inference.spine import coarse_hu, find_vertebrae
from inference.volume import Affine, Grid, Volume, sample
from training.cases import Case, Mark
from training.errors import Problem
from training.imaging import (
    UnusableImageError,
    check_on_bone,
    check_same_grid,
    is_nifti,
    read_ct,
    read_labels,
)
from training.masks import measure_mask
from training.recipe import GraderRecipe
from training.samples import UNGRADED, Crops, Purpose, Torso
from training.segmentation import read_segmentation
from training.synthetic import tilted
from training.virtual import virtual_spine

Array = NDArray[np.float64]

MATCH_MM = 15.0
"""A mark this near to a vertebra's centre is about that vertebra."""

VIEWS = 3
"""Crops of each vertebra in training, each with a frame as uncertain as the localiser's."""

TORSO_MARGIN_MM = 12.0
"""A torso is cut so far above and below the outermost centres: beyond them vertebrae are not annotated."""

VOXEL_MM = 4.0
"""The localiser's grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One vertebra of a case: level, centre and axes (LPS), points (6, 3) or None, grade or None."""

    level: str
    centre_mm: Array
    axes: Axes
    points_mm: Array | None
    grade: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The samples of one case. ``torso`` is None where not all vertebrae in view are annotated."""

    crops: Crops
    virtual: tuple[Crops, ...]
    torso: Torso | None
    grades: dict[str, int]
    notes: tuple[str, ...]


class FaultyCaseError(Exception):
    """A case whose images or marks are not what they should be; holds the problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


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
        vertebrae, notes = _found_vertebrae(case, volume, bundle)
        crops = cut(vertebrae, volume, case.purpose, recipe, rng)
        return Prepared(crops, (), None, _grades(vertebrae), notes)
    try:
        labels, affine, vertebrae = _masked_vertebrae(case, volume)
    except UnusableImageError as error:
        raise FaultyCaseError([Problem(str(case.mask), str(error))]) from error
    crops = cut(vertebrae, volume, case.purpose, recipe, rng)
    torso = _torso(volume, labels, affine, vertebrae)
    return Prepared(
        crops, _virtual(vertebrae, volume, virtual_spines, recipe, rng), torso, _grades(vertebrae), ()
    )


def _masked_vertebrae(case: Case, volume: Volume) -> tuple[NDArray[np.int16], Affine, list[Vertebra]]:
    assert case.mask is not None
    numbering = case.numbering
    if is_nifti(case.mask):
        labels, affine = read_labels(case.mask)
        check_same_grid(volume, labels, affine)
        check_on_bone(volume, np.where(np.isin(labels, list(numbering)), labels, 0))
    else:
        labels, affine, numbering = read_segmentation(case.mask)
    measured = measure_mask(labels, affine, numbering)
    if not measured:
        raise UnusableImageError("shows no vertebra under the labels that are known")
    grades = {mark.level: int(mark.grade) for mark in case.marks}
    missing = [mark for mark in case.marks if mark.level not in {one.level for one in measured}]
    if missing:
        raise FaultyCaseError(
            [Problem(mark.where, f"{case.study}: {mark.level} is graded but not in the mask {case.mask.name}")
             for mark in missing]
        )  # fmt: skip
    return (
        labels,
        affine,
        [
            Vertebra(one.level, one.centre_mm, one.axes, one.points_mm, grades.get(one.level))
            for one in measured
        ],
    )


def _found_vertebrae(case: Case, volume: Volume, bundle: Bundle) -> tuple[list[Vertebra], tuple[str, ...]]:
    """The spine as the bundle finds it, with the marks of whoever is near; a mark's level wins."""
    located = [v for v in find_vertebrae(volume, bundle) if v.level is None or v.level in GRADED_LEVELS]
    readings = read_vertebrae(volume, located, bundle)
    centres = np.array([reading.points_mm.mean(axis=0) for reading in readings]).reshape(-1, 3)
    names: list[str | None] = [v.level for v in located]
    problems, notes, marked = [], [], {}
    for mark in case.marks:
        number = _matching(mark, names, centres)
        if number is None:
            what = (
                "there is no vertebra at its place"
                if mark.centre_lps_mm
                else "it was not found; give x, y, z"
            )
            problems.append(Problem(mark.where, f"{case.study}: {mark.level or 'a vertebra'}: {what}"))
            continue
        if mark.level and names[number] not in {None, mark.level}:
            notes.append(f"{mark.where}: marked as {mark.level}, the model in use names it {names[number]}")
        marked[number] = mark
    if problems:
        raise FaultyCaseError(problems)
    vertebrae = []
    for number, (vertebra, reading) in enumerate(zip(located, readings, strict=True)):
        own = marked.get(number)
        level = (own.level if own else None) or vertebra.level or "T12"
        grade = int(own.grade) if own else None
        axes = along_points(vertebra.axes, reading.points_mm)
        vertebrae.append(Vertebra(level, centres[number], axes, None, grade))
    return vertebrae, tuple(notes)


def _matching(mark: Mark, names: list[str | None], centres: Array) -> int | None:
    if mark.centre_lps_mm is not None:
        if not len(centres):
            return None
        away = np.linalg.norm(centres - np.array(mark.centre_lps_mm), axis=1)
        nearest = int(away.argmin())
        return nearest if away[nearest] <= MATCH_MM else None
    return names.index(mark.level) if mark.level in names else None


def cut(
    vertebrae: list[Vertebra],
    volume: Volume,
    purpose: Purpose | None,
    recipe: GraderRecipe,
    rng: np.random.Generator,
) -> Crops:
    """Crops of every vertebra from T1 to L5, in its own frame; in training with jittered views too."""
    graded = [vertebra for vertebra in vertebrae if vertebra.level in GRADED_LEVELS]
    losses = _losses(graded)
    rows = []
    for vertebra, loss in zip(graded, losses, strict=True):
        views = VIEWS if purpose is Purpose.TRAINING and vertebra.grade is not None else 1
        for view in range(views):
            centre, axes = vertebra.centre_mm, vertebra.axes
            if view:
                centre = centre + rng.normal(0, recipe.centre_jitter_mm, 3)
                axes = tilted(axes, recipe.tilt_jitter_degrees, rng)
            rows.append((vertebra, cut_crop(volume, centre, axes), _in_crop(vertebra, centre, axes), loss))
    return Crops(
        np.array([hu for _, hu, _, _ in rows], np.int16).reshape(-1, CROP.slices, CROP.rows, CROP.columns),
        np.array([points for _, _, points, _ in rows], np.float32).reshape(-1, 6, 2),
        np.array([UNGRADED if v.grade is None else v.grade for v, _, _, _ in rows], np.uint8),
        np.array([loss for _, _, _, loss in rows], np.float32),
        np.array([LEVELS.index(v.level) for v, _, _, _ in rows], np.uint8),
        np.zeros(len(rows), np.int32),
        np.zeros(len(rows), np.uint8),
    )


def _virtual(
    vertebrae: list[Vertebra], volume: Volume, count: int, recipe: GraderRecipe, rng: np.random.Generator
) -> tuple[Crops, ...]:
    """Copies of the spine with drawn fractures in its normal vertebrae."""
    if not count:
        return ()
    graded = [vertebra for vertebra in vertebrae if vertebra.level in GRADED_LEVELS]
    plain = cut(graded, volume, None, recipe, rng)
    tall = np.array([_tall_crop(volume, vertebra) for vertebra in graded], np.int16)
    drawn = (virtual_spine(plain, tall, rng) for _ in range(count) if len(graded))
    return tuple(spine for spine in drawn if spine is not None)


def _tall_crop(volume: Volume, vertebra: Vertebra) -> NDArray[np.int16]:
    """The crop with as much again above and below it, (slices, 3 rows, columns)."""
    step = vertebra.axes[2] * CROP.rows * CROP.pixel_mm
    parts = [cut_crop(volume, vertebra.centre_mm + step * place, vertebra.axes) for place in (1, 0, -1)]
    return np.concatenate(parts, axis=1)


def _in_crop(vertebra: Vertebra, centre: Array, axes: Axes) -> Array:
    if vertebra.points_mm is None:
        return np.full((6, 2), np.nan)
    return to_crop(vertebra.points_mm, crop_affine(centre, axes))[:, 1:]


def _losses(vertebrae: list[Vertebra]) -> list[float]:
    """Raw height loss of every vertebra against the others of its spine; NaN where it was not measured."""
    known = [number for number, vertebra in enumerate(vertebrae) if vertebra.points_mm is not None]
    spine = [Measured(vertebrae[number].level, _heights(vertebrae[number])) for number in known]
    losses = [float("nan")] * len(vertebrae)
    for number, loss in zip(known, height_losses(spine), strict=True):
        losses[number] = loss.raw
    return losses


def _heights(vertebra: Vertebra) -> Heights:
    assert vertebra.points_mm is not None
    anterior, middle, posterior = np.linalg.norm(vertebra.points_mm[1::2] - vertebra.points_mm[0::2], axis=1)
    return Heights(float(anterior), float(middle), float(posterior))


def _torso(volume: Volume, labels: NDArray[np.int16], affine: Affine, vertebrae: list[Vertebra]) -> Torso:
    """The annotated stretch of the spine on the localiser's grid."""
    looks, grid_affine = coarse_hu(volume, VOXEL_MM)
    hu = looks[-1]  # the softest: what phantom torsos look like
    inverse = np.linalg.inv(grid_affine)
    index = np.array([vertebra.centre_mm for vertebra in vertebrae]) @ inverse[:3, :3].T + inverse[:3, 3]
    margin = TORSO_MARGIN_MM / VOXEL_MM
    low = max(0, int(np.floor(index[:, 0].min() - margin)))
    high = min(len(hu), int(np.ceil(index[:, 0].max() + margin)) + 1)
    cut_affine = grid_affine.copy()
    cut_affine[:3, 3] += grid_affine[:3, 0] * low
    part = hu[low:high]
    solid = Volume(np.where(labels > 0, 1000, 0).astype(np.int16), affine, 1.0)
    bone = sample(solid, Grid(part.shape, cut_affine), fill_hu=0) > 400
    return Torso(
        part,
        _bodies(bone, cut_affine, vertebrae),
        (index - np.array([low, 0, 0])).astype(np.float32),
        np.array([LEVELS.index(vertebra.level) for vertebra in vertebrae], np.uint8),
    )


def _bodies(bone: NDArray[np.bool_], affine: Affine, vertebrae: list[Vertebra]) -> NDArray[np.uint8]:
    """1 + the level at every voxel of a vertebral body: the mask around the centre, without the arch."""
    body = np.zeros(bone.shape, np.uint8)
    places = np.argwhere(bone) @ affine[:3, :3].T + affine[:3, 3]
    filled = np.argwhere(bone)
    for vertebra in vertebrae:
        x, y, z = ((places - vertebra.centre_mm) @ vertebra.axes.T).T
        half_depth, half_height = _half_sizes(vertebra)
        inside = (np.abs(y) <= half_depth) & (np.abs(z) <= half_height) & (np.abs(x) <= 30)
        body[tuple(filled[inside].T)] = 1 + LEVELS.index(vertebra.level)
    return body


def _half_sizes(vertebra: Vertebra) -> tuple[float, float]:
    """Half depth and half height (mm) that a body reaches, from its points or from what is usual."""
    if vertebra.points_mm is None:
        return 14.0, 11.0
    points = vertebra.points_mm
    depth = float(np.linalg.norm(points[4:].mean(axis=0) - points[:2].mean(axis=0)))
    heights = np.linalg.norm(points[1::2] - points[0::2], axis=1)
    return depth / 1.6 + 1.0, float(heights.max()) / 2 + 2.0


def _grades(vertebrae: list[Vertebra]) -> dict[str, int]:
    return {vertebra.level: vertebra.grade for vertebra in vertebrae if vertebra.grade is not None}


def _images_of(case: Case) -> str:
    return (
        str(case.images[0] if len(case.images) == 1 else case.images[0].parent) if case.images else case.study
    )
