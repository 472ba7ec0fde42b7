"""Patient and study attributes arrive as they came, whatever they are; mixed studies are refused."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from spine_cases import CREATED_AT, GERMAN, STUDY, Study, study_of

from listener.results.build import build_results
from listener.results.errors import MixedStudyError, NoImagesError, ResultError
from listener.results.identity import Product
from listener.results.language import ENGLISH, Language

PATIENT_NAME, PATIENT_ID, PATIENT_WEIGHT = 0x00100010, 0x00100020, 0x00101030
BIRTH_DATE, PATIENT_AGE = 0x00100030, 0x00101010


def as_read(header: Dataset, transfer_syntax: UID) -> Dataset:
    """A header as the receiver reads it from a file: elements still undecoded."""
    buffer = BytesIO()
    header.save_as(
        buffer, implicit_vr=transfer_syntax.is_implicit_VR, little_endian=True, enforce_file_format=False
    )
    buffer.seek(0)
    read = dcmread(buffer, force=True)
    read.file_meta.TransferSyntaxUID = transfer_syntax
    return read


def minimal(**attributes: object) -> Dataset:
    """An MR image with hardly a header."""
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = MRImageStorage, "1.2.3.4"
    header.StudyInstanceUID, header.SeriesInstanceUID = STUDY, "1.2.3"
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def reported_on(*headers: Dataset) -> Study:
    """The study that was not analysed, with other headers."""
    return replace(study_of("not analysed"), headers=headers)


def written(study: Study, language: Language = ENGLISH) -> list[Dataset]:
    results = build_results(
        study.report, study.volume, study.headers, CREATED_AT, Product("1.2.3"), language=language
    )
    return [dcmread(BytesIO(result.to_bytes())) for result in results]


@pytest.mark.parametrize("transfer_syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_an_ideographic_name_arrives_byte_for_byte(transfer_syntax: UID) -> None:
    header = minimal(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientID="1", IssuerOfPatientID="HOSPITAL")
    header.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    header.StudyDescription = "胸部CT"
    read = as_read(header, transfer_syntax)
    before = read.get_item(PATIENT_NAME).value
    for result in written(reported_on(read)):
        assert result.get_item(PATIENT_NAME).value == before
        assert result.PatientName == header.PatientName
        assert result.StudyDescription == "胸部CT"
        assert result.IssuerOfPatientID == "HOSPITAL"


def with_raw(values: dict[int, bytes]) -> Dataset:
    """A header with these bytes in place of what a library would write."""
    header = as_read(
        minimal(SpecificCharacterSet="ISO_IR 192", PatientID="x", PatientBirthDate="19500102",
                PatientWeight="70", PatientAge="076Y"),
        ExplicitVRLittleEndian,
    )  # fmt: skip
    for tag, value in values.items():
        element = header.get_item(tag)
        assert isinstance(element, RawDataElement)
        header[tag] = element._replace(value=value)
    return header


@pytest.mark.filterwarnings("ignore:Failed to decode byte string:UserWarning")
def test_bytes_that_break_their_character_set_and_dates_that_break_their_type_stay_as_they_are() -> None:
    header = with_raw({PATIENT_ID: b"\xff\xfe\x41 ", BIRTH_DATE: b"1950.01.02"})
    for result in written(reported_on(header)):
        assert result.get_item(PATIENT_ID).value == b"\xff\xfe\x41 "
        assert result.get_item(BIRTH_DATE).value == b"1950.01.02"


@pytest.mark.parametrize(
    ("tag", "value"),
    [(PATIENT_AGE, b"0Y"), (PATIENT_AGE, b"76 years"), (PATIENT_AGE, b""), (PATIENT_WEIGHT, b"70,5")],
)
@pytest.mark.parametrize("language", [ENGLISH, GERMAN], ids=["ascii", "unicode"])
def test_what_breaks_its_type_stays_as_the_archive_knows_it(
    tag: int, value: bytes, language: Language
) -> None:
    for result in written(reported_on(with_raw({tag: value})), language):
        assert (result.get_item(tag).value or b"").strip() == value


@settings(max_examples=25, deadline=None)
@given(name=st.text(st.characters(exclude_categories=["C"], exclude_characters="\\^="), max_size=40))
def test_any_name_in_unicode_arrives(name: str) -> None:
    read = as_read(minimal(SpecificCharacterSet="ISO_IR 192", PatientName=name), ExplicitVRLittleEndian)
    assert str(reported_on(read).document().PatientName) == str(read.PatientName)


def test_words_beyond_ascii_put_the_patient_s_names_beside_them_into_unicode() -> None:
    header = minimal(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientID="1")
    header.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    header.OtherPatientNames = ["Müller^X".replace("ü", "u"), "Yamada^T=山田^太"]
    header.StudyDescription = "胸部CT"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "胸部"
    header.ProcedureCodeSequence = [code]
    for transfer_syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        for result in written(reported_on(as_read(header, transfer_syntax)), GERMAN):
            assert result.SpecificCharacterSet == "ISO_IR 192"
            assert result.get_item(PATIENT_NAME).value.decode().strip() == str(header.PatientName)
            assert [str(name) for name in result.OtherPatientNames] == [
                str(name) for name in header.OtherPatientNames
            ]
            assert result.StudyDescription == "胸部CT"
            assert result.ProcedureCodeSequence[0].CodeMeaning == "胸部"
    report = written(reported_on(as_read(header, ExplicitVRLittleEndian)), GERMAN)[0]
    assert "für Forschung" in report.SeriesDescription


@pytest.mark.parametrize("named", ["ISO_IR 192", "ISO_IR 999", "", None])
@pytest.mark.filterwarnings("ignore:Failed to decode byte string:UserWarning")
@pytest.mark.filterwarnings("ignore:Unknown encoding 'ISO_IR 999':UserWarning")
def test_a_name_that_cannot_be_told_for_sure_keeps_its_bytes_and_the_words_are_english(
    named: str | None,
) -> None:
    plain = minimal(PatientID="M?ller", SpecificCharacterSet=named)
    header = as_read(plain, ExplicitVRLittleEndian)
    element = header.get_item(PATIENT_ID)
    assert isinstance(element, RawDataElement)
    header[PATIENT_ID] = element._replace(value=b"M\xfcller")
    for result in written(reported_on(header), GERMAN):
        assert result.get_item(PATIENT_ID).value.strip() == b"M\xfcller"
        assert "research use only" in result.SeriesDescription


def test_empty_and_missing_values_become_empty_ones() -> None:
    report, overview, *_ = written(reported_on(minimal(PatientName="", PatientID=None)))
    for result in (report, overview):
        for keyword in (
            "PatientName",
            "PatientID",
            "PatientBirthDate",
            "StudyID",
            "AccessionNumber",
            "StudyDate",
        ):
            assert keyword in result
            assert not result[keyword].value


def test_times_are_told_in_the_time_zone_of_the_study() -> None:
    case = reported_on(minimal(TimezoneOffsetFromUTC="-0500"))
    noon = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
    for result in build_results(case.report, None, case.headers, noon, Product("1.2.3")):
        assert (result.dataset.ContentDate, result.dataset.ContentTime) == ("20260304", "073000")


def test_a_source_without_its_sop_class_is_reported_on_by_its_file_header() -> None:
    header = minimal()
    del header.SOPClassUID
    header.file_meta = Dataset()  # type: ignore[assignment]
    header.file_meta.MediaStorageSOPClassUID = MRImageStorage
    (evidence,) = reported_on(header).document().CurrentRequestedProcedureEvidenceSequence
    item = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert item.ReferencedSOPClassUID == MRImageStorage


def test_images_of_two_patients_get_no_result() -> None:
    with pytest.raises(MixedStudyError):
        reported_on(minimal(PatientID="A"), minimal(PatientID="B", SOPInstanceUID="1.2.3.5")).results()


def test_images_of_another_study_get_no_result() -> None:
    with pytest.raises(MixedStudyError):
        reported_on(minimal(StudyInstanceUID="9.9")).results()


@pytest.mark.parametrize(
    "headers", [(), (Dataset(),), (minimal(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"),)]
)
def test_a_study_without_an_image_gets_no_result(headers: tuple[Dataset, ...]) -> None:
    with pytest.raises(NoImagesError):
        reported_on(*headers).results()


def test_findings_without_the_images_they_were_seen_on_get_no_result() -> None:
    with pytest.raises(ResultError):
        replace(study_of("negative"), volume=None).results()


def test_no_error_tells_who_the_patient_is() -> None:
    with pytest.raises(MixedStudyError) as caught:
        reported_on(
            minimal(PatientID="SECRET", PatientName="Roe"), minimal(PatientID="B", SOPInstanceUID="1.5")
        ).results()
    assert "SECRET" not in str(caught.value) and "Roe" not in str(caught.value)
