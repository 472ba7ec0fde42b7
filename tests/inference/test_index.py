import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ComprehensiveSRStorage, JPEGLSLossless
from synthetic_ct import axial_grid, header, save, write_series

from inference.errors import PatientMismatchError, SeveralStudiesError
from inference.index import index_files


def test_a_series_is_read_whatever_its_files_are_called(tmp_path: Path) -> None:
    for number, path in enumerate(write_series(tmp_path, axial_grid(4))):
        path.rename(tmp_path / ("IMG" + "0123"[3 - number]))
    index = index_files([tmp_path])
    assert [len(series.instances) for series in index.series] == [4]
    assert index.study_instance_uid == "2.25.1"


def test_headers_hold_everything_but_the_pixels(tmp_path: Path) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(2))
    found = index_files([path]).instances[0].header
    assert found.PatientID == "4711"
    assert found.Rows == 8
    assert "PixelData" not in found


def test_files_that_are_no_dicom_are_listed_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("spine")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(5000))
    index = index_files([tmp_path, tmp_path / "gone"])
    assert index.series == ()
    assert [(skipped.path.name, skipped.reason) for skipped in index.skipped] == [
        ("empty", "not a DICOM file"),
        ("notes.txt", "not a DICOM file"),
        ("zeros", "not a DICOM file"),
        ("gone", "no such file"),
    ]


def test_a_file_without_a_preamble_is_read(tmp_path: Path) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(2))
    path.write_bytes(path.read_bytes()[132:])
    assert index_files([path]).instances[0].refusal == ""


def test_a_file_cut_off_anywhere_is_a_reason_and_never_an_exception(tmp_path: Path) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(2))
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        index = index_files([path])
        assert index.skipped or index.instances[0].refusal, length


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", JPEGLSLossless])
def test_truncated_pixels_are_found_by_the_headers_alone(tmp_path: Path, syntax: str) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(2), transfer_syntax_uid=syntax)
    path.write_bytes(path.read_bytes()[:-10])
    assert index_files([path]).instances[0].refusal == "the pixel data is shorter than the header says"


def test_deflated_data_sets_are_refused_before_they_are_inflated(tmp_path: Path) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(2))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"))
    (skipped,) = index_files([path]).skipped
    assert "deflated" in skipped.reason


def test_the_same_instance_twice_counts_once(tmp_path: Path) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(3))
    (tmp_path / "copy").write_bytes(path.read_bytes())
    index = index_files([tmp_path])
    assert len(index.instances) == 3
    assert [skipped.reason for skipped in index.skipped] == ["the same instance again"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda ds: ds.__setattr__("Rows", 65535), "no CT"),
        (lambda ds: ds.__delattr__("ImageOrientationPatient"), "no image position"),
        (
            lambda ds: ds.__setattr__("ImageOrientationPatient", ["1", "0", "0", "1", "0", "0"]),
            "perpendicular",
        ),
        (lambda ds: ds.__setattr__("PixelSpacing", ["0", "1"]), "pixel spacing"),
        (lambda ds: ds.__setattr__("ImagePositionPatient", ["1e30", "0", "0"]), "out of all proportion"),
        (lambda ds: ds.__delattr__("RescaleSlope"), "no rescale"),
        (lambda ds: ds.__setattr__("RescaleType", "MGML"), "values are MGML"),
        (lambda ds: ds.__setattr__("SamplesPerPixel", 3), "colour"),
        (lambda ds: ds.__setattr__("BitsAllocated", 8), "16-bit"),
        (lambda ds: ds.__delattr__("BitsStored"), "BitsStored is missing"),
        (lambda ds: ds.__delattr__("PixelData"), "no pixel data"),
        (lambda ds: ds.__setattr__("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
        (lambda ds: ds.__setattr__("ImageType", ["DERIVED", "SECONDARY", "MIP"]), "computed picture"),
        (lambda ds: ds.__setattr__("BurnedInAnnotation", "YES"), "burned"),
        (lambda ds: ds.__setattr__("Modality", "PT"), "modality PT"),
        (lambda ds: ds.__setattr__("SOPClassUID", ComprehensiveSRStorage), "Comprehensive SR, not CT"),
    ],
)
def test_an_instance_that_is_no_slice_says_why(
    tmp_path: Path, change: Callable[[Dataset], None], says: str
) -> None:
    (path, *_) = write_series(tmp_path, axial_grid(2), change=lambda ds, number: change(ds))
    (instance,) = index_files([path]).instances
    assert says in instance.refusal
    assert instance.frames == ()


def test_a_file_that_names_no_study_is_skipped(tmp_path: Path) -> None:
    ds = header("", "2.25.2", 0)
    save(ds, tmp_path / "a")
    assert "no Study" in index_files([tmp_path]).skipped[0].reason


def test_a_missing_sop_class_is_taken_from_the_file_meta_information(tmp_path: Path) -> None:
    def forget(ds: Dataset, number: int) -> None:
        del ds.SOPClassUID

    write_series(tmp_path, axial_grid(2), change=forget)
    (instance, _) = index_files([tmp_path]).instances
    assert instance.refusal == ""
    assert instance.header.SOPClassUID == instance.sop_class_uid


def test_two_studies_are_told_apart(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(2), study_uid="2.25.10", series_uid="2.25.11")
    write_series(tmp_path, axial_grid(2), study_uid="2.25.20", series_uid="2.25.21")
    index = index_files([tmp_path])
    with pytest.raises(SeveralStudiesError, match="2 studies"):
        index.check_one_patient()
    assert [one.study_instance_uid for one in index.by_study()] == ["2.25.10", "2.25.20"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "9999"),
        ("PatientName", "Roe^Richard"),
        ("PatientBirthDate", "19991231"),
        ("IssuerOfPatientID", "ELSEWHERE"),
    ],
)
def test_two_patients_in_one_study_are_an_error_that_names_neither(
    tmp_path: Path, keyword: str, value: str
) -> None:
    def other(ds: Dataset, number: int) -> None:
        ds.IssuerOfPatientID = "HERE"
        if number == 1:
            setattr(ds, keyword, value)

    write_series(tmp_path, axial_grid(3), change=other)
    with pytest.raises(PatientMismatchError) as error:
        index_files([tmp_path]).check_one_patient()
    for secret in ("Doe", "Jane", "4711", "1940", value):
        assert secret not in str(error.value)


def test_the_same_patient_written_differently_is_one_patient(tmp_path: Path) -> None:
    def otherwise(ds: Dataset, number: int) -> None:
        ds.PatientName = ["Doe^Jane", "DOE^JANE^^^", "doe, jane"][number]
        ds.PatientBirthDate = ["19400101", "", "19400101"][number]

    write_series(tmp_path, axial_grid(3), change=otherwise)
    index_files([tmp_path]).check_one_patient()


@pytest.mark.real_data
def test_no_odd_or_broken_file_raises_and_each_is_accounted_for(real_data: Path) -> None:
    files = [path for path in (real_data / "edge").rglob("*") if path.is_file()]
    index = index_files(files)
    assert len(index.instances) + len(index.skipped) == len(files)
    assert all(bool(instance.refusal) != bool(instance.frames) for instance in index.instances)
    reasons = {skipped.path.name: skipped.reason for skipped in index.skipped}
    assert reasons["DIRFILE"] == "a DICOMDIR"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_a_file_that_the_machine_cannot_read_now_is_no_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "slice.dcm"
    path.write_bytes(bytes(200))

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OSError, match=str(number)):
        index_files([path])
