"""Instances in; durable files out: ``<spool>/<Study Instance UID>/<SOP Instance UID>.dcm``.

The spool is the truth: what lies here was acknowledged or may be, what does not was not. A file gets its name
once it is complete, and is acknowledged once it and its name are durable; what a power cut catches in
between is found at the next start by its structure. Bytes are kept as received behind a preamble and meta
header of our own (PS3.10 7.1). Names are built from checked UIDs only.
"""

import contextlib
import hashlib
import os
import shutil
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from listener import __version__
from listener.dataset_walk import is_uid, walk
from listener.durable_file import make_folder, sync_file, sync_folder
from listener.errors import DamagedFile, RefusedInstance
from listener.incoming import Buffers, Ground, Incoming, survey
from listener.results.identity import IMPLEMENTATION_CLASS_UID
from listener.study import InstanceHeader

IMPLEMENTATION_VERSION_NAME = f"FAINTLINE_{__version__.replace('.', '_')}"[:16]

OUT_OF_RESOURCES = 0xA700
"""Refused: out of resources (PS3.4 table B.2-1)."""

_PREAMBLE = bytes(128) + b"DICM"
_HEAD_BYTES = len(_PREAMBLE) + 12  # and the element that says how long the rest of the meta header is
_PIECE_BYTES = 1 << 20
_DIGITS_OF_CONFLICT = 16
_ASKING_SECONDS = 1.0
_SUFFIX = ".dcm"
_CONFLICT_SUFFIX = ".conflict"
_DAMAGED_SUFFIX = ".damaged"


class Outcome(Enum):
    """What storing an instance came to."""

    NEW = auto()
    IDENTICAL = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class Stored:
    """A durable instance: its file's name in the study's folder, and what it came to."""

    name: str
    outcome: Outcome


