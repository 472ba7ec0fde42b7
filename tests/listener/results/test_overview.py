"""The picture: what is in it, where it is, and the Secondary Capture that carries it."""

from copy import deepcopy
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from spine_cases import GERMAN, Study, spine, study_of, vertebra, volume_of

from inference.findings import Grade, VertebraFinding
from inference.levels import LUMBAR, THORACIC
from inference.volume import Volume
from listener.results.close_up import draw_close_up
from listener.results.language import ENGLISH, Language
from listener.results.notes import GRADE_COLOURS, fitted, notes, spread
from listener.results.overview import draw_overview
from listener.results.page import NOTES_BOTTOM
from listener.results.reformat import Fit, Frame, Plane, cut, framed
from listener.results.statement import Statement


def drawn(study: Study) -> NDArray[np.uint8]:
    return study.pictures()[0].pixels


def coloured(picture: NDArray[np.uint8], grade: Grade) -> int:
    """How many pixels are about the colour of a grade."""
    away = np.abs(picture.astype(int) - GRADE_COLOURS[grade]).max(axis=-1)
    return int((away < 24).sum())


def test_the_picture_stores_and_reads_back(any_study: Study) -> None:
    capture = dcmread(BytesIO(any_study.results()[1].to_bytes()))
    assert np.array_equal(capture.pixel_array, drawn(any_study))
    assert (capture.Modality, capture.ConversionType, capture.BurnedInAnnotation) == ("OT", "WSD", "YES")
    assert capture.ImageComments == "FOR RESEARCH USE ONLY"
    assert "PixelSpacing" not in capture and "FrameOfReferenceUID" not in capture
    sources = {item.ReferencedSOPInstanceUID for item in capture.SourceImageSequence}
    assert sources == {header.SOPInstanceUID for header in any_study.headers}


def test_the_corners_and_edges_stay_free_of_text(any_study: Study) -> None:
    ink = drawn(any_study)[:, 640:].max(axis=-1) > 0
    assert not ink[:104].any() and not ink[940:].any() and not ink[:, -40:].any()


@pytest.mark.parametrize("language", [ENGLISH, GERMAN], ids=["english", "german"])
def test_no_line_runs_into_the_edge_however_much_there_is_to_say(language: Language) -> None:
    findings = [replace(vertebra(i, Grade((2, 1, 3, 2, 1)[i])), level=None) for i in range(4)]
    findings.append(replace(vertebra(4, missed="the end plates could not be placed"), level=None))
    findings[1] = replace(vertebra(1, Grade.MODERATE), level_confidence=0.5)
    case = study_of("negative")
    statement = replace(case, report=replace(case.report, findings=tuple(findings))).statement(language)
    for picture in (draw_overview(statement), draw_close_up(statement, findings[0])):
        assert not (picture[:, -40:].max(axis=-1) > 0).any()


def test_the_patient_is_not_in_the_picture() -> None:
    case = study_of("one flagged")
    renamed = replace(case, headers=tuple(replace_name(header) for header in case.headers))
    assert case.results()[1].dataset.PixelData == renamed.results()[1].dataset.PixelData


def replace_name(header: Dataset) -> Dataset:
    other = deepcopy(header)
    other.PatientName, other.PatientID = "Roe^Richard", "9999"
    return other


@pytest.mark.parametrize("kind", ["one flagged", "three flagged", "possible"])
def test_a_grade_is_drawn_in_its_colour_and_only_where_it_was_found(kind: str) -> None:
    picture, found = (
        drawn(study_of(kind)),
        {f.assessment.grade for f in study_of(kind).report.assessed if f.assessment},
    )
    for grade in (Grade.MILD, Grade.MODERATE, Grade.SEVERE):
        assert (coloured(picture, grade) > 300) == (grade in found)


def test_a_negative_has_no_alarming_colour() -> None:
    picture = drawn(study_of("negative"))
    assert all(coloured(picture, grade) == 0 for grade in (Grade.MILD, Grade.MODERATE, Grade.SEVERE))
    assert coloured(picture, Grade.NORMAL) > 300


def whole(volume: Volume, centres: NDArray[np.float64], plane: Plane = Plane.SAGITTAL) -> Frame:
    return framed(volume, centres, plane, (600, 928), Fit())


