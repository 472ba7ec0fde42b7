"""What result objects there are; imports nothing, so that every part of the listener may name them."""

from enum import StrEnum


class ResultKind(StrEnum):
    """What a result object is for."""

    REPORT = "report"
    PLAIN_REPORT = "report-88.33"
    """The same report as a Comprehensive SR, for destinations that know no 3D one."""
    OVERVIEW = "overview"
    CORONAL = "coronal"
    CLOSE_UPS = "close-ups"
    PRESENTATION = "presentation"
    SEGMENTATION = "segmentation"
    KEY_OBJECTS = "key-objects"
    PDF = "pdf"


class NoticeKind(StrEnum):
    """Which way a notice goes; it is no DICOM object."""

    WEBHOOK = "webhook"
    HL7 = "hl7"


REPORTS = frozenset((ResultKind.REPORT, ResultKind.PLAIN_REPORT))
PICTURES = frozenset((ResultKind.OVERVIEW, ResultKind.CORONAL, ResultKind.CLOSE_UPS))
USUAL = frozenset((ResultKind.REPORT, *PICTURES))
"""What is built where no destination says otherwise."""
