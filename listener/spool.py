"""Instances in; durable files out: ``<spool>/<Study Instance UID>/<SOP Instance UID>.dcm``.

The spool is the truth: what lies here was acknowledged or may be, what does not was not. A file appears
under its name only complete and synced (temporary file, fsync, link, fsync of the folder), bytes as received
behind a preamble and meta header of our own (PS3.10 7.1). Names are built from checked UIDs only.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from listener import __version__
from listener.dataset_walk import is_uid, walk
from listener.durable_file import make_folder, sync_folder, write_synced
from listener.errors import DamagedFile, RefusedInstance
from listener.results.identity import IMPLEMENTATION_CLASS_UID
from listener.study import InstanceHeader

IMPLEMENTATION_VERSION_NAME = f"FAINTLINE_{__version__.replace('.', '_')}"[:16]

OUT_OF_RESOURCES = 0xA700
"""Refused: out of resources (PS3.4 table B.2-1)."""

_PREAMBLE = bytes(128) + b"DICM"
_SUFFIX = ".dcm"
_CONFLICT_SUFFIX = ".conflict"


class Outcome(Enum):
    """What storing an instance came to."""

    NEW = auto()
    IDENTICAL = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class Stored:
    """A durable instance: its file's name in the study's folder, its data set's hash, and what it came to."""

    name: str
    sha256: str
    outcome: Outcome


class Spool:
    """The folder of received instances; many threads may store at once."""

    def __init__(self, folder: Path, reserve_mb: int = 0) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_mb << 20
        self._incoming = folder / ".incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def store(self, header: InstanceHeader, transfer_syntax_uid: str, data: memoryview) -> Stored:
        """Make one instance durable; on return it survives a power cut.

        An instance that is there already is not written again; one with the same SOP Instance UID and other
        bytes is kept beside the first.

        Raises
        ------
        RefusedInstance
            0xA700 where the disk is full or fails.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            self._demand_space(len(data))
            content = _PREAMBLE + _meta_header(header, transfer_syntax_uid)
            return self._place(header, content, data, sha256)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "write failed"
            raise RefusedInstance(OUT_OF_RESOURCES, f"cannot store: {reason}") from error

    def study_folder(self, study_instance_uid: str) -> Path:
        """Where the instances of a study lie."""
        assert is_uid(study_instance_uid)
        return self._folder / study_instance_uid

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """The instances of a study, conflicting duplicates left out, in name order."""
        return tuple(sorted(self.study_folder(study_instance_uid).glob(f"*{_SUFFIX}")))

    def sweep(self) -> int:
        """Remove what a killed receiver left half-written (never acknowledged); return how many files."""
        leftovers = list(self._incoming.iterdir())
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        return len(leftovers)

    def names(self) -> Iterator[tuple[str, str]]:
        """Every stored file as (Study Instance UID, name)."""
        for folder in self._folder.iterdir():
            if folder.is_dir() and is_uid(folder.name):
                for file in folder.iterdir():
                    if file.suffix in (_SUFFIX, _CONFLICT_SUFFIX):
                        yield folder.name, file.name

    def read_back(self, study_instance_uid: str, name: str) -> tuple[InstanceHeader, str, str]:
        """Return (header, transfer syntax UID, SHA-256 of the data set) of a stored file.

        Raises
        ------
        DamagedFile
            The file is not as it was written.
        """
        try:
            path = self.study_folder(study_instance_uid) / name
            syntax = str(read_file_meta_info(path).TransferSyntaxUID)
            data = memoryview(_data_set(path.read_bytes()))
            header = walk(data, syntax)
        except (InvalidDicomError, AttributeError, OSError, RefusedInstance) as error:
            raise DamagedFile(f"{study_instance_uid}/{name} cannot be read back") from error
        return header, syntax, hashlib.sha256(data).hexdigest()

    def _demand_space(self, size: int) -> None:
        if shutil.disk_usage(self._folder).free - size < self._reserve_bytes:
            raise RefusedInstance(OUT_OF_RESOURCES, "not enough free space")

    def _place(self, header: InstanceHeader, meta: bytes, data: memoryview, sha256: str) -> Stored:
        folder = self.study_folder(header.study_instance_uid)
        make_folder(folder)
        temporary = self._incoming / uuid.uuid4().hex
        try:
            write_synced(temporary, (meta, data))
            return self._link(temporary, folder, header.sop_instance_uid, sha256)
        finally:
            temporary.unlink(missing_ok=True)

    def _link(self, temporary: Path, folder: Path, sop_instance_uid: str, sha256: str) -> Stored:
        name = f"{sop_instance_uid}{_SUFFIX}"
        for candidate, outcome in (
            (name, Outcome.NEW),
            (f"{sop_instance_uid}.{sha256[:16]}{_CONFLICT_SUFFIX}", Outcome.CONFLICT),
        ):
            try:
                os.link(temporary, folder / candidate)
            except FileExistsError:
                if _same_content(temporary, folder / candidate):
                    # The first writer may not have synced the folder yet: whoever answers must have.
                    sync_folder(folder)
                    kept = Outcome.IDENTICAL if outcome is Outcome.NEW else Outcome.CONFLICT
                    return Stored(candidate, sha256, kept)
                continue
            sync_folder(folder)
            return Stored(candidate, sha256, outcome)
        raise RefusedInstance(OUT_OF_RESOURCES, "cannot keep another conflicting duplicate")


def is_conflict(name: str) -> bool:
    """Whether ``name`` is a conflicting duplicate that was kept beside the first instance."""
    return name.endswith(_CONFLICT_SUFFIX)


def _meta_header(header: InstanceHeader, transfer_syntax_uid: str) -> bytes:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(header.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(header.sop_instance_uid)
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=True)
    return buffer.getvalue()


def _same_content(one: Path, other: Path) -> bool:
    # The implementation version may differ after an upgrade: only what was received counts.
    return _data_set(one.read_bytes()) == _data_set(other.read_bytes())


def _data_set(content: bytes) -> bytes:
    """What was received: all that follows our preamble and meta header (PS3.10 7.1)."""
    return content[144 + int.from_bytes(content[140:144], "little") :]
