"""Which pictures there are, what a close-up shows, and whether everybody can tell the colours apart."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from spine_cases import Study, study_of

from inference.findings import Grade
from listener.results.close_up import FIT, _around, draw_close_up
from listener.results.kinds import ResultKind
from listener.results.language import ENGLISH
from listener.results.marks import Panel, end_plates, six
from listener.results.notes import GRADE_COLOURS
from listener.results.page import PANEL_LEFT, PANEL_SIZE, PANEL_TOP
from listener.results.pictures import draw_pictures
from listener.results.reformat import Frame, Plane, framed
from listener.results.wording import captions

PROTANOPIA = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
TRITANOPIA = (
    (1.255528, -0.076749, -0.178779),
    (-0.078411, 0.930809, 0.147602),
    (0.004733, 0.691367, 0.303900),
)
"""What a linear RGB colour is seen as without one kind of cone (Machado, Oliveira, Fernandes 2009)."""


def names(study: Study) -> list[str]:
    return [picture.name for picture in study.pictures()]


def test_every_flagged_vertebra_has_a_close_up_and_no_other() -> None:
    assert names(study_of("three flagged")) == [
        "overview", "coronal", "close-up-1", "close-up-2", "close-up-4",
    ]  # fmt: skip
    assert names(study_of("negative")) == ["overview", "coronal"]


def test_a_study_without_anatomy_to_show_has_the_overview_only() -> None:
    assert names(study_of("not analysed")) == ["overview"]


def test_only_the_pictures_asked_for_are_drawn() -> None:
    drawn = draw_pictures(study_of("one flagged").statement(), {ResultKind.CLOSE_UPS})
    assert [picture.kind for picture in drawn] == [ResultKind.CLOSE_UPS]


def test_pictures_are_of_one_size_and_numbered_in_order(any_study: Study) -> None:
    drawn = any_study.pictures()
    assert {picture.pixels.shape for picture in drawn} == {(1020, 1188, 3)}
    assert [picture.number for picture in drawn] == list(range(1, len(drawn) + 1))
    for picture in drawn:
        ink = picture.pixels[:, 640:].max(axis=-1) > 0
        assert not ink[:104].any() and not ink[940:].any() and not ink[:, -40:].any()


def test_a_close_up_circles_the_six_points_and_leaves_their_middles_free() -> None:
    case = study_of("one flagged")
    finding = case.report.flagged[0]
    assert finding.assessment is not None
    picture = draw_close_up(case.statement(), finding)
    panel = Panel(frame_of(picture, case), PANEL_LEFT, PANEL_TOP)
    colour = np.array(GRADE_COLOURS[Grade.MODERATE])
    for point in six(finding.assessment.height_points).reshape(6, 3):
        column, row = (round(value) for value in panel.spot(point))
        around = picture[row - 8 : row + 9, column - 8 : column + 9].astype(int)
        assert (np.abs(around - colour).max(axis=-1) < 40).sum() > 15


def frame_of(picture: NDArray[np.uint8], case: Study) -> Frame:
    """The close-up's frame, made the way the close-up makes it."""
    shown = np.array([each.centre_lps_mm for each in _around(case.report, case.report.flagged[0])])
    assert case.volume is not None
    return framed(case.volume, shown, Plane.SAGITTAL, PANEL_SIZE, FIT)


def test_end_plates_go_through_their_points() -> None:
    finding = study_of("one flagged").report.flagged[0]
    assert finding.assessment is not None
    points = six(finding.assessment.height_points)
    panel = Panel(Frame(Plane.SAGITTAL, 600, 928, 0.2, -40.0, 0.0), 0, 0)
    for end, plate in enumerate(end_plates(points, panel)):
        assert np.allclose([plate[0], plate[6], plate[12]], [panel.spot(point) for point in points[:, end]])


def test_the_close_up_s_numbers_are_the_report_s() -> None:
    finding = study_of("one flagged").report.flagged[0]
    told = " ".join(captions.close_up(ENGLISH.words, finding, Grade.MODERATE).details)
    assert "Genant 2 (moderate), wedge, certainty 92%." in told
    assert "Height loss 31% (27-35%): lowest height 24.0 mm against 34.8 mm" in told


def test_a_lone_vertebra_has_a_close_up_without_neighbours() -> None:
    case = study_of("one flagged")
    alone = replace(case, report=replace(case.report, findings=case.report.findings[1:2]))
    assert draw_close_up(alone.statement(), alone.report.flagged[0]).any()


@pytest.mark.parametrize("cones", [PROTANOPIA, DEUTERANOPIA, TRITANOPIA])
def test_colours_can_be_told_apart_without_one_kind_of_cone(cones: tuple[tuple[float, ...], ...]) -> None:
    seen = {grade: _lab(np.array(cones) @ _linear(colour)) for grade, colour in GRADE_COLOURS.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 14, f"grades {one:d} and {other:d} look alike"


def _linear(colour: tuple[int, int, int]) -> NDArray[np.float64]:
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE 1976 L*a*b* of a linear sRGB colour (D65)."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
