"""A network, its losses and a schedule in; the trained network out: the loop that every network goes through.

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
from torch import Tensor, nn

from training.checkpoint import load_checkpoint, save_checkpoint
from training.crew import Crew
from training.errors import DivergedError
from training.recipe import Schedule

Losses = dict[str, Tensor]
Watch = Callable[[int, dict[str, float]], None]
"""Called every ``LOG_STEPS`` with the steps made and the mean losses; at checkpoints with validation too."""

LOG_STEPS = 25
PATIENCE = 20
"""So many steps in a row without a finite gradient end a run."""


def unwatched(_step: int, _figures: dict[str, float]) -> None:
    """Show nothing."""


class Memory:
    """The last projections and grades the contrastive loss has seen, oldest overwritten first."""

    def __init__(self, size: int, width: int, device: torch.device | None = None) -> None:
        self._projections = torch.zeros(0, width, device=device)
        self._grades = torch.zeros(0, dtype=torch.long, device=device)
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
            self._projections = tensors["projections"].to(self._projections.device)
            self._grades = tensors["grades"].to(self._grades.device)

    def remember(self, projection: Tensor, grade: Tensor) -> None:
        """Add a batch."""
        if self._size:
            self._projections = torch.cat([self._projections, projection.detach()])[-self._size :]
            self._grades = torch.cat([self._grades, grade])[-self._size :]


@dataclass(frozen=True, slots=True)
class Aside:
    """What a descent keeps, measures and shows besides the network."""

    memory: Memory | None = None
    validate: Callable[[], dict[str, float]] | None = None
    watch: Watch = unwatched


def descend(
    network: nn.Module,
    losses: Callable[[int], Losses],
    schedule: Schedule,
    folder: Path,
    crew: Crew,
    aside: Aside,
) -> None:
    """Minimise the sum of ``losses(step)``; resumes from the latest checkpoint in ``folder``.

    ``losses`` are those of the whole batch in every process; only the first one writes.

    Raises
    ------
    DivergedError : the loss has become no number
    """
    optimiser = _optimiser(network, schedule)
    first, kept = load_checkpoint(folder, network, optimiser)
    if aside.memory is not None:
        aside.memory.restore(kept)
    folder.mkdir(parents=True, exist_ok=True)
    crew.wait()
    network.train()
    recent: list[dict[str, float]] = []
    failed = 0
    for step in range(first, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, schedule)
        terms = losses(step)
        sound = _step(network, terms, optimiser, crew)
        failed = 0 if sound else failed + 1
        if failed >= PATIENCE:
            raise DivergedError(_diverged(folder, step))
        recent.append({name: float(value.detach()) for name, value in terms.items()})
        done = step + 1
        saved = done % schedule.checkpoint_steps == 0 or done == schedule.steps
        if saved and crew.is_first:
            beside = aside.memory.tensors() if aside.memory is not None else {}
            save_checkpoint(folder, done, network, optimiser, beside)
        if saved or done % LOG_STEPS == 0:
            if crew.is_first:
                figures = _means(recent) | (_validated(network, aside) if saved else {})
                _log(folder, done, figures)
                aside.watch(done, figures)
            recent = []
    network.eval()


def _step(network: nn.Module, terms: Losses, optimiser: torch.optim.Optimizer, crew: Crew) -> bool:
    """One step down; left out, and False, where the gradient is no number (it happens in bfloat16).

    The crew's gradients are averaged and each process holds a share of the whole: times ``size`` they add up.
    """
    optimiser.zero_grad()
    total = torch.stack(list(terms.values())).sum() * crew.size
    total.backward()  # type: ignore[no-untyped-call]
    sound = bool(torch.isfinite(nn.utils.clip_grad_norm_(network.parameters(), 5.0)))
    if sound:
        optimiser.step()
    return sound


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
