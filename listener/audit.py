"""What happened in; audit messages in the form of PS3.15 A.5 out, to a file and, where set, to syslog.

Every line begins with the SHA-256 of itself and of the line before. Whoever changes, removes or inserts one
breaks the chain, and `verify` says where. To cut lines off the end leaves the chain whole; the copy that went
to syslog shows that. Studies are named by their UID; patients never are, which
the standard's messages would do.
"""

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import structlog

from listener.durable_file import make_folder
from listener.errors import DamagedFile

log = structlog.get_logger()

FILE_NAME = "audit.log"
_BEGINNING = "0" * 64
_TAIL_BYTES = 1 << 16
_DCM = "DCM"
_PRIORITY_OF_AUDIT = 85
"""Facility authpriv (10), severity notice (5): PS3.15 A.6.2 leaves both to us."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an event is called (PS3.16 CID 400), and what it does: create, read, update, delete or execute."""

    code: str
    name: str
    action: str


STARTED = Kind("110100", "Application Activity", "E")
TRANSFERRED = Kind("110104", "DICOM Instances Transferred", "C")
ACCESSED = Kind("110103", "DICOM Instances Accessed", "R")
ALERT = Kind("110113", "Security Alert", "E")
DELETED = Kind("110105", "DICOM Study Deleted", "D")
CHANGED = Kind("110103", "DICOM Instances Accessed", "U")

SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE = 0, 4, 8
"""EventOutcomeIndicator (RFC 3881 5.1.4)."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened; ``who`` is an AE title or a user, ``where`` an address or empty."""

    kind: Kind
    outcome: int
    who: str
    where: str
    what: str
    studies: tuple[str, ...] = ()


class Audit:
    """The audit trail of one folder; every process and thread may write to it."""

    def __init__(self, folder: Path, syslog: tuple[str, int] | None = None) -> None:
        make_folder(folder)
        self._path = folder / FILE_NAME
        self._syslog = syslog

    def record(self, event: AuditEvent) -> None:
        """Append one message; a trail that cannot be written is logged and stops nothing."""
        message = _as_xml(event)
        try:
            self._append(message)
            if self._syslog is not None:
                _send(self._syslog, message)
        except OSError as error:
            log.error("the audit trail cannot be written", kind=error.strerror)

    def _append(self, message: str) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - _TAIL_BYTES, 0))
            tail = file.read()
            # A line that a power cut left half written is ended, and stays as the break that it is.
            start = b"" if not tail or tail.endswith(b"\n") else b"\n"
            lines = tail.splitlines()
            before = lines[-1][:64].decode("ascii", "replace") if lines else _BEGINNING
            file.write(start + f"{_seal(before, message)} {message}\n".encode())
            file.flush()
            os.fdatasync(file.fileno())


def verify(folder: Path) -> int:
    """Follow the chain from its beginning; return how many messages it holds.

    Raises
    ------
    DamagedFile
        A line was changed, removed, inserted or cut.
    """
    before, number = _BEGINNING, 0
    for number, line in enumerate(_lines(folder / FILE_NAME), 1):
        seal, _, message = line.partition(" ")
        if seal != _seal(before, message):
            raise DamagedFile(f"{folder / FILE_NAME}: the chain breaks at line {number}")
        before = seal
    return number


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n")


def _seal(before: str, message: str) -> str:
    return hashlib.sha256(f"{before} {message}".encode()).hexdigest()


def _as_xml(event: AuditEvent) -> str:
    root = Element("AuditMessage")
    identification = SubElement(
        root,
        "EventIdentification",
        EventActionCode=event.kind.action,
        EventDateTime=datetime.now(UTC).isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=str(event.outcome),
    )
    SubElement(
        identification,
        "EventID",
        {"csd-code": event.kind.code, "codeSystemName": _DCM, "originalText": event.kind.name},
    )
    SubElement(identification, "EventOutcomeDescription").text = _plain(event.what)
    who = {"UserID": _plain(event.who), "UserIsRequestor": "true"}
    if event.where:
        who |= {"NetworkAccessPointID": event.where, "NetworkAccessPointTypeCode": "2"}
    SubElement(root, "ActiveParticipant", who)
    SubElement(root, "AuditSourceIdentification", AuditSourceID="Faintline")
    for study in event.studies:
        SubElement(
            root,
            "ParticipantObjectIdentification",
            ParticipantObjectID=study,
            ParticipantObjectTypeCode="2",
            ParticipantObjectTypeCodeRole="3",
        )
    return tostring(root, encoding="unicode")


def _plain(text: str) -> str:
    """Control characters and what is not ASCII as escapes: neither belongs into a line of a log."""
    return text.encode("unicode_escape").decode("ascii")


def _send(address: tuple[str, int], message: str) -> None:
    """RFC 5424 over UDP; what gets lost on the way is in the file."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    head = f"<{_PRIORITY_OF_AUDIT}>1 {now} {socket.gethostname()} faintline {os.getpid()} DICOM+RFC3881 -"
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(f"{head} {message}".encode(), address)
