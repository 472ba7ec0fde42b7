"""The demo study: the promised fractures, valid axial DICOM, and always the same."""

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from inference.levels import LEVELS
from inference.volume import Grid
from training.phantom import SeriesHeader, VertebraTruth, demo_study, write_dicom


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[VertebraTruth, ...]]:
    folder = tmp_path_factory.mktemp("demo") / "study"
    return folder, demo_study(folder)


def test_the_demo_has_one_fracture_of_each_grade(study: tuple[Path, tuple[VertebraTruth, ...]]) -> None:
    truths = study[1]
    assert tuple(truth.level for truth in truths) == LEVELS[LEVELS.index("T8") :]
    fractured = {truth.level: int(truth.grade) for truth in truths if truth.grade}
    assert fractured == {"T12": 3, "L2": 2, "L4": 1}
    assert max(truth.raw_loss for truth in truths if not truth.grade) < 0.18


def test_the_demo_is_one_evenly_spaced_axial_series(study: tuple[Path, tuple[VertebraTruth, ...]]) -> None:
    folder, truths = study
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(folder.iterdir())]
    assert len({h.SeriesInstanceUID for h in headers}) == len({h.StudyInstanceUID for h in headers}) == 1
    assert len({h.SOPInstanceUID for h in headers}) == len(headers)
    places = np.array([h.ImagePositionPatient for h in headers], dtype=float)
    assert np.allclose(np.diff(places[:, 2]), 2.0)
    assert np.allclose(places[:, :2], places[0, :2])
    assert places[0, 2] < truths[-1].centre_lps_mm[2] < truths[0].centre_lps_mm[2] < places[-1, 2]
    assert {str(h.PatientName) for h in headers} == {"PHANTOM^FAINTLINE"}


def test_the_pixels_are_bone_where_the_truths_say(study: tuple[Path, tuple[VertebraTruth, ...]]) -> None:
    folder, truths = study
    slices = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    first = slices[0]
    for truth in truths[:-1]:
        x, y, z = truth.centre_lps_mm
        at = slices[round((z - first.ImagePositionPatient[2]) / 2.0)]
        row = round((y - first.ImagePositionPatient[1]) / first.PixelSpacing[0])
        column = round((x - first.ImagePositionPatient[0]) / first.PixelSpacing[1])
        body = at.pixel_array[row - 3 : row + 4, column - 3 : column + 4]
        assert 60 < body.mean() < 600


def test_the_demo_is_the_same_every_time() -> None:
    header = SeriesHeader("demo")
    assert header.uid("study") == SeriesHeader("demo").uid("study")
    assert header.uid("study") != SeriesHeader("other").uid("study")
    assert header.uid("instance", 1, 2) != header.uid("instance", 1, 3)


def test_a_grid_that_is_not_axial_is_refused(tmp_path: Path) -> None:
    sagittal = Grid((2, 3, 4), np.eye(4))
    with pytest.raises(ValueError, match="axial"):
        write_dicom(tmp_path, np.zeros((2, 3, 4), np.int16), sagittal, SeriesHeader("test"))


@pytest.mark.peers
def test_dciodvfy_finds_no_error(study: tuple[Path, tuple[VertebraTruth, ...]]) -> None:
    for path in sorted(study[0].iterdir())[::60]:
        told = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
        assert "Error" not in told.stdout + told.stderr
