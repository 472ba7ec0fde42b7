"""Bundles are promoted by one rename, kept, taken back, and refused where they are worse."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from typer.testing import CliRunner

from inference.bundle import load_bundle
from inference.card import CARD, DEFAULT_BUNDLE, WEIGHTS
from inference.errors import BundleError
from training import shelf as shelves
from training.casesets import CaseSet
from training.cli import app
from training.comparison import compare
from training.errors import NotPromotedError
from training.samples import Purpose


def other_bundle(folder: Path, version: str, worse: bool = False) -> Path:
    """A copy of the shipped bundle under another version, or one whose grader calls nothing a fracture."""
    import hashlib

    folder.mkdir()
    card = json.loads((DEFAULT_BUNDLE / CARD).read_text())
    tensors = load_file(DEFAULT_BUNDLE / WEIGHTS)
    tensors["localiser.stem.0.weight"] = tensors["localiser.stem.0.weight"] + float(version) * 1e-6
    if worse:
        tensors["grader.first_cut"] = torch.full_like(tensors["grader.first_cut"], 60.0)
        card["calibration"]["loss_slope"] = [0.0, 0.0, 0.0]
    content = save(tensors)
    card |= {"version": version, "weights_sha256": hashlib.sha256(content).hexdigest()}
    (folder / WEIGHTS).write_bytes(content)
    (folder / CARD).write_text(json.dumps(card))
    return folder


def test_a_promotion_switches_current_and_keeps_the_one_before(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    first, second = other_bundle(tmp_path / "a", "1"), other_bundle(tmp_path / "b", "2")
    shelves.promote(shelf, first, "v", {})
    shelves.promote(shelf, second, "v", {})
    assert load_bundle(shelf / "current").card.version == "2"
    assert load_bundle(shelf / "previous").card.version == "1"
    shelves.take_back(shelf)
    assert load_bundle(shelf / "current").card.version == "1"
    assert load_bundle(shelf / "previous").card.version == "2"
    assert shelves.frozen_validation(shelf) == "v"


def test_there_is_nothing_to_take_back_on_a_new_shelf(tmp_path: Path) -> None:
    with pytest.raises(NotPromotedError, match="no previous"):
        shelves.take_back(tmp_path)


def test_a_damaged_bundle_never_reaches_the_shelf(tmp_path: Path) -> None:
    bundle = other_bundle(tmp_path / "a", "1")
    (bundle / WEIGHTS).write_bytes(b"\x80\x04pickle")
    with pytest.raises(BundleError, match="not those of its card"):
        shelves.promote(tmp_path / "shelf", bundle, "v", {})
    assert not (tmp_path / "shelf" / "current").exists()


def test_a_pickle_in_the_place_of_the_weights_is_named(tmp_path: Path) -> None:
    import hashlib

    bundle = tmp_path / "a"
    shutil.copytree(DEFAULT_BUNDLE, bundle)
    content = b"\x80\x04\x95pickle" * 10
    card = json.loads((bundle / CARD).read_text()) | {"weights_sha256": hashlib.sha256(content).hexdigest()}
    (bundle / WEIGHTS).write_bytes(content)
    (bundle / CARD).write_text(json.dumps(card))
    with pytest.raises(BundleError, match="pickle is never loaded"):
        load_bundle(bundle)


@pytest.mark.slow
def test_a_bundle_that_misses_fractures_is_refused_and_the_grade_is_named(
    case_set: CaseSet, tmp_path: Path
) -> None:
    worse = other_bundle(tmp_path / "worse", "3", worse=True)
    current = load_bundle()
    found = compare(current, load_bundle(worse), [case_set], Purpose.TRAINING)
    said = " ".join(found.worse(0.0))
    by_name = {row.name: row for row in found.rows}
    assert (by_name["sensitivity, grade 2 or more"].candidate or 0) == 0
    if (by_name["sensitivity, grade 2 or more"].current or 0) > 0:
        assert "grades 2 and 3" in said
    assert not compare(current, current, [case_set], Purpose.TRAINING).worse(0.0)


@pytest.mark.slow
def test_promote_says_why_not_and_leaves_everything_as_it_was(case_set: CaseSet, tmp_path: Path) -> None:
    shelf, same = tmp_path / "shelf", other_bundle(tmp_path / "same", "0")
    run = CliRunner()
    data = ["--data", str(case_set.folder)]
    done = run.invoke(app, ["promote", str(shelf), str(same), *data])
    assert done.exit_code == 0, done.output
    worse = other_bundle(tmp_path / "worse", "3", worse=True)
    refused = run.invoke(app, ["promote", str(shelf), str(worse), *data])
    assert isinstance(refused.exception, NotPromotedError)
    assert "fell from" in str(refused.exception)
    assert load_bundle(shelf / "current").card.version == "0"


def test_promote_wants_the_validation_set_it_was_judged_on_before(case_set: CaseSet, tmp_path: Path) -> None:
    shelf, bundle = tmp_path / "shelf", other_bundle(tmp_path / "a", "1")
    shelves.promote(shelf, bundle, "another fingerprint", {})
    done = CliRunner().invoke(app, ["promote", str(shelf), str(bundle), "--data", str(case_set.folder)])
    assert isinstance(done.exception, NotPromotedError)
    assert "--new-validation" in str(done.exception)
