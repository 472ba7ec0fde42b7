"""From a finished picture to a Secondary Capture image (PS3.3 A.8.1) of the study."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from listener.results import codes
from listener.results.identity import MANUFACTURER, MODEL_NAME
from listener.results.kinds import ResultKind
from listener.results.pictures import Picture
from listener.results.statement import Statement, put_origin
from listener.results.study_context import StudyContext

SERIES_NUMBER: Final = 9011


def secondary_capture(statement: Statement, picture: Picture) -> Dataset:
    """Return the picture as a data set; all pictures of a study are one series, to be scrolled through.

    It has no Pixel Spacing, because its text margins are not to scale, and no Frame of Reference.
    """
    capture = Dataset()
    put_origin(capture, statement)
    capture.SOPClassUID = SecondaryCaptureImageStorage
    capture.SOPInstanceUID = statement.key.uid(picture.name)
    capture.SeriesInstanceUID = statement.key.uid("picture series")
    capture.SeriesNumber = SERIES_NUMBER
    capture.InstanceNumber = picture.number
    capture.SeriesDescription = statement.words.text("short.pictures")
    capture.Modality = "OT"
    capture.BodyPartExamined = "SPINE"
    capture.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    capture.ImageComments = statement.words.text("short.research_only")
    capture.BurnedInAnnotation = "YES"
    capture.RecognizableVisualFeatures = "NO"
    capture.LossyImageCompression = "00"
    _put_capture_device(capture, statement)
    _put_derivation(capture, statement, picture.kind)
    _put_pixels(capture, picture.pixels)
    return capture


def _put_capture_device(capture: Dataset, statement: Statement) -> None:
    capture.ConversionType = "WSD"
    capture.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    capture.SecondaryCaptureDeviceManufacturerModelName = MODEL_NAME
    capture.SecondaryCaptureDeviceSoftwareVersions = statement.product.version
    capture.DateOfSecondaryCapture = capture.ContentDate
    capture.TimeOfSecondaryCapture = capture.ContentTime


def _put_derivation(capture: Dataset, statement: Statement, kind: ResultKind) -> None:
    """Say which images it comes from and how; without anatomy in it, it is text about them."""
    context = statement.context
    capture.SourceImageSequence = [_source_item(header, context) for header in context.headers]
    capture.PatientOrientation = ""
    if statement.volume is not None:
        capture.PatientOrientation = ["L", "F"] if kind is ResultKind.CORONAL else ["P", "F"]
        capture.DerivationDescription = statement.words.text("picture.derivation")
        capture.DerivationCodeSequence = [codes.REFORMATTING]


def _source_item(header: Dataset, context: StudyContext) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = context.sop_class_uid(header)
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE]
    return item


def _put_pixels(capture: Dataset, picture: NDArray[np.uint8]) -> None:
    capture.Rows, capture.Columns = picture.shape[:2]
    capture.SamplesPerPixel = 3
    capture.PhotometricInterpretation = "RGB"
    capture.PlanarConfiguration = 0
    capture.BitsAllocated = capture.BitsStored = 8
    capture.HighBit = 7
    capture.PixelRepresentation = 0
    capture.add_new("PixelData", "OB", picture.tobytes() + b"\0" * (picture.size % 2))
