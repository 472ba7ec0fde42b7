"""Where the disk is full a command says so, names the file, and leaves what was there as it was."""

import subprocess
import sys
from pathlib import Path

from training.casesets import CaseSet

FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"


def said_on_a_full_disk(size: int, *words: object) -> str:
    """What a command prints that cannot write files larger than ``size`` bytes; it must fail."""
    code = FULL.format(size=size) + "from training.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_an_import_leaves_nothing_behind(annotated: Path, tmp_path: Path) -> None:
    text = said_on_a_full_disk(100_000, "import", "verse", annotated, "--to", tmp_path / "set")
    assert "000000.safetensors" in text
    assert "make room" in text
    assert list(tmp_path.iterdir()) == []


def test_a_fit_keeps_its_last_checkpoint(case_set: CaseSet, tmp_path: Path) -> None:
    recipe, run = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text('like = "fine_tune"\n[grader.schedule]\nsteps = 1\nbatch = 4\ncheckpoint_steps = 1\n')
    words = ["fit", "grader", "--run", run, "--recipe", recipe, "--data", case_set.folder]
    text = said_on_a_full_disk(300_000, *words)
    assert "step-000001.safetensors" in text
    assert not list(run.rglob("*.safetensors*"))
    assert not (run / "grader" / "latest.json").exists()
