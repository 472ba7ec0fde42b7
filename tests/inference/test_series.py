from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage
from synthetic_ct import Grid, axial_grid, write_enhanced, write_series

from inference.errors import PatientMismatchError, SeveralStudiesError
from inference.findings import Verdict
from inference.index import index_files
from inference.series import SeriesChoice, choose_series, shear_degrees


def choose(folder: Path) -> SeriesChoice:
    """Choose among everything in a folder."""
    return choose_series(index_files([folder]))


def only_reason(folder: Path) -> str:
    """The reason of the only series in a folder, which must be rejected."""
    (verdict,) = choose(folder).verdicts
    assert verdict.verdict is Verdict.REJECTED
    return verdict.reason


def sagittal_grid(slices: int = 40) -> Grid:
    grid = axial_grid(slices)
    return Grid(grid.affine[[2, 0, 1, 3]], grid.shape)


def test_an_axial_series_is_chosen_and_described(tmp_path: Path) -> None:
    def describe(ds: Dataset, number: int) -> None:
        ds.ConvolutionKernel, ds.ContrastBolusAgent = "STANDARD", "Iohexol"

    write_series(tmp_path, axial_grid(40), change=describe)
    choice = choose(tmp_path)
    (verdict,) = choice.verdicts
    assert verdict.verdict is Verdict.CHOSEN
    assert verdict.instances == 40
    assert verdict.series_number == 2
    assert verdict.reason == "40 axial slices every 3 mm cover 120 mm, kernel STANDARD, with contrast agent"
    assert choice.reason_for_none == ""


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        (axial_grid(12, 5), "12 slices cover 60 mm, at least 80 mm and 20 slices are needed"),
        (axial_grid(60, 1), "60 slices cover 60 mm"),
        (axial_grid(30, 7.5), "slice spacing 7.5 mm exceeds 5 mm"),
        (axial_grid(1), "1 slice covers 0 mm"),
        (sagittal_grid(), "not axial: slices are turned by 90°"),
    ],
)
def test_geometry_that_cannot_be_screened_is_rejected_with_numbers(
    tmp_path: Path, grid: Grid, says: str
) -> None:
    write_series(tmp_path, grid)
    assert says in only_reason(tmp_path)


@pytest.mark.parametrize(
    ("keyword", "value", "says"),
    [
        ("SliceThickness", "10", "slice thickness 10 mm exceeds 6 mm"),
        ("BodyPartExamined", "HEAD", "the header names HEAD as the body part"),
        ("Modality", "MR", "modality MR, not CT"),
        ("SOPClassUID", MRImageStorage, "MR Image, not CT images"),
        ("SOPClassUID", SecondaryCaptureImageStorage, "Secondary Capture Image, not CT images"),
        ("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"], "localizer"),
    ],
)
def test_what_is_no_trunk_ct_is_rejected(tmp_path: Path, keyword: str, value: object, says: str) -> None:
    write_series(tmp_path, axial_grid(40), change=lambda ds, number: setattr(ds, keyword, value))
    assert says in only_reason(tmp_path)


def test_overlapping_thick_slices_are_usable(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(99, 4.25), change=lambda ds, number: setattr(ds, "SliceThickness", "5"))
    assert choose(tmp_path).verdicts[0].verdict is Verdict.CHOSEN


def test_a_short_lumbar_crop_is_usable(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(86, 1.0))
    assert choose(tmp_path).verdicts[0].verdict is Verdict.CHOSEN


def test_localizers_inside_a_series_are_left_out(tmp_path: Path) -> None:
    def two_localizers(ds: Dataset, number: int) -> None:
        if number < 2:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path, axial_grid(40), change=two_localizers)
    choice = choose(tmp_path)
    assert len(choice.candidates[0].slices) == 38
    assert choice.verdicts[0].reason.endswith("; left out: 2 × localizer")


