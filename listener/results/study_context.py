"""From the headers of a study's images to what every new object of that study must carry.

Patient and study attributes are copied as the bytes they came in: nothing is parsed, so nothing is lost in an
odd character set or a value that breaks its rules, and nothing can be mixed up.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
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

_DESCRIBING: Final = {
    "PatientAge": r"\d{3}[DWMY]",
    "PatientSize": r"[+-]?\d{1,12}(\.\d{1,3})?",
    "PatientWeight": r"[+-]?\d{1,12}(\.\d{1,3})?",
    "PatientBirthTime": r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?",
}
"""What these attributes may hold: AS, DS and TM of PS3.5 6.2, narrowed to what patients have."""

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
    """

    study_instance_uid: str
    headers: tuple[Dataset, ...]
    sop_class_uids: dict[str, str]

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
        return StudyContext(self.study_instance_uid, self.headers, classes)

    @property
    def patient_header(self) -> Dataset:
        """The image that patient and study attributes are copied from."""
        return self.headers[0]


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
    return StudyContext(study_instance_uid, tuple(usable[uid] for uid in sorted(usable)), classes)


def _sop_class_uid(header: Dataset) -> str:
    meta = getattr(header, "file_meta", None) or Dataset()
    return str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")


def put_in_study(target: Dataset, context: StudyContext) -> None:
    """Copy patient and study attributes onto ``target``, replacing whatever it has of them.

    All that says who the patient is and which study this is arrives as it came, odd values too. The few
    attributes that only describe the patient are left out where their value breaks their type: archives may
    refuse the object for it, and nobody is told apart by it.
    """
    source = context.patient_header
    for keyword in (*REQUIRED, *OPTIONAL):
        if keyword in target:
            del target[keyword]
        if keyword in source and not _is_odd(source, keyword):
            target[Tag(_tag(keyword))] = _as_received(source, _tag(keyword))
        elif keyword in REQUIRED:
            setattr(target, keyword, "")
    target.StudyInstanceUID = context.study_instance_uid
    # Undecoded elements are in the form they will be written in: pydicom then leaves them be.
    target.set_original_encoding(False, True, source.original_character_set)


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


def _is_odd(source: Dataset, keyword: str) -> bool:
    """Whether a merely describing value is not what its type allows (PS3.5 6.2); read without decoding it."""
    if keyword not in _DESCRIBING:
        return False
    element = source.get_item(keyword)
    value = element.value if element is not None else None
    text = value.decode("latin-1") if isinstance(value, bytes) else str("" if value is None else value)
    return bool(text.strip("\0 ")) and not re.fullmatch(_DESCRIBING[keyword], text.strip("\0 "))


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
