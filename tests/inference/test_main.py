"""``python -m inference FOLDER`` prints one JSON object, or a plain message."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.__main__ import main
from training.phantom import demo_study


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_findings_of_a_phantom_are_one_json_object(tmp_path: Path) -> None:
    demo_study(tmp_path / "study")
    done = run(tmp_path / "study")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["series_instance_uid"] == report["series_choice"][0]["series_instance_uid"]
    assert report["series_choice"][0]["verdict"] == "chosen"
    assert report["series_choice"][0]["reason"]
    assert set(report["model"]) == {"name", "version", "weights_sha256"}
    assert report["findings"]
    for finding in report["findings"]:
        assert len(finding["centre_lps_mm"]) == 3
        assert 0 <= finding["level_confidence"] <= 1
        if not finding["assessed"]:
            assert finding["not_assessed_because"]
            continue
        assert finding["grade"] in {0, 1, 2, 3}
        assert (
            0 <= finding["probability"]["grade_2_or_more"] <= finding["probability"]["grade_1_or_more"] <= 1
        )
        assert set(finding["heights_mm"]) == {"anterior", "middle", "posterior"}
        assert isinstance(finding["height_loss_percent"], float)


@pytest.mark.parametrize(("folder", "expected"), [(".", "studies"), ("nowhere", "is no folder")])
def test_a_folder_without_a_study_gives_a_message_and_no_report(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: str,
    expected: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["inference", str(tmp_path / folder)])
    assert main() == 1
    printed = capsys.readouterr()
    assert printed.out == "" and expected in printed.err
