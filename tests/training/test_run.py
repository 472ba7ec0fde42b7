"""The whole way of retraining by its commands: fit from a bundle, measure, report, export, compare."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event
from typer.testing import CliRunner

from inference.bundle import load_bundle
from training.ablation import Fit, as_markdown, winner
from training.casesets import CaseSet
from training.cli import app
from training.errors import TrainingError
from training.metrics import FIGURES

TINY = 'like = "fine_tune"\n[grader.schedule]\nsteps = 4\nbatch = 4\ncheckpoint_steps = 2\n'


def train(*words: object) -> str:
    """Run one command; its output."""
    done = CliRunner().invoke(app, [*map(str, words), *(["--threads", "1"] if words[0] in {"fit"} else [])])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.fixture(scope="module")
def run_folder(case_set: CaseSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the small case set, started from the shipped bundle."""
    run = tmp_path_factory.mktemp("runs") / "mine"
    recipe = run.parent / "tiny.toml"
    recipe.write_text(TINY)
    data = ("--data", case_set.folder)
    train("fit", "grader", "--run", run, "--recipe", recipe, "--start", "default", *data)
    train("evaluate", "--run", run, *data)
    train("export", "--run", run, *data, "--start", "default", "--to", run / "bundle", "--version", "7")
    return run


@pytest.mark.slow
def test_a_run_keeps_everything_one_asks_for_later(run_folder: Path) -> None:
    for name in ("recipe.json", "start.json", "figures.json", "grader/log.jsonl", "report/curves-grader.png"):
        assert (run_folder / name).stat().st_size > 0, name
    page = (run_folder / "report" / "index.html").read_text()
    assert "FOR RESEARCH USE ONLY" in page
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) >= 4
    assert all((run_folder / "report" / picture).is_file() for picture in pictures)
    assert all(name in page for name in FIGURES)


@pytest.mark.slow
def test_scalars_can_be_read_as_tensorboard_reads_them(run_folder: Path) -> None:
    (path,) = (run_folder / "grader" / "tensorboard").iterdir()
    content, place, tags = path.read_bytes(), 0, set()
    while place < len(content):
        length = int.from_bytes(content[place : place + 8], "little")
        event = Event.FromString(content[place + 12 : place + 12 + length])
        tags |= {value.tag for value in event.summary.value}
        place += 12 + length + 4
    assert {"ordinal", "contrastive", "points"} <= tags


@pytest.mark.slow
def test_the_exported_bundle_names_its_data_and_screens(run_folder: Path, case_set: CaseSet) -> None:
    bundle = load_bundle(run_folder / "bundle")
    assert bundle.card.version == "7"
    assert any("VerSe" in str(one) and "CC BY-SA 4.0" in str(one) for one in bundle.card.trained_on)
    assert any("VerSe" in one["data"] for one in bundle.card.measured_on)
    shipped = load_bundle().localiser.state_dict()
    assert all((shipped[name] == value).all() for name, value in bundle.localiser.state_dict().items())
    said = train("compare", run_folder / "bundle", "--data", case_set.folder)
    assert "macro-F1" in said


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again_and_a_bundle_not_written_over(
    run_folder: Path, case_set: CaseSet
) -> None:
    log = (run_folder / "grader" / "log.jsonl").read_text()
    train("fit", "grader", "--run", run_folder, "--start", "default", "--data", case_set.folder)
    assert (run_folder / "grader" / "log.jsonl").read_text() == log
    words = [
        "export",
        "--run",
        run_folder,
        "--start",
        "default",
        "--to",
        run_folder / "bundle",
        "--version",
        "8",
    ]
    done = CliRunner().invoke(app, [*map(str, words), "--data", str(case_set.folder)])
    assert isinstance(done.exception, TrainingError)
    assert load_bundle(run_folder / "bundle").card.version == "7"


@pytest.mark.slow
def test_an_ablation_goes_on_and_writes_its_table(case_set: CaseSet, tmp_path: Path) -> None:
    words = ["--recipes", "cross_entropy,wei2022", "--seeds", 1, "--steps", 1, "--data", case_set.folder]
    train("ablation", "--run", tmp_path, *words)
    table = (tmp_path / "ablation" / "table.md").read_text()
    assert "| cross_entropy | 1 | 1 |" in table
    kept = json.loads((tmp_path / "ablation" / "wei2022-1.json").read_text())
    (tmp_path / "ablation" / "wei2022-1.json").write_text(json.dumps(kept | {"seconds": 12345.0}))
    train("ablation", "--run", tmp_path, *words)
    assert "12345" in (tmp_path / "ablation" / "table.md").read_text()


def test_the_winner_is_chosen_by_validation_whatever_the_test_says() -> None:
    def fits(name: str, validation: Sequence[float], test: float) -> list[Fit]:
        figure = {"value": test, "low": test, "high": test}
        tests = {"set": dict.fromkeys(FIGURES, figure)}
        return [Fit(name, seed, 1, 1, 1.0, value, tests) for seed, value in enumerate(validation)]

    both = [*fits("a", (0.7, 0.9), 0.99), *fits("b", (0.85, 0.85), 0.1)]
    assert winner(both) == "b"
    assert "Chosen by validation" in as_markdown(both)
