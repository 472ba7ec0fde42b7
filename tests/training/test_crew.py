"""Several processes train as one: the same gradients, one folder of results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.casesets import CaseSet
from training.crew import Crew, alone
from training.errors import RecipeError

FIT = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from pathlib import Path
import torch
from training.crew import enlist
from training.fit import fit_localiser
from training_samples import tiny, torso
torch.set_num_threads(1)
recipe = tiny(3)
schedule = replace(recipe.localiser.schedule, batch=2)
recipe = replace(recipe, localiser=replace(recipe.localiser, schedule=schedule))
with enlist() as crew:
    fit_localiser(recipe, [torso()], Path({folder!r}), crew=crew)
"""


def started(code: str, processes: int, folder: Path) -> None:
    """Run ``code`` in so many processes, as torchrun does, on this machine alone."""
    script = folder.with_name(f"{folder.name}.py")
    script.write_text(code)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(torchrun if processes > 1 else []), str(script)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_descend_as_one_does_and_write_once(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    for processes in (1, 2):
        folder = tmp_path / f"by-{processes}"
        started(FIT.format(tests=tests, folder=str(folder)), processes, folder)
    by_one, by_two = (load_file(tmp_path / f"by-{n}" / "step-000003.safetensors") for n in (1, 2))
    assert by_one.keys() == by_two.keys()
    moved = False
    for name, value in by_one.items():
        assert torch.allclose(value.float(), by_two[name].float(), atol=2e-5), name
        moved = moved or (name.startswith("optimiser") and bool(value.abs().max() > 1e-4))
    assert moved
    assert [path.name for path in (tmp_path / "by-2").glob("*.safetensors")] == ["step-000003.safetensors"]
    steps = [json.loads(line)["step"] for line in (tmp_path / "by-2" / "log.jsonl").open()]
    assert steps == [2, 3]


@pytest.mark.slow
def test_the_command_runs_under_torchrun(case_set: CaseSet, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text('like = "fine_tune"\n[grader.schedule]\nsteps = 2\nbatch = 4\ncheckpoint_steps = 2\n')
    words = ["fit", "grader", "--run", str(tmp_path / "run"), "--recipe", str(recipe), "--threads", "1"]
    words += ["--data", str(case_set.folder), "--start", "default"]
    started(
        f"import sys\nfrom training.cli import main\nsys.argv[1:] = {words!r}\nmain()", 2, tmp_path / "cli"
    )
    assert [path.name for path in (tmp_path / "run/grader").glob("step*")] == ["step-000002.safetensors"]
    assert json.loads((tmp_path / "run/recipe.json").read_text())["grader"]["schedule"]["steps"] == 2


def test_a_batch_that_cannot_be_shared_is_refused_by_name() -> None:
    crew = Crew(1, 3, torch.device("cpu"))
    assert crew.rows(6) == slice(2, 4)
    with pytest.raises(RecipeError, match=r"schedule\.batch: 4"):
        crew.rows(4)


def test_a_process_alone_gathers_nothing_and_waits_for_nobody() -> None:
    crew, own = alone(), torch.ones(2, 3)
    crew.wait()
    assert crew.gather(own) is own
    assert crew.is_first
