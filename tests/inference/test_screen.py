"""Whole studies through the whole of inference, with the shipped bundle."""

from pathlib import Path

import numpy as np
import pytest

from inference.bundle import Bundle
from inference.errors import SeveralStudiesError
from inference.screen import screen_files
from training.phantom import demo_study


@pytest.mark.slow
def test_the_severe_fractures_of_a_phantom_study_are_flagged_and_nothing_normal_is(
    tmp_path: Path, bundle: Bundle
) -> None:
    truths = {truth.level: truth for truth in demo_study(tmp_path / "study")}
    screening = screen_files((tmp_path / "study").rglob("*"), bundle)
    report = screening.report
    assert report.not_analysed is None
    assert screening.volume is not None
    assert len(screening.headers) == len(screening.volume.voxels)
    severe = {level for level, truth in truths.items() if truth.grade == 3}
    flagged = {finding.level for finding in report.flagged}
    assessed = {finding.level for finding in report.assessed}
    assert severe & assessed
    assert severe & assessed <= flagged
    assert not {level for level in flagged if level in truths and truths[level].grade == 0}


def test_a_folder_without_images_cannot_be_screened(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "readme.txt").write_text("no DICOM")
    with pytest.raises(SeveralStudiesError):
        screen_files(tmp_path.iterdir(), bundle)


@pytest.mark.real_data
def test_a_real_chest_ct_is_screened_and_its_series_named(real_data: Path, bundle: Bundle) -> None:
    report = screen_files((real_data / "ct/lidc_0001").iterdir(), bundle).report
    assert report.not_analysed is None
    assert report.series_instance_uid == report.series_choice[0].series_instance_uid
    assert len(report.assessed) >= 8


@pytest.mark.real_data
def test_a_real_bent_chest_is_found_to_its_top_and_no_body_counts_twice(
    real_data: Path, bundle: Bundle
) -> None:
    report = screen_files((real_data / "ct/lidc_0314").iterdir(), bundle).report
    assert len(report.assessed) >= 12
    places = np.array([finding.centre_lps_mm for finding in report.assessed])
    steps_mm = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert steps_mm.min() > 14 and steps_mm.max() < 32
    assert not report.goes_on


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["edge/gantry_tilt_ge", "edge/compressed_ct"])
def test_a_study_that_shows_no_spine_says_why_it_was_not_analysed(
    real_data: Path, bundle: Bundle, folder: str
) -> None:
    files = [path for path in (real_data / folder).rglob("*") if path.is_file()]
    try:
        report = screen_files(files, bundle).report
    except SeveralStudiesError:
        pytest.skip("these samples are several studies")
    assert report.not_analysed
    assert report.findings == ()
