"""Samples and a recipe in, a trained network out: one loop, for the localiser and the grader alike.

What a step sees depends on the seed and the step's number alone, so a run that was stopped goes on from its
last checkpoint as if nothing had happened.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.crops import CROP
from inference.model import Grader, GraderOutput, GraderShape, Localiser, LocaliserShape
from training import loss
from training.augment import CropBatch, crop_batch, torso_batch
from training.checkpoint import load_checkpoint, save_checkpoint
from training.recipe import GraderRecipe, LocaliserRecipe, Recipe, Schedule
from training.samples import Crops, Torso

Losses = dict[str, Tensor]


def fit_localiser(recipe: Recipe, torsos: list[Torso], folder: Path) -> Localiser:
    """Train the localiser on phantom torsos; checkpoints and a log lie in ``folder``."""
    torch.manual_seed(recipe.seed)
    network = build_localiser(recipe.localiser)

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        batch = torso_batch(torsos, recipe.localiser, rng)
        centre, body, levels = network(batch.volume)
        return {
            "centre": loss.centre_map(centre, batch.heat),
            "body": loss.body_mask(body, batch.body),
            "level": loss.level_map(levels, batch.level),
        }

    _descend(network, losses, recipe.localiser.schedule, folder)
    return network


def fit_grader(recipe: Recipe, crops: Crops, folder: Path) -> Grader:
    """Train the grader on phantom crops; checkpoints and a log lie in ``folder``."""
    torch.manual_seed(recipe.seed)
    network = build_grader(recipe.grader)
    memory = Memory(recipe.grader.memory, recipe.grader.projection)

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        batch = crop_batch(crops, recipe.grader, rng)
        with torch.autocast("cpu", torch.bfloat16):
            seen = network(batch.crops)
        return _grader_losses(seen, batch, memory, recipe.grader)

    _descend(network, losses, recipe.grader.schedule, folder)
    return network


def build_localiser(recipe: LocaliserRecipe) -> Localiser:
    """The untrained localiser of a recipe."""
    return Localiser(LocaliserShape(recipe.voxel_mm, recipe.channels))


def build_grader(recipe: GraderRecipe) -> Grader:
    """The untrained grader of a recipe."""
    return Grader(GraderShape(CROP.slices, recipe.channels, recipe.embedding, recipe.projection))


class Memory:
    """The last projections and grades the contrastive loss has seen, oldest overwritten first."""

    def __init__(self, size: int, width: int) -> None:
        self._projections = torch.zeros(0, width)
        self._grades = torch.zeros(0, dtype=torch.long)
        self._size = size

    @property
    def content(self) -> tuple[Tensor, Tensor]:
        """Projections (M, P) and grades (M,)."""
        return self._projections, self._grades

    def remember(self, projection: Tensor, grade: Tensor) -> None:
        """Add a batch."""
        self._projections = torch.cat([self._projections, projection.detach()])[-self._size :]
        self._grades = torch.cat([self._grades, grade])[-self._size :]


def _grader_losses(seen: GraderOutput, batch: CropBatch, memory: Memory, recipe: GraderRecipe) -> Losses:
    projection = seen.projection.float()
    contrastive = loss.supervised_contrastive(projection, batch.grade, *memory.content, recipe.temperature)
    memory.remember(projection, batch.grade)
    points = loss.height_points(seen.points.float(), batch.points)
    return {
        "ordinal": loss.ordinal(seen.ordinal.float(), batch.grade, torch.tensor(recipe.cut_weights)),
        "contrastive": recipe.contrastive_weight * contrastive,
        "points": recipe.points_weight * points,
    }


def one_cycle(step: int, schedule: Schedule) -> float:
    """Learning rate of a step: a linear rise over the first tenth, then a cosine to zero."""
    rise = max(1, schedule.steps // 10)
    if step < rise:
        return schedule.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, schedule.steps - rise)
    return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _descend(network: nn.Module, losses: Callable[[int], Losses], schedule: Schedule, folder: Path) -> None:
    """Minimise the sum of ``losses(step)`` by AdamW; resumes from the latest checkpoint in ``folder``."""
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=schedule.weight_decay)
    first = load_checkpoint(folder, network, optimiser)
    folder.mkdir(parents=True, exist_ok=True)
    network.train()
    recent: list[dict[str, float]] = []
    for step in range(first, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(step, schedule)
        terms = losses(step)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        # A step whose gradient is no number (it happens in bfloat16) is left out.
        if torch.isfinite(nn.utils.clip_grad_norm_(network.parameters(), 5.0)):
            optimiser.step()
        recent.append({name: float(value.detach()) for name, value in terms.items()})
        if (step + 1) % 25 == 0 or step + 1 == schedule.steps:
            _log(folder, step + 1, recent)
            recent = []
        if (step + 1) % schedule.checkpoint_steps == 0 or step + 1 == schedule.steps:
            save_checkpoint(folder, step + 1, network, optimiser)
    network.eval()


def _log(folder: Path, step: int, recent: list[dict[str, float]]) -> None:
    means = {name: round(float(np.mean([entry[name] for entry in recent])), 4) for name in recent[0]}
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"step": step} | means) + "\n")
