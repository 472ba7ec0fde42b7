"""Files -> an index of the study they hold, from their headers alone: its series, and what was no DICOM."""

import os
import struct
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

from inference.errors import PatientMismatchError, SeveralStudiesError, is_the_machines
from inference.header import NotASlice, text
from inference.instance import Instance, read_instance
from inference.pixels import PixelElement

PIXEL_DATA = (0x7FE0, 0x0010)
ITEM, SEQUENCE_DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
UNDEFINED_LENGTH = 0xFFFFFFFF
HEAD_BYTES = 2048
"""Enough to hold the file meta information, which says how the rest is written."""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not part of any series, and why in plain words."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The instances of one Series Instance UID, in order of their instance numbers."""

    series_instance_uid: str
    instances: tuple[Instance, ...]

    @property
    def number(self) -> int | None:
        """The series number a person knows it by."""
        return self.instances[0].series_number

    @property
    def modality(self) -> str:
        """The modality its first instance states."""
        return self.instances[0].modality


@dataclass(frozen=True, slots=True, eq=False)
class StudyIndex:
    """Everything found in a set of files. Call ``check_one_patient`` before anything is said about it."""

    series: tuple[Series, ...]
    skipped: tuple[SkippedFile, ...]

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Every instance of every series."""
        return tuple(instance for series in self.series for instance in series.instances)

    @property
    def study_instance_uids(self) -> tuple[str, ...]:
        """Every study found, sorted."""
        return tuple(sorted({instance.study_instance_uid for instance in self.instances}))

    @property
    def study_instance_uid(self) -> str:
        """The study; raises ``SeveralStudiesError`` where there is not exactly one."""
        if len(self.study_instance_uids) != 1:
            found = len(self.study_instance_uids)
            raise SeveralStudiesError(f"the files hold {found} studies; exactly one is needed")
        return self.study_instance_uids[0]

    def by_study(self) -> tuple["StudyIndex", ...]:
        """Return one index a study; files that belong to none are left out."""
        groups: dict[str, list[Instance]] = defaultdict(list)
        for instance in self.instances:
            groups[instance.study_instance_uid].append(instance)
        return tuple(StudyIndex(_grouped(groups[study]), ()) for study in sorted(groups))

    def check_one_patient(self) -> None:
        """Raise unless every header that says who the patient is says the same.

        Raises
        ------
        SeveralStudiesError, PatientMismatchError : neither names anyone
        """
        study = self.study_instance_uid
        headers = [instance.header for instance in self.instances]
        wrong = [what for what, read in _IDENTITY.items() if len({read(one) for one in headers} - {""}) > 1]
        if wrong:
            raise PatientMismatchError(
                f"the headers of study {study} name different patients ({', '.join(wrong)} disagree); "
                "correct the study before it is screened"
            )


def _plain_name(header: Dataset) -> str:
    """Return the alphabetic name without case, empty parts or spacing, which systems write differently."""
    alphabetic = text(header, "PatientName").partition("=")[0].casefold()
    return " ".join(alphabetic.replace("^", " ").replace(",", " ").split())


_IDENTITY: dict[str, Callable[[Dataset], str]] = {
    "Patient ID": lambda header: text(header, "PatientID"),
    "Issuer of Patient ID": lambda header: text(header, "IssuerOfPatientID"),
    "Patient's Name": _plain_name,
    "Patient's Birth Date": lambda header: text(header, "PatientBirthDate"),
}


def index_files(paths: Iterable[Path]) -> StudyIndex:
    """Read the headers of files (and of all files in folders); never raises for what a file holds."""
    found: dict[str, Instance] = {}
    skipped: list[SkippedFile] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values, which may be the patient's
        for path in _files(paths):
            instance = _instance(path)
            if isinstance(instance, SkippedFile):
                skipped.append(instance)
            elif instance.sop_instance_uid in found:
                skipped.append(SkippedFile(path, "the same instance again"))
            else:
                found[instance.sop_instance_uid] = instance
    return StudyIndex(_grouped(found.values()), tuple(skipped))


def _grouped(instances: Iterable[Instance]) -> tuple[Series, ...]:
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[instance.series_instance_uid].append(instance)
    series = [
        Series(uid, tuple(sorted(group, key=lambda i: (i.instance_number, i.sop_instance_uid))))
        for uid, group in groups.items()
    ]
    return tuple(sorted(series, key=lambda s: (s.number is None, s.number or 0, s.series_instance_uid)))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in sorted(set(paths)):
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            yield path


def _instance(path: Path) -> Instance | SkippedFile:
    if not path.is_file():
        return SkippedFile(path, "no such file")
    try:
        with path.open("rb") as file:
            refusal = _not_readable(file.read(HEAD_BYTES))
            if refusal:
                return SkippedFile(path, refusal)
            file.seek(0)
            header = dcmread(file, stop_before_pixels=True, force=True)
            return read_instance(path, header, _pixel_element(file, header))
    except NotASlice as reason:
        return SkippedFile(path, str(reason))
    except Exception as error:  # a foreign file may break a parser in any way; go on to the next
        if is_the_machines(error):
            raise
        return SkippedFile(path, f"damaged or unreadable ({type(error).__name__})")


def _not_readable(head: bytes) -> str:
    """Judge a file by its first bytes: a preamble, or group 0002 or 0008 without one (PS3.10 7.1)."""
    little_or_big = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
    if head[128:132] != b"DICM" and not head.startswith(little_or_big):
        return "not a DICOM file"
    if DeflatedExplicitVRLittleEndian.encode() in head:
        return "deflated data sets are not read: a small file may hide a huge one"
    if MediaStorageDirectoryStorage.encode() in head:
        return "a DICOMDIR"
    return ""


def _pixel_element(file: BinaryIO, header: FileDataset) -> PixelElement | None:
    """Find Pixel Data where the reader of the header stopped; None where other or no pixels follow."""
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    here = file.tell()
    start = file.read(12)
    if len(start) < 12 or struct.unpack(order + "HH", start[:4]) != PIXEL_DATA:
        return None
    header_bytes = 8 if implicit else 12
    length = struct.unpack(order + "L", start[header_bytes - 4 : header_bytes])[0]
    offset = here + header_bytes
    if length == UNDEFINED_LENGTH:
        return PixelElement(offset, None, _ends_properly(file, offset))
    return PixelElement(offset, length, file.seek(0, 2) - offset >= length)


def _ends_properly(file: BinaryIO, offset: int) -> bool:
    """Walk the items of encapsulated pixels to the delimiter that must end them (PS3.5 A.4)."""
    file.seek(offset)
    while len(head := file.read(8)) == 8:
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) != ITEM or length == UNDEFINED_LENGTH:
            return (group, element) == SEQUENCE_DELIMITER
        file.seek(length, os.SEEK_CUR)
    return False
