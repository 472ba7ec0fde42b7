"""Training goes on where it was stopped, on the schedule of its recipe."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_samples import crops, tiny, torso

from training.descent import Memory, Watch, one_cycle
from training.errors import DivergedError
from training.fit import build_grader, fit_grader, fit_localiser
from training.recipe import Schedule, read_recipe, recipe_names, recipe_path
from training.samples import Torso


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    schedule = Schedule(100, 1, 1.0, 0.0, 10)
    rates = [one_cycle(step, schedule) for step in range(101)]
    assert max(rates) == rates[10] == 1.0
    assert rates[0] == pytest.approx(0.1)
    assert rates[100] == pytest.approx(0, abs=1e-9)


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = fit_localiser(tiny(4), [torso()], tmp_path / "whole")
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        fit_localiser(tiny(4), Interrupting([torso()], after=2), stopped)
    resumed = fit_localiser(tiny(4), [torso()], stopped)
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, resumed.state_dict()[name], atol=1e-6), name


def test_a_stopped_grader_remembers_what_its_contrastive_loss_had_seen(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = fit_grader(tiny(4), crops(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit_grader(tiny(4), crops(), tmp_path / "stopped", watch=_stop_at(2))
    resumed = fit_grader(tiny(4), crops(), tmp_path / "stopped")
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, resumed.state_dict()[name], atol=1e-5), name


def _stop_at(step: int) -> Watch:
    def watch(done: int, _figures: dict[str, float]) -> None:
        if done == step:
            raise KeyboardInterrupt

    return watch


def test_a_loss_that_is_no_number_ends_the_run_and_says_what_to_do(tmp_path: Path) -> None:
    broken = crops()
    broken.points[:] = np.inf
    recipe = tiny(60)
    grader = replace(recipe.grader, schedule=replace(recipe.grader.schedule, learning_rate=float("nan")))
    with pytest.raises(DivergedError, match="learning_rate"):
        fit_grader(replace(recipe, grader=grader), broken, tmp_path)


def test_a_detached_head_does_not_train_the_encoder(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    recipe = tiny(1)
    grader = replace(recipe.grader, detach=True, contrast="none", points_weight=0.0)
    before = build_grader(grader)
    start = {name: value.clone() for name, value in before.state_dict().items()}
    after = fit_grader(replace(recipe, grader=grader), crops(), tmp_path, initial=before).state_dict()
    moved = {name for name in start if not torch.equal(start[name], after[name])}
    trained = {name for name in moved if "norm" not in name or "weight" in name or "bias" in name}
    assert {"grade_score.weight"} <= trained
    assert not {name for name in trained if name.endswith(("conv.weight", "first.weight", "stem.weight"))}


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_trains(name: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    recipe = read_recipe(recipe_path(name))
    schedule = replace(recipe.grader.schedule, steps=2, batch=4, checkpoint_steps=2)
    grader = replace(recipe.grader, channels=(8, 8), embedding=8, projection=4, schedule=schedule)
    if not grader.sees_boxes:  # wei2022/ has its tests
        fit_grader(replace(recipe, grader=grader), crops(), tmp_path)
        assert (tmp_path / "step-000002.safetensors").is_file()


class Interrupting(list[Torso]):
    """A list of torsos that is interrupted, as by Ctrl-C, at the draw after ``after``."""

    def __init__(self, torsos: list[Torso], after: int) -> None:
        super().__init__(torsos)
        self.left = after

    def __getitem__(self, index: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_the_grader_trains_logs_every_loss_and_keeps_one_checkpoint(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    fit_grader(tiny(4), crops(), tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    assert all(name in log for name in ("ordinal", "contrastive", "points"))
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["step-000004.safetensors"]


def test_memory_keeps_the_latest_and_no_gradient() -> None:
    memory = Memory(3, 2)
    for grade in range(4):
        memory.remember(torch.full((1, 2), float(grade), requires_grad=True), torch.tensor([grade]))
    projections, grades = memory.content
    assert grades.tolist() == [1, 2, 3]
    assert not projections.requires_grad
