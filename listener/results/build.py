"""From what screening a study found to the finished objects: the room's one entrance."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from inference.findings import StudyReport
from inference.volume import Volume
from listener.results.capture import secondary_capture
from listener.results.character_sets import in_unicode
from listener.results.document import encapsulated_pdf
from listener.results.errors import ResultError
from listener.results.identity import IMPLEMENTATION_CLASS_UID, Product, ResultKey, report_uids, result_key
from listener.results.key_objects import key_objects
from listener.results.kinds import PICTURES, USUAL, ResultKind
from listener.results.language import ENGLISH, Language
from listener.results.outcome import outcome_of
from listener.results.pictures import Picture, draw_pictures
from listener.results.presentation import presentation_state
from listener.results.report import structured_report
from listener.results.segmentation import segmentation
from listener.results.statement import Statement
from listener.results.study_context import StudyContext, study_context
from listener.study import EarlierReport


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One finished object: its identity, and the data set with its file meta information.

    ``key`` is the same for all objects of one result of a study; ``name`` tells them apart.
    """

    key: str
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
    kinds: frozenset[ResultKind] = USUAL,
    earlier: Sequence[EarlierReport] = (),
    language: Language = ENGLISH,
    removed: int = 0,
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
    earlier : what was reported on this study before, the latest last: that version this result supersedes
    language : the sentences; of a study whose patient's names cannot be decoded, results are in English
    removed : how many images of the study were screened before and are gone: this result is about the others

    Raises
    ------
    ResultError : no image can be referenced, or the images mix studies or patients
    """
    statement = statement_of(report, volume, headers, created_at, product, earlier, language, removed)
    return objects_of(statement, kinds)


def objects_of(statement: Statement, kinds: frozenset[ResultKind]) -> tuple[Result, ...]:
    """Give a statement its forms, those of ``kinds``."""
    made = [
        _result(statement, kind, kind, structured_report(statement, kind))
        for kind in (ResultKind.REPORT, ResultKind.PLAIN_REPORT)
        if kind in kinds
    ]
    drawn = draw_pictures(statement, kinds | PICTURES if ResultKind.PDF in kinds else kinds)
    captures = []
    for picture in drawn:
        if picture.kind in kinds:
            captures.append(secondary_capture(statement, picture))
            made.append(_result(statement, picture.kind, picture.name, captures[-1]))
    for kind, dataset in _optional(statement, kinds, drawn, captures):
        if dataset is not None:
            made.append(_result(statement, kind, kind, dataset))
    return tuple(made)


def _optional(
    statement: Statement, kinds: Collection[ResultKind], drawn: Sequence[Picture], captures: Sequence[Dataset]
) -> Iterator[tuple[ResultKind, Dataset | None]]:
    """Make what only some destinations ask for; None where there is nothing to show in that form."""
    if ResultKind.PRESENTATION in kinds:
        yield ResultKind.PRESENTATION, presentation_state(statement)
    if ResultKind.SEGMENTATION in kinds:
        yield ResultKind.SEGMENTATION, segmentation(statement)
    if ResultKind.KEY_OBJECTS in kinds:
        yield ResultKind.KEY_OBJECTS, key_objects(statement, captures)
    if ResultKind.PDF in kinds:
        yield ResultKind.PDF, encapsulated_pdf(statement, drawn)


def statement_of(
    report: StudyReport,
    volume: Volume | None,
    headers: Sequence[Dataset],
    created_at: datetime,
    product: Product,
    earlier: Sequence[EarlierReport] = (),
    language: Language = ENGLISH,
    removed: int = 0,
) -> Statement:
    """Gather all that the objects state; same arguments and errors as `build_results`."""
    if report.assessed and (volume is None or not volume.sources):
        raise ResultError("vertebrae were assessed, but the images they were seen on are not known")
    context, language = _in_one_character_set(
        study_context(report.study_instance_uid, headers, volume), language
    )
    key = result_key(report, context.sop_instance_uids, language.digest, removed)
    return Statement(
        report=report,
        outcome=outcome_of(report, is_of_late_images=removed > 0),
        volume=volume,
        context=context,
        key=key,
        product=product,
        created_at=created_at,
        language=language,
        earlier=_superseded(key, earlier),
        removed=removed,
    )


def _in_one_character_set(context: StudyContext, language: Language) -> tuple[StudyContext, Language]:
    """Choose words and bytes that one object can hold.

    ASCII fits every patient's character set. Other words need Unicode, and so do the names beside them; of
    names that cannot be told for sure the bytes are kept, and the words are English.
    """
    if language.words.is_ascii:
        return context, language
    patient = in_unicode(context.patient)
    return (context, ENGLISH) if patient is None else (replace(context, patient=patient), language)


def _superseded(key: ResultKey, earlier: Sequence[EarlierReport]) -> tuple[EarlierReport, ...]:
    """The reports of the latest other version; ``earlier`` has the latest last."""
    others = [report for report in earlier if report.sop_instance_uid not in report_uids(key)]
    return tuple(report for report in others if report.result_key == others[-1].result_key)


def _result(statement: Statement, kind: ResultKind, name: str, dataset: Dataset) -> Result:
    dataset.file_meta = _file_meta(dataset, statement.product)
    return Result(
        key=statement.key.digest,
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
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = f"FAINTLINE {product.version}"[:16]
    return meta
