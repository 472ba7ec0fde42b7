"""Samples and a recipe in, a trained network out: one loop, for the localiser and the grader alike.

What a step sees depends on the seed and the step's number alone, and a checkpoint holds all else, so a run
that was stopped goes on from its last checkpoint as if nothing had happened.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.crops import CROP
from inference.model import Grader, GraderOutput, GraderShape, Localiser, LocaliserShape
from training import loss
from training.augment import CropBatch, crop_batch, torso_batch
from training.checkpoint import load_checkpoint, save_checkpoint
from training.errors import DivergedError
from training.recipe import GraderRecipe, LocaliserRecipe, Recipe, Schedule
from training.samples import Crops, Torso

Losses = dict[str, Tensor]
Watch = Callable[[int, dict[str, float]], None]
"""Called every ``LOG_STEPS`` with the steps made and the mean losses; at checkpoints with validation too."""

LOG_STEPS = 25
PATIENCE = 20
"""So many steps in a row without a finite gradient end a run."""


def unwatched(_step: int, _figures: dict[str, float]) -> None:
    """Show nothing."""


def fit_localiser(
    recipe: Recipe,
    torsos: list[Torso],
    folder: Path,
    initial: Localiser | None = None,
    watch: Watch = unwatched,
) -> Localiser:
    """Train the localiser, from ``initial``'s weights if given; checkpoints and a log lie in ``folder``."""
    torch.manual_seed(recipe.seed)
    network = initial or build_localiser(recipe.localiser)

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        batch = torso_batch(torsos, recipe.localiser, rng)
        centre, body, levels = network(batch.volume)
        return {
            "centre": loss.centre_map(centre, batch.heat),
            "body": loss.body_mask(body, batch.body),
            "level": loss.level_map(F.interpolate(levels, scale_factor=2.0), batch.level),
        }

    _descend(network, losses, recipe.localiser.schedule, folder, Aside(watch=watch))
    return network


def fit_grader(
    recipe: Recipe,
    crops: Crops,
    folder: Path,
    initial: Grader | None = None,
    watch: Watch = unwatched,
    validate: Callable[[Grader], dict[str, float]] | None = None,
) -> Grader:
    """Train the grader, from ``initial``'s weights if given; checkpoints and a log lie in ``folder``.

    ``validate`` is called at every checkpoint; its figures go into the log and to ``watch``. They choose
    nothing.
    """
    torch.manual_seed(recipe.seed)
    network = initial or build_grader(recipe.grader)
    if recipe.grader.detach:
        network.grade_score.register_forward_pre_hook(lambda _, given: (given[0].detach(),))
    memory = Memory(recipe.grader.memory, recipe.grader.projection)

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        batch = crop_batch(crops, recipe.grader, rng)
        with torch.autocast("cpu", torch.bfloat16):
            seen = network(batch.crops)
        return _grader_losses(seen, batch, memory, recipe.grader)

    figures = None if validate is None else lambda: validate(network)
    _descend(network, losses, recipe.grader.schedule, folder, Aside(memory, figures, watch))
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

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of it."""
        return {"projections": self._projections, "grades": self._grades}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what a checkpoint kept."""
        if tensors:
            self._projections, self._grades = tensors["projections"], tensors["grades"]

    def remember(self, projection: Tensor, grade: Tensor) -> None:
        """Add a batch."""
        self._projections = (
            torch.cat([self._projections, projection.detach()])[-self._size :]
            if self._size
            else self._projections
        )
        self._grades = torch.cat([self._grades, grade])[-self._size :] if self._size else self._grades


@dataclass(frozen=True, slots=True)
class Aside:
    """What a descent keeps, measures and shows besides the network."""

    memory: Memory | None = None
    validate: Callable[[], dict[str, float]] | None = None
    watch: Watch = unwatched


