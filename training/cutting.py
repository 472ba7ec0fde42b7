"""A case's vertebrae and volume in; the grader's crops of it and of copies with fractures out."""

import numpy as np
from numpy.typing import NDArray

from inference.crops import CROP, Axes, crop_affine, cut_crop, to_crop
from inference.findings import Heights
from inference.heights import Measured, height_losses
from inference.levels import GRADED_LEVELS, LEVELS
from inference.volume import Volume
from training.annotated import Vertebra
from training.recipe import GraderRecipe
from training.samples import UNGRADED, Crops, Purpose
from training.synthetic import tilted
from training.virtual import virtual_spine

Array = NDArray[np.float64]

VIEWS = 3
"""Crops of each vertebra in training, each with a frame as uncertain as the localiser's."""


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


def cut_virtual(
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
