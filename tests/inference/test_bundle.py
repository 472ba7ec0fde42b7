"""A bundle gives back the networks that were put in, or says why it cannot."""

import json
from pathlib import Path

import pytest
import torch

from inference.bundle import load_bundle
from inference.card import CARD, WEIGHTS, GradeCalibration, OperatingPoint
from inference.crops import CROP
from inference.errors import BundleError
from inference.model import Grader, GraderShape, Localiser, LocaliserShape
from training.export import Target, write_bundle
from training.recipe import read_recipe


def small_networks() -> tuple[Localiser, Grader]:
    torch.manual_seed(0)
    return Localiser(LocaliserShape(4.0, (4, 8, 8))), Grader(GraderShape(CROP.slices, (8, 8), 8, 4))


def write_small(folder: Path) -> tuple[Localiser, Grader]:
    networks = small_networks()
    write_bundle(
        Target(folder, "small", "0"),
        read_recipe(),
        networks,
        GradeCalibration((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.05),
        OperatingPoint((0.4, 0.5, 0.5), 0.3, 2.0, 0.5),
        [],
        [],
    )
    return networks


def test_a_written_bundle_loads_with_the_same_weights(tmp_path: Path) -> None:
    localiser, grader = write_small(tmp_path)
    bundle = load_bundle(tmp_path)
    assert bundle.identity.name == "small"
    for mine, loaded in ((localiser, bundle.localiser), (grader, bundle.grader)):
        assert not loaded.training
        for name, value in mine.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], value)


def test_one_changed_byte_of_the_weights_is_refused(tmp_path: Path) -> None:
    write_small(tmp_path)
    content = bytearray((tmp_path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleError, match="not those of its card"):
        load_bundle(tmp_path)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    write_small(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    card["architecture"]["grader"]["embedding"] = 16
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(BundleError, match="do not fit its card"):
        load_bundle(tmp_path)


def test_the_shipped_bundle_loads() -> None:
    bundle = load_bundle()
    assert bundle.identity.version
