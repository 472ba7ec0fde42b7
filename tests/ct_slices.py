"""Data sets as a sender encodes them, for tests of what receives them."""

from datetime import UTC, datetime

import numpy as np
from door import fill
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from listener.dataset_walk import walk
from listener.spool import Spool, Stored
from listener.study import InstanceHeader, ReceivedInstance


def ct_slice(study: str = "", series: str = "", sop: str = "", size: int = 8) -> Dataset:
    """One small CT slice with the identifiers given, or new ones."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = sop or generate_uid()
    dataset.StudyInstanceUID = study or generate_uid()
    dataset.SeriesInstanceUID = series or generate_uid()
    dataset.Modality = "CT"
    dataset.Manufacturer = "Maker"
    dataset.PatientName = "SENTINEL^NAME"
    dataset.PatientID = "SENTINEL-ID"
    dataset.Rows = dataset.Columns = size
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = generate_uid()
    dataset.ReferencedImageSequence = [item]
    dataset.PixelData = np.zeros((size, size), np.int16).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def encode(
    dataset: Dataset, implicit: bool = False, big_endian: bool = False, delimited: bool = False
) -> bytes:
    """The bytes of a data set in one of the uncompressed transfer syntaxes."""
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = delimited
            for item in element.value:
                item.is_undefined_length_sequence_item = delimited
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = implicit
    buffer.is_little_endian = not big_endian
    write_dataset(buffer, dataset)
    return bytes(buffer.getvalue())


def store(spool: Spool, dataset: Dataset) -> tuple[InstanceHeader, Stored]:
    """Put a data set into a spool, as the receiver does."""
    data = memoryview(encode(dataset))
    header = walk(data, EXPLICIT)
    with spool.incoming(header.sop_class_uid, header.sop_instance_uid, EXPLICIT) as incoming:
        fill(incoming, data)
        return header, spool.keep(incoming, header)


def receive(spool: Spool, dataset: Dataset) -> ReceivedInstance:
    """Put a data set into a spool; the note of it that the registry gets."""
    header, stored = store(spool, dataset)
    return ReceivedInstance(header, stored.name, EXPLICIT, datetime.now(UTC))


IMPLICIT = str(ImplicitVRLittleEndian)
EXPLICIT = str(ExplicitVRLittleEndian)