class Spool:
    """The folder of received instances; many threads may store at once.

    ``ground`` says what the file system can do; without it, that is tried.
    """

    def __init__(self, folder: Path, reserve_mb: int = 0, ground: Ground | None = None) -> None:
        self._folder = folder
        self._base = str(folder)  # Path is too slow for the way of every instance
        self._reserve_bytes = reserve_mb << 20
        self._incoming = folder / ".incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._free_bytes, self._asked_at = 0, -_ASKING_SECONDS
        self._ground = ground or survey(self._incoming)
        self._buffers = Buffers()

    def incoming(self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> Incoming:
        """Open a file for an instance under way.

        Raises
        ------
        RefusedInstance
            The disk is below its watermark (0xA700).
        OSError
            No file can be opened.
        """
        self._demand_space()
        meta = _meta_header(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        return Incoming(self._ground, self._buffers, _PREAMBLE + meta)

    def keep(self, incoming: Incoming, header: InstanceHeader) -> Stored:
        """Make it durable under its name; on return it survives a power cut.

        An instance that is there already is not kept again; one with the same SOP Instance UID and other
        bytes is kept beside the first. Raises OSError where the disk fails.
        """
        incoming.complete()
        folder = f"{self._base}/{header.study_instance_uid}"
        try:
            stored = _link(incoming, folder, header.sop_instance_uid)
        except FileNotFoundError:
            make_folder(Path(folder))
            stored = _link(incoming, folder, header.sop_instance_uid)
        try:
            self._make_durable(incoming, folder, stored)
        except OSError:
            if stored.outcome is not Outcome.IDENTICAL:
                # After a failed sync the kernel takes the pages for clean: the same file must not be synced
                # again for a second try, and called durable.
                with contextlib.suppress(OSError):
                    self.set_aside(header.study_instance_uid, stored.name)
            raise
        return stored

    def _make_durable(self, incoming: Incoming, folder: str, stored: Stored) -> None:
        if stored.outcome is Outcome.NEW:
            os.fsync(incoming.descriptor)
        else:
            # Of two that arrive together, the second is answered for the first one's file, which may not be
            # synced yet.
            sync_file(f"{folder}/{stored.name}")
        if not self._ground.names_follow_files:
            sync_folder(folder)

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

    def read_back(self, study_instance_uid: str, name: str) -> tuple[InstanceHeader, str]:
        """Return (header, transfer syntax UID) of a stored file.

        Raises
        ------
        DamagedFile
            The file is not as it was written.
        """
        # The receiver starts faster without it.
        from pydicom.errors import InvalidDicomError  # noqa: PLC0415
        from pydicom.filereader import read_file_meta_info  # noqa: PLC0415

        try:
            path = self.study_folder(study_instance_uid) / name
            syntax = str(read_file_meta_info(path).TransferSyntaxUID)
            content = memoryview(path.read_bytes())
            data = content[_HEAD_BYTES + int.from_bytes(content[_HEAD_BYTES - 4 : _HEAD_BYTES], "little") :]
            header = walk(data, syntax)
        except (InvalidDicomError, AttributeError, OSError, RefusedInstance) as error:
            raise DamagedFile(f"{study_instance_uid}/{name} cannot be read back") from error
        return header, syntax

    def set_aside(self, study_instance_uid: str, name: str) -> None:
        """Take a damaged file out of its study; it stays beside it for whoever looks into the matter."""
        path = self.study_folder(study_instance_uid) / name
        path.replace(path.with_name(f"{name}{_DAMAGED_SUFFIX}"))
        sync_folder(path.parent)

    def has_set_aside(self, study_instance_uid: str) -> bool:
        """Whether a study has conflicting duplicates or damaged files, for somebody to look into."""
        return any(file.suffix != _SUFFIX for file in self.study_folder(study_instance_uid).iterdir())

    def _demand_space(self) -> None:
        """Refuse below the watermark; the disk is asked once a second, and what came since is counted."""
        if time.monotonic() - self._asked_at > _ASKING_SECONDS:
            self._free_bytes = shutil.disk_usage(self._folder).free
            self._asked_at = time.monotonic()
        if self._free_bytes < self._reserve_bytes:
            raise RefusedInstance(OUT_OF_RESOURCES, "not enough free space")

    def count(self, size: int) -> None:
        """So many bytes are about to be written."""
        self._free_bytes -= size


def _link(incoming: Incoming, folder: str, sop_instance_uid: str) -> Stored:
    """Give it the name of its instance, or where others have that, the name of a conflict."""
    name = f"{sop_instance_uid}{_SUFFIX}"
    try:
        incoming.link(f"{folder}/{name}")
        return Stored(name, Outcome.NEW)
    except FileExistsError:
        if _same_content(Path(incoming.path), Path(folder, name)):
            return Stored(name, Outcome.IDENTICAL)
    beside = f"{sop_instance_uid}.{_digest(Path(incoming.path))[:_DIGITS_OF_CONFLICT]}{_CONFLICT_SUFFIX}"
    try:
        incoming.link(f"{folder}/{beside}")
    except FileExistsError:
        if not _same_content(Path(incoming.path), Path(folder, beside)):
            raise RefusedInstance(OUT_OF_RESOURCES, "cannot keep another conflicting duplicate") from None
    return Stored(beside, Outcome.CONFLICT)


def is_conflict(name: str) -> bool:
    """Whether ``name`` is a conflicting duplicate that was kept beside the first instance."""
    return name.endswith(_CONFLICT_SUFFIX)


def _meta_header(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """The file meta information of PS3.10 7.1, explicit VR little endian."""
    elements = (
        (0x0001, b"OB", b"\x00\x01"),
        (0x0002, b"UI", sop_class_uid.encode("ascii")),
        (0x0003, b"UI", sop_instance_uid.encode("ascii")),
        (0x0010, b"UI", transfer_syntax_uid.encode("ascii")),
        (0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        (0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    )
    body = b"".join(_meta_element(number, vr, value) for number, vr, value in elements)
    return _meta_element(0x0000, b"UL", struct.pack("<I", len(body))) + body


@lru_cache(maxsize=64)  # classes and transfer syntaxes come again and again
def _meta_element(number: int, vr: bytes, value: bytes) -> bytes:
    value += (b" " if vr == b"SH" else b"\0") * (len(value) % 2)
    length = struct.pack("<2xI" if vr == b"OB" else "<H", len(value))
    return struct.pack("<HH2s", 0x0002, number, vr) + length + value


def _same_content(one: Path, other: Path) -> bool:
    # The implementation version may differ after an upgrade: only what was received counts.
    with one.open("rb") as first, other.open("rb") as second:
        _skip_to_data_set(first)
        _skip_to_data_set(second)
        while True:
            piece = first.read(_PIECE_BYTES)
            if piece != second.read(_PIECE_BYTES):
                return False
            if not piece:
                return True


def _skip_to_data_set(file: BinaryIO) -> None:
    """Go to what was received: all that follows our preamble and meta header (PS3.10 7.1)."""
    head = file.read(_HEAD_BYTES)
    file.seek(_HEAD_BYTES + int.from_bytes(head[-4:], "little"))


def _digest(path: Path) -> str:
    """SHA-256 of what was received."""
    with path.open("rb") as file:
        _skip_to_data_set(file)
        return hashlib.file_digest(file, "sha256").hexdigest()
