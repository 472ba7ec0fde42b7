"""Where the disk is full a command says so, names the file, and leaves what was there as it was."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_program import said

from training.casesets import CaseSet

SMALL = """
like = "faintline"
[grader]
channels = [8, 8]
embedding = 8
projection = 4
[grader.schedule]
steps = 1
batch = 4
checkpoint_steps = 1
"""


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process can grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_import_leaves_nothing_behind(annotated: Path, tmp_path: Path) -> None:
    with full_disk(100_000):
        status, text = said("import", "verse", annotated, "--to", tmp_path / "set")
    assert status != 0
    assert "000000.safetensors" in text
    assert "make room" in text
    assert list(tmp_path.iterdir()) == []


def test_a_fit_keeps_its_last_checkpoint(case_set: CaseSet, tmp_path: Path) -> None:
    recipe, run = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(SMALL)
    with full_disk(20_000):
        status, text = said("fit", "grader", "--run", run, "--recipe", recipe, "--data", case_set.folder)
    assert status != 0
    assert "step-000001.safetensors" in text
    assert not list(run.rglob("*.safetensors*"))
    assert not (run / "grader" / "latest.json").exists()