def _grader_losses(seen: GraderOutput, batch: CropBatch, memory: Memory, recipe: GraderRecipe) -> Losses:
    terms = {"ordinal": loss.ordinal(seen.ordinal.float(), batch.grade, torch.tensor(recipe.cut_weights))}
    if recipe.contrast != "none":
        contrast = CONTRASTS[recipe.contrast]
        projection = seen.projection.float()
        found = contrast(projection, batch.grade, *memory.content, recipe.temperature)
        memory.remember(projection, batch.grade)
        terms["contrastive"] = recipe.contrastive_weight * found
    if recipe.points_weight:
        terms["points"] = recipe.points_weight * loss.height_points(seen.points.float(), batch.points)
    return terms


CONTRASTS = {"grade": loss.supervised_contrastive, "ordinal": loss.ordinal_contrastive}


def learning_rate(step: int, schedule: Schedule) -> float:
    """Learning rate of a step, as its optimiser wants it."""
    if schedule.optimiser == "adamw":
        return one_cycle(step, schedule)
    falls = sum(step >= share * schedule.steps for share in (0.8, 0.9))
    return schedule.learning_rate * 0.1**falls


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    if schedule.optimiser == "sgd":
        return torch.optim.SGD(
            network.parameters(), schedule.learning_rate, momentum=0.9, weight_decay=schedule.weight_decay
        )
    return torch.optim.AdamW(network.parameters(), weight_decay=schedule.weight_decay)


def one_cycle(step: int, schedule: Schedule) -> float:
    """Learning rate of a step: a linear rise over the first tenth, then a cosine to zero."""
    rise = max(1, schedule.steps // 10)
    if step < rise:
        return schedule.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, schedule.steps - rise)
    return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _descend(
    network: nn.Module, losses: Callable[[int], Losses], schedule: Schedule, folder: Path, aside: Aside
) -> None:
    """Minimise the sum of ``losses(step)``; resumes from the latest checkpoint in ``folder``."""
    optimiser = _optimiser(network, schedule)
    first, kept = load_checkpoint(folder, network, optimiser)
    if aside.memory is not None:
        aside.memory.restore(kept)
    folder.mkdir(parents=True, exist_ok=True)
    network.train()
    recent: list[dict[str, float]] = []
    failed = 0
    for step in range(first, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, schedule)
        terms = losses(step)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        # A step whose gradient is no number (it happens in bfloat16) is left out.
        sound = bool(torch.isfinite(nn.utils.clip_grad_norm_(network.parameters(), 5.0)))
        if sound:
            optimiser.step()
        failed = 0 if sound else failed + 1
        if failed >= PATIENCE:
            raise DivergedError(_diverged(folder, step))
        recent.append({name: float(value.detach()) for name, value in terms.items()})
        done = step + 1
        saved = done % schedule.checkpoint_steps == 0 or done == schedule.steps
        if saved:
            beside = aside.memory.tensors() if aside.memory is not None else {}
            save_checkpoint(folder, done, network, optimiser, beside)
        if done % LOG_STEPS == 0 or saved:
            figures = _means(recent) | (_validated(network, aside) if saved else {})
            _log(folder, done, figures)
            aside.watch(done, figures)
            recent = []
    network.eval()


def _validated(network: nn.Module, aside: Aside) -> dict[str, float]:
    if aside.validate is None:
        return {}
    network.eval()
    figures = {f"validation {name}": value for name, value in aside.validate().items()}
    network.train()
    return figures


def _diverged(folder: Path, step: int) -> str:
    return (
        f"{folder}: the loss has been no number for {PATIENCE} steps (step {step + 1}); nothing was"
        " overwritten. Lower schedule.learning_rate in the recipe, or check the case sets; then run"
        " again: it goes on from the last checkpoint"
    )


def _means(recent: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([entry[name] for entry in recent])), 4) for name in recent[0]}


def _log(folder: Path, step: int, figures: dict[str, float]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"step": step} | figures) + "\n")
