"""From a statement to an Encapsulated PDF (PS3.3 A.45.1): every sentence, the vertebrae, the pictures."""

import time
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from listener.results import codes, wording
from listener.results.canvas import Canvas, Colour, text_width, wrapped
from listener.results.identity import MANUFACTURER
from listener.results.pictures import Picture
from listener.results.statement import Statement, put_origin

SERIES_NUMBER: Final = 9051
DPI: Final = 150
PAGE: Final = (1240, 1754)
"""A4 in pixels (columns, rows)."""
MARGIN: Final = 110
INK: Final[Colour] = (25, 30, 36)
FAINT: Final[Colour] = (95, 102, 110)
ROW: Final = 30.0
COLUMNS_AT: Final = (0, 110, 310, 480, 620)


def encapsulated_pdf(statement: Statement, pictures: Sequence[Picture]) -> Dataset:
    """Return the document; ``pictures`` follow its first page, two on each."""
    content = _pdf([_first_page(statement), *_picture_pages(pictures)], statement)
    made = Dataset()
    put_origin(made, statement)
    made.SOPClassUID = EncapsulatedPDFStorage
    made.SOPInstanceUID = statement.key.uid("document")
    made.SeriesInstanceUID = statement.key.uid("document series")
    made.SeriesNumber, made.InstanceNumber = SERIES_NUMBER, 1
    made.SeriesDescription = wording.DOCUMENT_SERIES
    made.Modality, made.ConversionType = "DOC", "WSD"
    made.BurnedInAnnotation = "NO"
    made.AcquisitionDateTime = None
    made.DocumentTitle = wording.DOCUMENT_SERIES
    made.ConceptNameCodeSequence = [codes.IMAGING_REPORT]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(content)
    made.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    made.SourceInstanceSequence = [_source(header, statement) for header in statement.context.headers]
    return made


def _source(header: Dataset, statement: Statement) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = statement.context.sop_class_uid(header)
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def _pdf(pages: Sequence[Image.Image], statement: Statement) -> bytes:
    """Bind the pages; the times in the file are the statement's, so that the bytes depend on nothing else."""
    moment = statement.created_at.timetuple()
    dated = time.struct_time(moment[:9])
    buffer = BytesIO()
    pages[0].save(
        buffer, "PDF", save_all=True, append_images=pages[1:], resolution=DPI, quality=92,
        title=wording.DOCUMENT_SERIES, author=MANUFACTURER, creationDate=dated, modDate=dated,
    )  # fmt: skip
    return buffer.getvalue()


def _first_page(statement: Statement) -> Image.Image:
    report, outcome = statement.report, statement.outcome
    canvas = Canvas(*PAGE, paper=(255, 255, 255))
    canvas.text(wording.banner(statement.product.version), (MARGIN, 130), 20, FAINT)
    canvas.text(wording.headline(outcome), (MARGIN, 190), 40, INK)
    baseline = 240.0
    for text in wording.sublines(outcome, statement.remarks):
        baseline = _paragraph(canvas, text, baseline, 21, INK)
    baseline = _table(canvas, statement, baseline + 40)
    foot = (
        *wording.small_print(outcome),
        *wording.provenance(report, statement.product.version),
        f"Study {report.study_instance_uid}",
    )
    at = PAGE[1] - 100 - 26 * len(foot)
    for number, text in enumerate(foot):
        canvas.text(text, (MARGIN, at + 26 * number), 17, FAINT)
    return Image.fromarray(canvas.pixels())


def _paragraph(canvas: Canvas, text: str, baseline: float, size: float, colour: Colour) -> float:
    for line in wrapped(text, size, PAGE[0] - 2 * MARGIN):
        canvas.text(line, (MARGIN, baseline), size, colour)
        baseline += size * 1.35
    return baseline


def _table(canvas: Canvas, statement: Statement, top: float) -> float:
    """Every vertebra in view, one a row."""
    for number, row in enumerate(wording.vertebra_table(statement.report)):
        colour = FAINT if number == 0 else INK
        for text, left in zip(row, COLUMNS_AT, strict=True):
            room = PAGE[0] - 2 * MARGIN - left
            shown = text if text_width(text, 19) <= room else wrapped(text, 19, room)[0] + " ..."
            canvas.text(shown, (MARGIN + left, top + ROW * number), 19, colour)
    return top + ROW * (len(statement.report.findings) + 1)


def _picture_pages(pictures: Sequence[Picture]) -> list[Image.Image]:
    """Two pictures on a page, as wide as the page allows."""
    pages = []
    width = PAGE[0] - 2 * 60
    for first in range(0, len(pictures), 2):
        page = Image.new("RGB", PAGE, (255, 255, 255))
        for number, picture in enumerate(pictures[first : first + 2]):
            image = Image.fromarray(picture.pixels)
            height = round(width * image.height / image.width * 0.84)
            fitted = image.resize((round(width * 0.84), height), Image.Resampling.LANCZOS)
            page.paste(fitted, ((PAGE[0] - fitted.width) // 2, 60 + number * (PAGE[1] // 2 - 20)))
        pages.append(page)
    return pages
