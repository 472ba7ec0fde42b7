"""From a statement to a Key Object Selection (PS3.3 A.35.4): the slices and pictures worth opening first."""

from collections.abc import Sequence
from typing import Final

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset

from listener.results import codes
from listener.results.groups import observer
from listener.results.region import vertebra_region
from listener.results.statement import Statement, put_origin
from listener.results.study_context import plain_header
from listener.results.wording import sentences

SERIES_NUMBER: Final = 9041


def key_objects(statement: Statement, pictures: Sequence[Dataset]) -> Dataset | None:
    """Return the selection of our ``pictures`` and of a slice through each flagged body; None without any."""
    if not statement.outcome.flagged or statement.volume is None:
        return None
    context = statement.context
    shown = {
        vertebra_region(finding, statement.volume).source.sop_instance_uid
        for finding in statement.outcome.flagged
    }
    slices = [plain_header(h, context) for h in context.headers if str(h.SOPInstanceUID) in shown]
    chosen = [*(_plain(picture, statement) for picture in pictures), *slices]
    content = KeyObjectSelection(
        document_title=codes.OF_INTEREST,
        referenced_objects=chosen,
        observer_device_context=observer(statement.product),
        description=sentences.coverage_sentence(statement.words, statement.outcome),
    )
    document: Dataset = KeyObjectSelectionDocument(
        evidence=chosen,
        content=content,
        series_instance_uid=statement.key.uid("key objects series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=statement.key.uid("key objects"),
        instance_number=1,
    )
    document.SeriesDescription = statement.words.text("short.key_images")
    put_origin(document, statement)
    document.CodingSchemeIdentificationSequence = [codes.scheme_declaration()]
    return document


def _plain(picture: Dataset, statement: Statement) -> Dataset:
    """One of our pictures, without its patient: see `plain_header`."""
    plain = Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns"):
        setattr(plain, keyword, picture[keyword].value)
    return plain_header(plain, statement.context.with_class(plain))
