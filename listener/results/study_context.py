"""From the headers of a study's images to what every new object of that study must carry.

Patient and study attributes are copied as the bytes they came in: nothing is parsed, so nothing is lost in an
odd character set or a value that breaks its rules, and nothing can be mixed up.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from inference.volume import Volume
from listener.results.errors import MixedStudyError, NoImagesError
from listener.results.identity import MANUFACTURER, MODEL_NAME, Product

# PS3.3 C.7.1.1, C.7.2.1, C.7.2.2. Required ones (type 2) are there even when the source lacks them.
REQUIRED: Final = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
OPTIONAL: Final = (
    "SpecificCharacterSet", "TimezoneOffsetFromUTC", "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientBirthTime",
    "EthnicGroup", "PatientComments", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "StudyDescription", "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy", "IssuerOfAccessionNumberSequence", "ReferencedStudySequence",
    "ProcedureCodeSequence", "PatientAge", "PatientSize", "PatientWeight", "AdmissionID",
    "IssuerOfAdmissionIDSequence", "AdditionalPatientHistory", "Occupation",
)  # fmt: skip

_IMAGE: Final = (
    "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PositionReferenceIndicator", "Modality",
    "Rows", "Columns", "PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class StudyContext:
    """The images a result speaks of, and the one whose patient and study attributes it takes over.

    Attributes
    ----------
    headers : in the order of their SOP Instance UIDs, without repeats
    sop_class_uids : by SOP Instance UID
    patient : patient and study attributes of one of them, as every object of the study carries them
    """

    study_instance_uid: str
    headers: tuple[Dataset, ...]
    sop_class_uids: dict[str, str]
    patient: Dataset

    @property
    def sop_instance_uids(self) -> tuple[str, ...]:
        """The images' SOP Instance UIDs."""
        return tuple(str(header.SOPInstanceUID) for header in self.headers)

    def sop_class_uid(self, header: Dataset) -> str:
        """Return an image's SOP class, which its header may lack."""
        return self.sop_class_uids[str(header.SOPInstanceUID)]

    def with_class(self, instance: Dataset) -> "StudyContext":
        """Return the same with the class of one more instance."""
        classes = self.sop_class_uids | {str(instance.SOPInstanceUID): str(instance.SOPClassUID)}
        return replace(self, sop_class_uids=classes)


def study_context(study_instance_uid: str, headers: Sequence[Dataset], volume: Volume | None) -> StudyContext:
    """Gather the images; refuse a set that mixes studies or patients.

    Raises
    ------
    NoImagesError : no header names its instance, its series and its SOP class
    MixedStudyError : the headers name another study, or more than one patient
    """
    classes = {source.sop_instance_uid: source.sop_class_uid for source in volume.sources} if volume else {}
    usable: dict[str, Dataset] = {}
    for header in headers:
        uid = str(header.get("SOPInstanceUID") or "")
        classes.setdefault(uid, _sop_class_uid(header))
        if uid and classes[uid] and header.get("SeriesInstanceUID"):
            usable.setdefault(uid, header)
    if not usable:
        raise NoImagesError(
            "none of the study's images can be referenced: no SOP Instance UID in their headers"
        )
    if any(str(header.get("StudyInstanceUID") or "") != study_instance_uid for header in usable.values()):
        raise MixedStudyError("images of another study are among those to report on")
    if len({_patient_id(header) for header in usable.values()}) > 1:
        raise MixedStudyError("the study's images carry different Patient IDs; no result can be filed safely")
    images = tuple(usable[uid] for uid in sorted(usable))
    return StudyContext(study_instance_uid, images, classes, _patient(images[0]))


def _sop_class_uid(header: Dataset) -> str:
    meta = getattr(header, "file_meta", None) or Dataset()
    return str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")


def _patient(header: Dataset) -> Dataset:
    """Patient and study attributes of an image, as they came: odd values too, for a patient has no others."""
    patient = Dataset()
    for keyword in (*REQUIRED, *OPTIONAL):
        if keyword in header:
            patient[Tag(_tag(keyword))] = _as_received(header, _tag(keyword))
        elif keyword in REQUIRED:
            setattr(patient, keyword, "")
    # Undecoded elements are in the form they will be written in: pydicom then leaves them be.
    patient.set_original_encoding(False, True, header.original_character_set)
    return patient


def put_in_study(target: Dataset, context: StudyContext) -> None:
    """Copy patient and study attributes onto ``target``, replacing whatever it has of them."""
    for keyword in (*REQUIRED, *OPTIONAL):
        if keyword in target:
            del target[keyword]
    target.update(context.patient)
    target.StudyInstanceUID = context.study_instance_uid
    target.set_original_encoding(False, True, context.patient.original_character_set)


def plain_header(header: Dataset, context: StudyContext) -> Dataset:
    """Return what a library needs of an image to refer to it, without its patient.

    Libraries decode what they read. The patient's and study's bytes must stay as they came: `put_in_study`
    copies them onto whatever the library made.
    """
    plain = Dataset()
    plain.SOPClassUID = context.sop_class_uid(header)
    plain.SamplesPerPixel, plain.PositionReferenceIndicator = 1, ""
    for keyword in REQUIRED:
        setattr(plain, keyword, None if keyword.endswith(("Date", "Time")) else "")
    for keyword in _IMAGE:
        if keyword in header:
            setattr(plain, keyword, header[keyword].value)
    plain.StudyInstanceUID = context.study_instance_uid
    return plain


def put_equipment(target: Dataset, product: Product) -> None:
    """Say who made the object (PS3.3 C.7.5.1)."""
    target.Manufacturer = MANUFACTURER
    target.ManufacturerModelName = MODEL_NAME
    target.DeviceSerialNumber = product.version
    target.SoftwareVersions = product.version


def put_time(target: Dataset, created_at: datetime) -> None:
    """Date the object, its series and its content, in the study's own time zone where it names one."""
    offset = str(target.get("TimezoneOffsetFromUTC") or "").strip()
    if created_at.tzinfo is not None and re.fullmatch(r"[+-]\d{4}", offset):
        created_at = created_at.astimezone(datetime.strptime(offset, "%z").tzinfo)
    date, time = created_at.strftime("%Y%m%d"), created_at.strftime("%H%M%S")
    for kind in ("InstanceCreation", "Series", "Content"):
        setattr(target, f"{kind}Date", date)
        setattr(target, f"{kind}Time", time)


def _patient_id(header: Dataset) -> str:
    """The Patient ID, read without decoding it in the header, whose bytes are still to be copied."""
    element = header.get_item("PatientID")
    if isinstance(element, RawDataElement):
        element = convert_raw_data_element(element, encoding=header._character_set)
    return "" if element is None else str(element.value or "").strip()


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


def _as_received(source: Dataset, tag: int) -> DataElement | RawDataElement:
    """One element with its bytes untouched where it has not been decoded yet (sequences always are)."""
    vr = dictionary_VR(tag)
    element = source.get_item(tag)
    if isinstance(element, RawDataElement) and vr != "SQ":
        return element._replace(VR=element.VR or vr, is_implicit_VR=False, is_little_endian=True)
    return deepcopy(source[tag])
