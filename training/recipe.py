"""A recipe file in, every number of a training run out; nothing about a run is decided anywhere else."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DEFAULT_RECIPE: Final = Path(__file__).with_name("recipe.toml")
"""The recipe of the shipped bundle."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """AdamW with a one-cycle learning rate.

    Attributes
    ----------
    steps : optimiser steps in all
    batch : samples a step
    learning_rate, weight_decay : AdamW's, the rate at its peak
    checkpoint_steps : steps between two checkpoints
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    checkpoint_steps: int


@dataclass(frozen=True, slots=True)
class LocaliserRecipe:
    """How the localiser is built and trained.

    Attributes
    ----------
    voxel_mm, channels : its architecture (:class:`inference.model.LocaliserShape`)
    scenes, validation_scenes : phantom torsos to draw
    view_mm : largest training view along (z, y, x); a view is a random field of view of a torso
    sigma_mm : standard deviation of the Gaussian at each centre of the heat-map
    """

    voxel_mm: float
    channels: tuple[int, ...]
    scenes: int
    validation_scenes: int
    view_mm: tuple[float, float, float]
    sigma_mm: float
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class GraderRecipe:
    """How the grader is built and trained.

    Attributes
    ----------
    channels, embedding, projection : its architecture (:class:`inference.model.GraderShape`)
    spines, validation_spines, test_spines : phantom spines to draw, each of some eight crops
    fracture_share, tested_share : share of vertebrae that collapse, in training and in the other two
    temperature : of the supervised contrastive loss (0.07 as in Wei et al. 2022)
    contrastive_weight, points_weight : weights of the losses beside the ordinal one
    cut_weights : weights of the cuts grade >= 1, >= 2, >= 3
    memory : crops the contrastive loss remembers from earlier steps
    grade_shares : shares of grades 0-3 in a batch, so that rare grades find positives
    centre_jitter_mm, tilt_jitter_degrees : spread of the crop's frame, as large as the localiser's error
    """

    channels: tuple[int, ...]
    embedding: int
    projection: int
    spines: int
    validation_spines: int
    test_spines: int
    fracture_share: float
    tested_share: float
    temperature: float
    contrastive_weight: float
    points_weight: float
    cut_weights: tuple[float, float, float]
    memory: int
    grade_shares: tuple[float, float, float, float]
    centre_jitter_mm: float
    tilt_jitter_degrees: float
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run: its seed and the two networks' recipes."""

    seed: int
    localiser: LocaliserRecipe
    grader: GraderRecipe


def read_recipe(path: Path = DEFAULT_RECIPE) -> Recipe:
    """Read a recipe; raises TypeError for unknown or missing keys and OSError for a missing file."""
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    return Recipe(
        values["seed"],
        LocaliserRecipe(**_complete(values["localiser"])),
        GraderRecipe(**_complete(values["grader"])),
    )


def _complete(values: dict[str, Any]) -> dict[str, Any]:
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return frozen | {"schedule": Schedule(**values["schedule"])}
