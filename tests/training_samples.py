"""A recipe of few steps, and samples of noise to go through them."""

from dataclasses import replace

import numpy as np

from inference.crops import CROP
from training.recipe import Recipe, Schedule, read_recipe
from training.samples import Crops, Torso


def tiny(steps: int) -> Recipe:
    """The shipped recipe with small networks."""
    recipe = read_recipe()
    schedule = Schedule(steps, 4, 1e-3, 1e-4, 2)
    grader = replace(recipe.grader, channels=(8, 8), embedding=8, projection=4, memory=8, schedule=schedule)
    localiser = replace(
        recipe.localiser, channels=(4, 8, 8), view_mm=(64.0, 64.0, 64.0), schedule=replace(schedule, batch=1)
    )
    return replace(recipe, grader=grader, localiser=localiser)


def crops(count: int = 8) -> Crops:
    """Crops of every grade."""
    rng = np.random.default_rng(0)
    grade = np.arange(count) % 4
    return Crops(
        rng.normal(0, 200, (count, CROP.slices, CROP.rows, CROP.columns)).astype(np.int16),
        rng.uniform(10, 70, (count, 6, 2)).astype(np.float32),
        grade.astype(np.uint8),
        (0.15 * grade).astype(np.float32),
        np.full(count, 20, np.uint8),
        np.zeros(count, np.int32),
        np.zeros(count, np.uint8),
    )


def torso() -> Torso:
    """A torso with one vertebra."""
    rng = np.random.default_rng(0)
    body = np.zeros((24, 16, 16), np.uint8)
    body[10:14, 6:10, 6:10] = 18
    return Torso(
        rng.normal(0, 100, body.shape).astype(np.int16),
        body,
        np.array([[11.6, 7.5, 7.4]], np.float32),
        np.array([17], np.uint8),
    )
