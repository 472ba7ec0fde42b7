"""The paper's configuration by its commands: boxes in, figures and a bundle out; it never screens."""

from pathlib import Path

import numpy as np
import pytest
from annotated_spines import write_boxes, write_pair
from typer.testing import CliRunner

from inference.bundle import load_bundle
from inference.errors import BundleError
from training.casesets import find_set_boxes, read_set
from training.cli import app
from training.errors import TrainingError
from training.recipe import read_recipe, recipe_path
from training.samples import Purpose, load_box

TINY = (
    'like = "wei2022_se_resnet50"\n[grader]\nbox_voxels = 16\nprojection = 8\n'
    "[grader.schedule]\nsteps = 1\nbatch = 4\ncheckpoint_steps = 1\n"
)


def train(*words: object) -> str:
    """Run one command; its output."""
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten CTs of the processed form, imported."""
    folder = tmp_path_factory.mktemp("paper")
    write_boxes(folder / "data", {f"{n}": {20 + k: (n + k) % 4 for k in range(4)} for n in range(10)})
    train("import", "wei2022", folder / "data", "--to", folder / "set")
    return folder / "set"


def test_processed_crops_are_imported_and_split_by_ct(boxes: Path) -> None:
    found = read_set(boxes)
    assert [len(found.of(purpose)) for purpose in Purpose] == [6, 2, 2]
    path, _, _ = find_set_boxes(found, Purpose.TEST)[0]
    kept = load_box(path)
    assert kept.mask.max() == 1
    assert kept.hu[kept.mask > 0].mean() > 200
    assert kept.label in {20, 21, 22, 23}


@pytest.mark.slow
def test_the_papers_network_is_trained_measured_and_exported_but_does_not_screen(
    boxes: Path, tmp_path: Path
) -> None:
    recipe, run = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(TINY)
    train("fit", "grader", "--run", run, "--recipe", recipe, "--data", boxes)
    assert "macro-F1" in train("evaluate", "--run", run, "--data", boxes)
    assert (run / "report" / "index.html").is_file()
    train("export", "--run", run, "--data", boxes, "--to", tmp_path / "bundle", "--version", "1")
    assert "8 vertebrae of 2 patients" in train("measure", tmp_path / "bundle", "--data", boxes)
    with pytest.raises(BundleError, match="but not screen"):
        load_bundle(tmp_path / "bundle")


def test_the_configuration_is_the_papers() -> None:
    grader = read_recipe(recipe_path("wei2022_se_resnet50")).grader
    schedule = grader.schedule
    assert (grader.box_voxels, grader.projection, grader.temperature) == (128, 128, 0.07)
    assert (schedule.optimiser, schedule.learning_rate, schedule.weight_decay) == ("sgd", 0.005, 1e-4)
    assert (schedule.batch, grader.two_views, grader.detach, grader.memory) == (12, True, True, 0)


def test_without_boxes_the_recipe_says_how_to_get_some(tmp_path: Path) -> None:
    words = ["fit", "grader", "--run", str(tmp_path), "--recipe", "wei2022_se_resnet50"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, TrainingError)
    assert "--boxes" in str(done.exception)


def test_boxes_are_cut_around_the_whole_mask_at_one_scale(tmp_path: Path) -> None:
    for number in range(3):
        scan = f"sub-verse{number:03d}"
        write_pair(tmp_path / "data", f"{scan}_ct.nii.gz", f"{scan}_seg-vert_msk.nii.gz", 21, 9)
    rows = "".join(f"sub-verse{n:03d},L2,2\nsub-verse{n:03d},L1,0\n" for n in range(3))
    (tmp_path / "grades.csv").write_text(f"scan_id,vertebra,genant_grade\n{rows}")
    train(
        "import", "verse", tmp_path / "data", "--grades", tmp_path / "grades.csv", "--to", tmp_path / "set",
        "--boxes",
    )  # fmt: skip
    found = read_set(tmp_path / "set")
    kept = [load_box(path) for path, _, _ in find_set_boxes(found, Purpose.TRAINING)]
    by_label = {one.label: one for one in kept}
    assert {label: one.grade for label, one in by_label.items()} == {20: 0, 21: 2}
    normal, lower = by_label[20], by_label[21]
    assert normal.hu.shape[1:] == (128, 128)
    # 63 mm from the front of the body to the tip of the arch fill the box; the body is 26 mm high.
    assert normal.hu.shape[0] == pytest.approx(128 * 25 / 62, abs=4)
    assert lower.hu.shape[0] == pytest.approx(128 * 16 / 62, abs=4)
    filled = np.argwhere(normal.mask)
    assert filled[:, 1].min() <= 2
    assert filled[:, 1].max() >= 125
    assert (normal.hu[normal.mask > 0] > 100).mean() > 0.95
