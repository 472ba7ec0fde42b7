"""From what screening a study found to the finished objects: the room's one entrance."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from inference.findings import StudyReport
from inference.volume import Volume
from listener.results.capture import secondary_capture
from listener.results.errors import ResultError
from listener.results.identity import IMPLEMENTATION_CLASS_UID, Product, result_key
from listener.results.kinds import USUAL, ResultKind
from listener.results.outcome import outcome_of
from listener.results.pictures import draw_pictures
from listener.results.report import structured_report
from listener.results.statement import EarlierReport, Statement
from listener.results.study_context import study_context


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One finished object: its identity, and the data set with its file meta information.

    ``name`` tells it from the other objects of its study: close-ups are several.
    """

    kind: ResultKind
    name: str
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
    kinds: Collection[ResultKind] = USUAL,
    earlier: tuple[EarlierReport, ...] = (),
) -> tuple[Result, ...]:
    """Make the objects that tell a study's result.

    Parameters
    ----------
    report : what was found, or why nothing was analysed
    volume : the series that was screened; may be None where no vertebra was assessed
    headers : pixel-less data sets of the images screened, or of any images of the study where none was
    created_at : written as the objects' dates and times; the UIDs do not depend on it
    product : the release that speaks
    kinds : what to make
    earlier : the reports of the version that this one supersedes

    Raises
    ------
    ResultError : no image can be referenced, or the images mix studies or patients
    """
    statement = statement_of(report, volume, headers, created_at, product, earlier)
    made = [
        _result(kind, kind, structured_report(statement, kind), product)
        for kind in (ResultKind.REPORT, ResultKind.PLAIN_REPORT)
        if kind in kinds
    ]
    for picture in draw_pictures(statement, kinds):
        capture = secondary_capture(statement, picture)
        made.append(_result(picture.kind, picture.name, capture, product))
    return tuple(made)


def statement_of(
    report: StudyReport,
    volume: Volume | None,
    headers: Sequence[Dataset],
    created_at: datetime,
    product: Product,
    earlier: tuple[EarlierReport, ...] = (),
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
        earlier=earlier,
    )


def _result(kind: ResultKind, name: str, dataset: Dataset, product: Product) -> Result:
    dataset.file_meta = _file_meta(dataset, product)
    return Result(
        kind=kind,
        name=name,
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