def test_every_series_has_a_verdict_and_the_thin_original_one_is_chosen(tmp_path: Path) -> None:
    def series(number: int, uid: str, grid: Grid, **changes: object) -> None:
        def change(ds: Dataset, _slice: int) -> None:
            ds.SeriesNumber = number
            for keyword, value in changes.items():
                setattr(ds, keyword, value)

        write_series(tmp_path, grid, series_uid=uid, change=change)

    series(1, "2.25.31", axial_grid(2), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    series(2, "2.25.32", axial_grid(30, 5), SliceThickness="5")
    series(3, "2.25.33", axial_grid(90, 1))
    series(4, "2.25.34", axial_grid(90, 1), ConvolutionKernel="BONEPLUS")
    series(5, "2.25.35", axial_grid(90, 1), ImageType=["DERIVED", "SECONDARY", "REFORMATTED"])
    series(6, "2.25.36", sagittal_grid(20))
    series(7, "2.25.37", axial_grid(2), SOPClassUID=SecondaryCaptureImageStorage)
    choice = choose(tmp_path)
    found = {verdict.series_number: verdict.verdict for verdict in choice.verdicts}
    assert found == {
        1: Verdict.REJECTED,
        2: Verdict.USABLE,
        3: Verdict.CHOSEN,
        4: Verdict.USABLE,
        5: Verdict.USABLE,
        6: Verdict.REJECTED,
        7: Verdict.REJECTED,
    }
    assert [stack.lead.series_number for stack in choice.candidates] == [3, 4, 5, 2]
    assert all(verdict.reason for verdict in choice.verdicts)


def test_a_long_series_beats_a_thinner_one_that_shows_little(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(100, 3.0), series_uid="2.25.41")
    write_series(tmp_path, axial_grid(140, 0.6), series_uid="2.25.42")
    assert choose(tmp_path).candidates[0].series_instance_uid == "2.25.41"


def test_the_choice_does_not_depend_on_the_order_of_the_files(tmp_path: Path) -> None:
    paths = write_series(tmp_path, axial_grid(40), series_uid="2.25.51")
    paths += write_series(tmp_path, axial_grid(40), series_uid="2.25.52")
    one, other = choose_series(index_files(paths)), choose_series(index_files(reversed(paths)))
    assert one.verdicts == other.verdicts
    assert one.candidates[0].series_instance_uid == other.candidates[0].series_instance_uid


def test_an_enhanced_ct_is_usable(tmp_path: Path) -> None:
    write_enhanced(tmp_path, axial_grid(40), list(reversed(range(40))), ExplicitVRLittleEndian)
    assert choose(tmp_path).verdicts[0].verdict is Verdict.CHOSEN


def test_a_tilted_gantry_is_usable_and_named(tmp_path: Path) -> None:
    grid = axial_grid(40)
    grid.affine[1, 0] = 3.0 * 0.3
    write_series(tmp_path, grid)
    choice = choose(tmp_path)
    assert shear_degrees(choice.candidates[0]) == pytest.approx(16.7, abs=0.1)
    assert "gantry tilt 16.7°" in choice.verdicts[0].reason


def test_a_series_that_cannot_be_read_hands_over_to_the_next(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(40), series_uid="2.25.61")
    write_series(tmp_path, axial_grid(30), series_uid="2.25.62")
    again = choose(tmp_path).without_first("slice 3 cannot be decoded")
    assert [verdict.verdict for verdict in again.verdicts] == [Verdict.REJECTED, Verdict.CHOSEN]
    assert again.verdicts[0].reason == "slice 3 cannot be decoded"
    assert again.without_first("nor this").reason_for_none == (
        "no series can be screened: slice 3 cannot be decoded; nor this"
    )


def test_a_study_without_images_says_so(tmp_path: Path) -> None:
    assert choose(tmp_path).reason_for_none == "the study holds no images"


def test_nothing_is_chosen_from_two_patients_or_two_studies(tmp_path: Path) -> None:
    write_series(tmp_path / "a", axial_grid(40))
    write_series(
        tmp_path / "b", axial_grid(2), series_uid="2.25.9", change=lambda ds, n: setattr(ds, "PatientID", "1")
    )
    write_series(tmp_path / "c", axial_grid(2), series_uid="2.25.8", study_uid="2.25.7")
    with pytest.raises(PatientMismatchError):
        choose_series(index_files([tmp_path / "a", tmp_path / "b"]))
    with pytest.raises(SeveralStudiesError):
        choose_series(index_files([tmp_path / "a", tmp_path / "c"]))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "slices", "says"),
    [
        ("lidc_0314", 275, "275 axial slices every 1 mm cover 275 mm"),
        ("lidc_0001", 133, "133 axial slices every 2.5 mm cover 332 mm"),
        ("acrin_lumbar", 99, "99 axial slices every 4.25 mm cover 421 mm"),
    ],
)
def test_real_trunk_ct_is_chosen(real_data: Path, name: str, slices: int, says: str) -> None:
    choice = choose(real_data / "ct" / name)
    assert len(choice.candidates[0].slices) == slices
    assert choice.verdicts[0].reason.startswith(says)


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["gantry_tilt_ge", "philips_mixed", "bad_geometry", "compressed_ct", "pydicom_data"]
)
def test_every_odd_series_is_rejected_with_a_reason(real_data: Path, name: str) -> None:
    for study in index_files([real_data / "edge" / name]).by_study():
        choice = choose_series(study)
        assert choice.candidates == ()
        assert choice.reason_for_none
        assert all(verdict.verdict is Verdict.REJECTED and verdict.reason for verdict in choice.verdicts)
