"""A recipe file in, every number of a training run out; nothing about a run is decided anywhere else.

A recipe may start with ``like = "faintline"`` and then states only what differs from that one.
"""

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from training.errors import RecipeError

DEFAULT_RECIPE: Final = Path(__file__).with_name("recipe.toml")
"""The recipe of the shipped bundle, which is called ``faintline``."""

CONTRASTS: Final = ("grade", "ordinal", "none")
OPTIMISERS: Final = ("adamw", "sgd")
ENCODERS: Final = ("residual", "se_resnet50")


@dataclass(frozen=True, slots=True)
class Schedule:
    """An optimiser and its learning rate over time.

    Attributes
    ----------
    steps : optimiser steps in all
    batch : samples a step
    learning_rate, weight_decay : of the optimiser, the rate at its peak
    checkpoint_steps : steps between two checkpoints
    optimiser : ``adamw`` with a one-cycle rate, or ``sgd`` with momentum 0.9 and a rate that falls tenfold
        at 80 % and at 90 % of the steps
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    checkpoint_steps: int
    optimiser: str = "adamw"


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
    contrast : ``grade`` (Khosla 2020, as in the paper), ``ordinal`` (Zha 2023) or ``none``
    detach : whether the grade head is kept from training the encoder, as in the paper's code
    two_views : whether every crop of a batch enters twice, changed differently, as in the paper's code
    encoder : ``residual`` (:class:`inference.model.Grader`), or ``se_resnet50``: the paper's own network on
        boxes of masked vertebrae (:mod:`training.wei2022`), which knows neither points, memory nor crops
    box_voxels : voxels along each side of such a box
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
    contrast: str = "grade"
    detach: bool = False
    two_views: bool = False
    encoder: str = "residual"
    box_voxels: int = 128

    @property
    def sees_boxes(self) -> bool:
        """Whether it is the paper's own network."""
        return self.encoder == "se_resnet50"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run: its seed and the two networks' recipes."""

    seed: int
    localiser: LocaliserRecipe
    grader: GraderRecipe


def recipe_path(name: str | None) -> Path:
    """The file of a recipe named by path or by one of `recipe_names`; None is the shipped one."""
    if name is None or name == "faintline":
        return DEFAULT_RECIPE
    shipped = DEFAULT_RECIPE.parent / "recipes" / f"{name}.toml"
    return shipped if shipped.is_file() else Path(name)


def recipe_names() -> tuple[str, ...]:
    """The recipes that are shipped."""
    others = sorted(path.stem for path in (DEFAULT_RECIPE.parent / "recipes").glob("*.toml"))
    return ("faintline", *others)


def read_recipe(path: Path = DEFAULT_RECIPE) -> Recipe:
    """Read a recipe; raises RecipeError, which names the file and the key."""
    values = _values(path)
    try:
        recipe = recipe_of_values(values)
    except (KeyError, TypeError) as error:
        raise RecipeError(f"{path}: a key is missing or unknown: {error}") from error
    fault = _fault(recipe)
    if fault:
        raise RecipeError(f"{path}: {fault}")
    return recipe


def recipe_of_values(values: dict[str, Any]) -> Recipe:
    """A recipe of plain values; raises KeyError or TypeError for missing and unknown keys."""
    return Recipe(
        values["seed"],
        LocaliserRecipe(**_complete(values["localiser"])),
        GraderRecipe(**_complete(values["grader"])),
    )


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with all its values, as JSON beside a run's results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(recipe), indent=1) + "\n", encoding="utf-8")


def _values(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        values: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        known = ", ".join(recipe_names())
        raise RecipeError(f"{path}: no such recipe; name a file or one of {known}") from error
    except ValueError as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from error
    like = values.pop("like", None)
    return values if like is None else _merged(_values(recipe_path(like)), values)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _fault(recipe: Recipe) -> str | None:
    """What is wrong with a recipe, or None."""
    grader = recipe.grader
    named = [("grader.contrast", grader.contrast, CONTRASTS), ("grader.encoder", grader.encoder, ENCODERS)]
    schedules = grader.schedule, recipe.localiser.schedule
    named += [("schedule.optimiser", schedule.optimiser, OPTIMISERS) for schedule in schedules]
    for name, value, known in named:
        if value not in known:
            return f"{name} {value!r} is not one of {', '.join(known)}"
    if abs(sum(grader.grade_shares) - 1) > 1e-6:
        return "grader.grade_shares do not add up to 1"
    if min(min(one.steps, one.batch, one.checkpoint_steps) for one in schedules) < 1:
        return "schedule.steps, batch and checkpoint_steps must be at least 1"
    if grader.sees_boxes and grader.schedule.batch % 4:
        return "grader.schedule.batch must be a multiple of 4: the paper's batches hold every grade alike"
    return None


def _complete(values: dict[str, Any]) -> dict[str, Any]:
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return frozen | {"schedule": Schedule(**values["schedule"])}
