"""From a study report to a Structured Report: Comprehensive 3D SR, template TID 1500 (PS3.16)."""

from collections.abc import Sequence
from typing import Final

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from listener.results import codes
from listener.results.errors import NoImagesError
from listener.results.groups import Group, coverage_group, observer, vertebra_group
from listener.results.identity import REPORT_NAMES
from listener.results.kinds import ResultKind
from listener.results.outcome import Answer
from listener.results.region import Region, first_region, vertebra_region, whole_image
from listener.results.statement import Statement, put_origin
from listener.results.study_context import StudyContext
from listener.study import EarlierReport

SERIES_NUMBER: Final = 9001

_LIBRARY_NEEDS: Final = (
    "Modality", "Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient",
    "SliceThickness",
)  # fmt: skip


_DOCUMENTS: Final = {
    ResultKind.REPORT: sr.Comprehensive3DSR,
    ResultKind.PLAIN_REPORT: sr.ComprehensiveSR,
}


def structured_report(statement: Statement, kind: ResultKind = ResultKind.REPORT) -> Dataset:
    """Return the report as a data set; ``kind`` is one of `kinds.REPORTS`, the content the same in both."""
    context, key = statement.context, statement.key
    make, name = _DOCUMENTS[kind], REPORT_NAMES[kind]
    groups = _groups(statement)
    shown = {region.source.sop_instance_uid for _, region in groups}
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer(statement.product)),
        procedure_reported=codes.CT_UNSPECIFIED_REGION,
        imaging_measurements=[group for group, _ in groups],
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(_language(statement)),
        referenced_images=_library(context, shown) or None,
    )
    document: Dataset = make(
        evidence=[_evidence(header, context) for header in context.headers],
        content=content[0],
        series_instance_uid=key.uid(f"{name} series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=key.uid(name),
        instance_number=1,
        manufacturer=None,
        is_complete=True,
        is_final=False,
        is_verified=False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description=statement.words.text("short.report"),
    )
    put_origin(document, statement)
    document.CodingSchemeIdentificationSequence = [codes.scheme_declaration()]
    earlier = [each for each in statement.earlier if each.sop_class_uid == document.SOPClassUID]
    if earlier:
        document.PredecessorDocumentsSequence = [_predecessor(each, context) for each in earlier]
    return document


def _language(statement: Statement) -> sr.CodedConcept:
    words = statement.words
    return sr.CodedConcept(words.text("language.code"), "RFC5646", words.text("language.meaning"))


def _predecessor(earlier: EarlierReport, context: StudyContext) -> Dataset:
    """The report that this one supersedes (PS3.3 C.17.2, Predecessor Documents Sequence)."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = earlier.sop_class_uid
    instance.ReferencedSOPInstanceUID = earlier.sop_instance_uid
    series.SeriesInstanceUID = earlier.series_instance_uid
    series.ReferencedSOPSequence = [instance]
    study.StudyInstanceUID = context.study_instance_uid
    study.ReferencedSeriesSequence = [series]
    return study


def _groups(statement: Statement) -> list[tuple[Group, Region]]:
    """The vertebrae first, then how far the answer reaches unless the vertebrae say it all."""
    outcome, volume = statement.outcome, statement.volume
    groups = []
    if outcome.answer is Answer.NOT_ANALYSED or volume is None:
        region = _any_image(statement.context)
    else:
        region = first_region(outcome.assessed, volume)
        for finding in (*outcome.flagged, *outcome.possible):
            own = vertebra_region(finding, volume)
            groups.append((vertebra_group(statement, finding, own), own))
    if outcome.answer is not Answer.FLAGGED or outcome.is_partial or statement.remarks:
        groups.append((coverage_group(statement, region), region))
    return groups


def _any_image(context: StudyContext) -> Region:
    """The middle one of the images whose size is known, or of all images.

    Raises
    ------
    NoImagesError : the study holds documents, plans or objects of unknown classes only
    """
    images = [header for header in context.headers if _is_image(context.sop_class_uid(header))]
    if not images:
        raise NoImagesError("the study has no image that a report could refer to")
    sized = [header for header in images if header.get("Rows") and header.get("Columns")] or images
    header = sized[len(sized) // 2]
    return whole_image(header, context.sop_class_uid(header))


def _is_image(sop_class_uid: str) -> bool:
    uid = UID(sop_class_uid)
    return "ImageStorage" in uid.keyword and not uid.is_retired


def _evidence(header: Dataset, context: StudyContext) -> Dataset:
    """What the evidence sequence needs of an image; the rest is copied by `put_in_study`, untouched."""
    item = Dataset()
    item.SOPInstanceUID = header.SOPInstanceUID
    item.SOPClassUID = context.sop_class_uid(header)
    item.StudyInstanceUID = context.study_instance_uid
    item.SeriesInstanceUID = header.SeriesInstanceUID
    for keyword in (
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "AccessionNumber",
        "StudyID",
    ):
        setattr(item, keyword, "")
    item.StudyDate = item.StudyTime = None
    return item


def _library(context: StudyContext, shown: set[str]) -> Sequence[Dataset]:
    """The images that regions lie on, where their headers tell all that TID 1600 asks for."""
    headers = [header for header in context.headers if str(header.SOPInstanceUID) in shown]
    return [header for header in headers if all(header.get(need) for need in _LIBRARY_NEEDS)]