def test_the_reformat_is_to_scale() -> None:
    case = study_of("negative")
    assert case.volume is not None
    frame = whole(case.volume, np.array([[0.0, 10.0, -200.0]]))
    top, low = frame.to_pixel(np.array([[0.0, 0.0, -150.0], [0.0, 10.0, -200.0]]))
    assert np.allclose((low - top) * frame.pixel_mm, [10.0, 50.0])


def test_the_reformat_follows_a_scoliosis() -> None:
    case = study_of("negative")
    assert case.volume is not None
    ramp = np.broadcast_to(
        10 * np.arange(case.volume.voxels.shape[2], dtype=np.int16), case.volume.voxels.shape
    )
    sideways = replace(case.volume, voxels=ramp.copy())
    centres = np.array([finding.centre_lps_mm for finding in case.report.findings]) * [3, 1, 1]
    frame = whole(sideways, centres)
    hu = cut(sideways, centres, frame)
    for centre, (column, row) in zip(centres, frame.to_pixel(centres), strict=True):
        assert hu[round(row), round(column)] == pytest.approx(10 * sideways.to_index(centre)[2], abs=5)


def test_the_view_from_the_front_follows_a_kyphosis_and_has_the_left_side_on_its_right() -> None:
    case = study_of("negative")
    assert case.volume is not None
    shape = case.volume.voxels.shape
    ramp = np.broadcast_to(10 * np.arange(shape[1], dtype=np.int16)[:, None], shape)
    backwards = replace(case.volume, voxels=ramp.copy())
    centres = np.array([finding.centre_lps_mm for finding in case.report.findings])
    frame = whole(backwards, centres, Plane.CORONAL)
    hu = cut(backwards, centres, frame)
    for centre, (column, row) in zip(centres, frame.to_pixel(centres), strict=True):
        assert hu[round(row), round(column)] == pytest.approx(10 * backwards.to_index(centre)[1], abs=5)
    right, left = frame.to_pixel(np.array([[-20.0, 0.0, -200.0], [20.0, 0.0, -200.0]]))
    assert right[0] < left[0]


def test_a_sheared_volume_needs_no_special_case() -> None:
    voxels, affine = spine()
    tilted = affine.copy()
    tilted[1, 0] = 0.8
    volume = replace(volume_of(study_of("negative").headers), voxels=voxels.copy(), affine=tilted)
    centre = volume.to_lps(np.array([[66.0, 50.0, 56.0]]))
    frame = whole(volume, centre)
    column, row = frame.to_pixel(centre)[0]
    assert cut(volume, centre, frame)[round(row), round(column)] == pytest.approx(
        volume.voxels[66, 50, 56], abs=60
    )


@given(st.lists(st.tuples(st.floats(-200, 1200), st.floats(15, 60)), max_size=8))
def test_notes_never_touch_and_stay_inside(wanted: list[tuple[float, float]]) -> None:
    wanted.sort()
    heights = [height for _, height in wanted]
    tops = spread([want for want, _ in wanted], heights, 200, 860)
    edges = [(top, top + height) for top, height in zip(tops, heights, strict=True)]
    assert all(top >= 200 - 1e-6 and foot <= 860 + 1e-6 for top, foot in edges)
    assert all(after[0] - before[1] >= -1e-6 for before, after in pairwise(edges))


def statement_of(*findings: VertebraFinding) -> Statement:
    case = study_of("negative")
    return replace(case, report=replace(case.report, findings=findings)).statement()


def test_many_notes_shrink_to_one_line_each_and_lose_no_number() -> None:
    shown = fitted(notes(statement_of(*(vertebra(i, Grade.SEVERE) for i in range(5))), 440), 200)
    assert [note.details for note in shown] == [()] * 5
    assert all(told in shown[0].titles[0] for told in ("Genant 3", "47%", ">99%"))


def test_a_note_for_every_level_of_the_spine_fits_beside_the_picture() -> None:
    whole = (replace(vertebra(0, Grade.SEVERE), level=level) for level in (*THORACIC, *LUMBAR))
    shown = fitted(notes(statement_of(*whole), 440), 600)
    assert sum(note.height for note in shown) <= NOTES_BOTTOM - 300
