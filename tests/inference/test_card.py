"""The card is read without torch and trusted only as far as its weights' hash."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.card import CARD, DEFAULT_BUNDLE, WEIGHTS, read_card, verify
from inference.errors import BundleError


def write_folder(folder: Path, content: bytes = b"weights", **changed: Any) -> Path:
    values: dict[str, Any] = {
        "name": "test",
        "version": "1",
        "notice": "for research use only",
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "architecture": {},
        "calibration": {
            "slope": [1, 1, 1],
            "loss_slope": [0, 0, 0],
            "bias": [0, 0, 0],
            "loss_half_width": 0.1,
        },
        "operating_point": {
            "grade": [0.4, 0.5, 0.5],
            "centre": 0.3,
            "level_temperature": 2.0,
            "level_confidence": 0.5,
        },
        "trained_on": [],
        "measured_on": [],
    } | changed
    (folder / CARD).write_text(json.dumps(values))
    (folder / WEIGHTS).write_bytes(content)
    return folder


def test_a_whole_bundle_is_verified_and_names_its_model(tmp_path: Path) -> None:
    card = verify(write_folder(tmp_path))
    assert card.identity.name == "test"
    assert card.identity.weights_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert card.operating_point.grade == (0.4, 0.5, 0.5)


def test_weights_with_another_hash_are_refused_in_plain_words(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"other")
    with pytest.raises(BundleError, match="are not those of its card"):
        verify(tmp_path)


@pytest.mark.parametrize("missing", ["version", "weights_sha256", "calibration", "operating_point"])
def test_an_incomplete_card_is_refused(tmp_path: Path, missing: str) -> None:
    write_folder(tmp_path)
    values = json.loads((tmp_path / CARD).read_text())
    del values[missing]
    (tmp_path / CARD).write_text(json.dumps(values))
    with pytest.raises(BundleError, match="incomplete"):
        read_card(tmp_path)


def test_a_folder_without_card_or_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no readable card"):
        read_card(tmp_path)
    write_folder(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(BundleError, match="no readable weights"):
        verify(tmp_path)


def test_the_shipped_bundle_is_small_verified_and_says_what_it_is() -> None:
    card = verify(DEFAULT_BUNDLE)
    assert sum(path.stat().st_size for path in DEFAULT_BUNDLE.iterdir()) < 12_000_000
    assert "RESEARCH USE ONLY" in card.notice
    assert any("CC BY-SA 4.0" in entry["licence"] for entry in card.trained_on)
    assert card.measured_on


def test_reading_a_card_loads_no_torch() -> None:
    code = "import sys, inference.card as c; c.verify(c.DEFAULT_BUNDLE); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
