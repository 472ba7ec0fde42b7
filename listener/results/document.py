"""From a statement to an Encapsulated PDF (PS3.3 A.45.1): every sentence, the vertebrae, the pictures."""

import time
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from typing import Final

from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from listener.results import codes
from listener.results.canvas import Canvas, Colour
from listener.results.identity import MANUFACTURER
from listener.results.pictures import Picture
from listener.results.statement import Statement, put_origin
from listener.results.wording import captions

SERIES_NUMBER: Final = 9051
DPI: Final = 150
PAGE: Final = (1240, 1754)
"""A4 in pixels (columns, rows)."""
MARGIN: Final = 110
INK: Final[Colour] = (25, 30, 36)
FAINT: Final[Colour] = (95, 102, 110)
CELL_SIZE: Final = 19.0
ROW_GAP: Final = 6.0
COLUMNS_AT: Final = (0, 140, 300, 450, 620)


def encapsulated_pdf(statement: Statement, pictures: Sequence[Picture]) -> Dataset:
    """Return the document; ``pictures`` follow its first page, two on each."""
    content = _pdf([_first_page(statement), *_picture_pages(pictures)], statement)
    made = Dataset()
    put_origin(made, statement)
    made.SOPClassUID = EncapsulatedPDFStorage
    made.SOPInstanceUID = statement.key.uid("document")
    made.SeriesInstanceUID = statement.key.uid("document series")
    made.SeriesNumber, made.InstanceNumber = SERIES_NUMBER, 1
    made.SeriesDescription = statement.words.text("short.document")
    made.Modality, made.ConversionType = "DOC", "WSD"
    made.BurnedInAnnotation = "NO"
    made.AcquisitionDateTime = None
    made.DocumentTitle = statement.words.text("short.document")
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
        title=statement.words.text("short.document"), author=MANUFACTURER, creationDate=dated, modDate=dated,
    )  # fmt: skip
    return buffer.getvalue()


def _first_page(statement: Statement) -> Image.Image:
    report, outcome, words = statement.report, statement.outcome, statement.words
    canvas = Canvas(*PAGE, statement.typeface, paper=(255, 255, 255))
    canvas.text(captions.banner(words, statement.product.version), (MARGIN, 130), 20, FAINT)
    canvas.text(captions.headline(words, outcome), (MARGIN, 190), 40, INK)
    baseline = 240.0
    for text in captions.sublines(words, outcome, statement.remarks):
        baseline = _paragraph(canvas, text, baseline, 21, INK)
    _table(canvas, statement, baseline + 40)
    foot = (
        *captions.small_print(words, outcome),
        *captions.provenance(words, report, statement.product.version),
        words.text("source.study", uid=report.study_instance_uid),
    )
    at = PAGE[1] - 100 - 26 * len(foot)
    for number, text in enumerate(foot):
        canvas.text(text, (MARGIN, at + 26 * number), 17, FAINT)
    return Image.fromarray(canvas.pixels())


def _paragraph(canvas: Canvas, text: str, baseline: float, size: float, colour: Colour) -> float:
    for line in canvas.typeface.wrapped(text, size, PAGE[0] - 2 * MARGIN):
        canvas.text(line, (MARGIN, baseline), size, colour)
        baseline += size * 1.35
    return baseline


def _table(canvas: Canvas, statement: Statement, top: float) -> None:
    """Every vertebra in view, one a row."""
    lefts = [MARGIN + left for left in COLUMNS_AT]
    rooms = [right - left - 20 for left, right in pairwise((*lefts, PAGE[0] - MARGIN + 20))]
    for number, row in enumerate(captions.vertebra_table(statement.words, statement.report)):
        cells = [
            canvas.typeface.wrapped(text, CELL_SIZE, room) for text, room in zip(row, rooms, strict=True)
        ]
        for lines, left in zip(cells, lefts, strict=True):
            for down, line in enumerate(lines):
                spot = (left, top + CELL_SIZE * 1.3 * down)
                canvas.text(line, spot, CELL_SIZE, FAINT if number == 0 else INK)
        top += CELL_SIZE * 1.3 * max(map(len, cells)) + ROW_GAP


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
