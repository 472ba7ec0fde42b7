"""Samples and a recipe in, a trained network out: what one step of the localiser and of the grader is."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from inference.crops import CROP
from inference.model import Grader, GraderOutput, GraderShape, Localiser, LocaliserShape
from training import loss
from training.augment import CropBatch, crop_batch, torso_batch
from training.crew import Crew, alone
from training.descent import Aside, Losses, Memory, Watch, descend, unwatched
from training.recipe import GraderRecipe, LocaliserRecipe, Recipe
from training.samples import Crops, Torso


def fit_localiser(
    recipe: Recipe,
    torsos: list[Torso],
    folder: Path,
    initial: Localiser | None = None,
    watch: Watch = unwatched,
    crew: Crew | None = None,
) -> Localiser:
    """Train the localiser, from ``initial``'s weights if given; checkpoints and a log lie in ``folder``."""
    crew = crew or alone()
    torch.manual_seed(recipe.seed)
    network = (initial or build_localiser(recipe.localiser)).to(crew.device)
    shared = crew.share_out(network)
    own = crew.rows(recipe.localiser.schedule.batch)

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        batch = torso_batch(torsos, recipe.localiser, rng).to(crew.device)
        with crew.half_precision():
            drawn = shared(batch.volume[own])
        centre, body, levels = (crew.gather(part.float()) for part in drawn)
        return {
            "centre": loss.centre_map(centre, batch.heat),
            "body": loss.body_mask(body, batch.body),
            "level": loss.level_map(F.interpolate(levels, scale_factor=2.0), batch.level),
        }

    descend(network, losses, recipe.localiser.schedule, folder, crew, Aside(watch=watch))
    return network


def fit_grader(
    recipe: Recipe,
    crops: Crops,
    folder: Path,
    initial: Grader | None = None,
    watch: Watch = unwatched,
    validate: Callable[[Grader], dict[str, float]] | None = None,
    crew: Crew | None = None,
) -> Grader:
    """Train the grader, from ``initial``'s weights if given; checkpoints and a log lie in ``folder``.

    ``validate`` is called at every checkpoint; its figures go into the log and to ``watch``. They choose
    nothing.
    """
    crew = crew or alone()
    torch.manual_seed(recipe.seed)
    network = (initial or build_grader(recipe.grader)).to(crew.device)
    if recipe.grader.detach:
        network.grade_score.register_forward_pre_hook(lambda _, given: (given[0].detach(),))
    shared = crew.share_out(network)
    own = crew.rows(recipe.grader.schedule.batch * (2 if recipe.grader.two_views else 1))
    memory = Memory(recipe.grader.memory, recipe.grader.projection, crew.device)

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        batch = crop_batch(crops, recipe.grader, rng).to(crew.device)
        # 2D convolutions are sound in bfloat16 on CPUs too, and twice as fast.
        with torch.autocast(crew.device.type, torch.bfloat16):
            part = shared(batch.crops[own])
        seen = GraderOutput(*(crew.gather(getattr(part, field.name).float()) for field in fields(part)))
        return _grader_losses(seen, batch, memory, recipe.grader)

    figures = None if validate is None else lambda: validate(network)
    descend(network, losses, recipe.grader.schedule, folder, crew, Aside(memory, figures, watch))
    return network


def build_localiser(recipe: LocaliserRecipe) -> Localiser:
    """The untrained localiser of a recipe."""
    return Localiser(LocaliserShape(recipe.voxel_mm, recipe.channels))


def build_grader(recipe: GraderRecipe) -> Grader:
    """The untrained grader of a recipe."""
    return Grader(GraderShape(CROP.slices, recipe.channels, recipe.embedding, recipe.projection))


def _grader_losses(seen: GraderOutput, batch: CropBatch, memory: Memory, recipe: GraderRecipe) -> Losses:
    weights = torch.tensor(recipe.cut_weights, device=batch.grade.device)
    terms = {"ordinal": loss.ordinal(seen.ordinal, batch.grade, weights)}
    if recipe.contrast != "none":
        contrast = CONTRASTS[recipe.contrast]
        found = contrast(seen.projection, batch.grade, *memory.content, recipe.temperature)
        memory.remember(seen.projection, batch.grade)
        terms["contrastive"] = recipe.contrastive_weight * found
    if recipe.points_weight:
        terms["points"] = recipe.points_weight * loss.height_points(seen.points, batch.points)
    return terms


CONTRASTS = {"grade": loss.supervised_contrastive, "ordinal": loss.ordinal_contrastive}
