"""From what screening a study found to the finished objects: the room's one entrance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from inference.findings import StudyReport
from inference.volume import Volume
from listener.results.capture import secondary_capture
from listener.results.errors import ResultError
from listener.results.identity import IMPLEMENTATION_CLASS_UID, Product, result_key
from listener.results.outcome import outcome_of
from listener.results.overview import draw_overview
from listener.results.report import structured_report
from listener.results.statement import Statement
from listener.results.study_context import study_context


class ResultKind(StrEnum):
    """What a result object is for."""

    REPORT = "report"
    OVERVIEW = "overview"


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One finished object: its identity, and the data set with its file meta information."""

    kind: ResultKind
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    dataset: Dataset

    def to_bytes(self) -> bytes:
        """Return the object as a DICOM file (PS3.10); the same object always gives the same bytes."""
        buffer = BytesIO()
        dcmwrite(buffer, self.dataset, enforce_file_format=True)
        return buffer.getvalue()


def build_results(
    report: StudyReport,
    volume: Volume | None,
    headers: Sequence[Dataset],
    created_at: datetime,
    product: Product,
) -> tuple[Result, ...]:
    """Make the Structured Report and the overview picture of a study.

    Parameters
    ----------
    report : what was found, or why nothing was analysed
    volume : the series that was screened; may be None where no vertebra was assessed
    headers : pixel-less data sets of the images screened, or of any images of the study where none was
    created_at : written as the objects' dates and times; the UIDs do not depend on it
    product : the release that speaks

    Raises
    ------
    ResultError : no image can be referenced, or the images mix studies or patients
    """
    statement = statement_of(report, volume, headers, created_at, product)
    document = structured_report(statement)
    picture = draw_overview(report, statement.outcome, volume, product)
    capture = secondary_capture(statement, picture)
    return _result(ResultKind.REPORT, document, product), _result(ResultKind.OVERVIEW, capture, product)


def statement_of(
    report: StudyReport,
    volume: Volume | None,
    headers: Sequence[Dataset],
    created_at: datetime,
    product: Product,
) -> Statement:
    """Gather all that the objects state; same arguments and errors as `build_results`."""
    if report.assessed and (volume is None or not volume.sources):
        raise ResultError("vertebrae were assessed, but the images they were seen on are not known")
    context = study_context(report.study_instance_uid, headers, volume)
    return Statement(
        report=report,
        outcome=outcome_of(report),
        volume=volume,
        context=context,
        key=result_key(report, context.sop_instance_uids),
        product=product,
        created_at=created_at,
    )


def _result(kind: ResultKind, dataset: Dataset, product: Product) -> Result:
    dataset.file_meta = _file_meta(dataset, product)
    return Result(
        kind=kind,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        dataset=dataset,
    )


def _file_meta(dataset: Dataset, product: Product) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = f"FAINTLINE {product.version}"[:16]
    return meta
