"""The demo study: the promised fractures, valid axial DICOM, and always the same."""

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from inference.index import index_files
from inference.levels import LEVELS
from inference.reading import read_volume
from inference.series import choose_series
from inference.volume import Affine, Grid, Volume, sample
from training.phantom import (
    SceneOptions,
    SeriesHeader,
    VertebraTruth,
    demo_study,
    draw_scene,
    grid_over,
    render,
    tilted,
    write_dicom,
)


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


def test_a_tilted_gantry_shows_the_same_patient_and_reads_back_as_tilted(tmp_path: Path) -> None:
    scene = draw_scene(SceneOptions(levels=("L1", "L3"), look_alike_share=0.0), np.random.default_rng(5))
    assert scene.spine_bounds_lps_mm is not None
    upright = grid_over(scene.spine_bounds_lps_mm, (3.0, 2.0, 2.0))
    leaning = tilted(upright, 17.0)
    straight, sheared = (Volume(render(scene, grid), grid.affine, 3.0) for grid in (upright, leaning))
    centre = np.array(scene.truths[LEVELS.index("L2")].centre_lps_mm)
    around = Grid((9, 15, 15), _grid_at(centre, 2.0))
    difference = sample(straight, around).astype(float) - sample(sheared, around)
    assert np.abs(np.median(difference)) < 5
    assert np.corrcoef(sample(straight, around).ravel(), sample(sheared, around).ravel())[0, 1] > 0.85
    write_dicom(tmp_path, sheared.voxels, leaning, SeriesHeader("tilted"))
    choice = choose_series(index_files([tmp_path]))
    read = read_volume(choice.candidates[0])
    assert np.allclose(read.affine, leaning.affine, atol=1e-3)
    assert (read.voxels == sheared.voxels).all()
    header = pydicom.dcmread(next(tmp_path.iterdir()))
    assert float(header.GantryDetectorTilt) == pytest.approx(17.0)


def _grid_at(centre: np.ndarray[tuple[int, ...], np.dtype[np.float64]], step: float) -> Affine:
    affine = np.eye(4)
    affine[:3, :3] = step * np.eye(3)[::-1]
    affine[:3, 3] = centre - affine[:3, :3] @ np.array([4.0, 7.0, 7.0])
    return affine
