"""What happened in; audit messages in the form of PS3.15 A.5 out, to a file and, where set, to syslog.

Every line begins with the SHA-256 of itself and of the line before. Whoever changes, removes or inserts one
breaks the chain, and `verify` says where. To cut lines off the end leaves the chain whole; the copy that went
to syslog shows that. Studies are named by their UID. The patient, whom the standard's messages about
instances identify (PS3.15 A.5.3), is left out: what names nobody may be kept and shown without further care.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import structlog

from listener.durable_file import make_folder
from listener.errors import DamagedFile
from listener.settings import Audit as Configuration
from listener.syslog import Syslog

log = structlog.get_logger()

FILE_NAME = "audit.log"
_BEGINNING = "0" * 64
_TAIL_BYTES = 1 << 16
_DCM = "DCM"


Code = tuple[str, str]
"""Value and meaning, of the scheme DCM."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an event is called (PS3.16 CID 400), and what it does: create, read, update, delete or execute.

    ``type`` says more about it (CID 401); ``roles`` are those of its participants (CID 402).
    """

    code: str
    name: str
    action: str
    type: Code | None = None
    roles: tuple[Code, ...] = ()


_APPLICATION = (("110150", "Application"),)
_SOURCE_AND_DESTINATION = (("110153", "Source Role ID"), ("110152", "Destination Role ID"))
_NODE_AUTHENTICATION = ("110126", "Node Authentication")

STARTED = Kind("110100", "Application Activity", "E", ("110120", "Application Start"), _APPLICATION)
STOPPED = Kind("110100", "Application Activity", "E", ("110121", "Application Stop"), _APPLICATION)
TRANSFERRED = Kind("110104", "DICOM Instances Transferred", "C", None, _SOURCE_AND_DESTINATION)
ACCESSED = Kind("110103", "DICOM Instances Accessed", "R")
CHANGED = Kind("110103", "DICOM Instances Accessed", "U")
DELETED = Kind("110105", "DICOM Study Deleted", "D")
EXPORTED = Kind("110106", "Export", "R")
IMPORTED = Kind("110107", "Import", "C")
TRAIL_USED = Kind("110101", "Audit Log Used", "R")
ADMITTED = Kind("110113", "Security Alert", "E", _NODE_AUTHENTICATION)
"""An association, accepted or rejected as the outcome says (A.5.3.11: success is for information)."""

SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE = 0, 4, 8
"""EventOutcomeIndicator (RFC 3881 5.1.4)."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened.

    ``who`` is an AE title or a user, ``where`` an address or empty; so are ``to`` and ``at`` of the other
    side, where there is one.
    """

    kind: Kind
    outcome: int
    who: str
    where: str
    what: str
    studies: tuple[str, ...] = ()
    to: str = ""
    at: str = ""


class Audit:
    """The audit trail of one folder; every process and thread may write to it."""

    def __init__(self, folder: Path, settings: Configuration | None = None) -> None:
        make_folder(folder)
        self._path = folder / FILE_NAME
        self._syslog = Syslog(settings) if settings is not None and settings.syslog_host else None

    def record(self, event: AuditEvent) -> None:
        """Append one message; a trail that cannot be written is logged and stops nothing."""
        message = _as_xml(event)
        if self._syslog is not None:
            self._syslog.send(message)
        try:
            self._append(message)
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
    _coded(identification, "EventID", (event.kind.code, event.kind.name))
    if event.kind.type is not None:
        _coded(identification, "EventTypeCode", event.kind.type)
    SubElement(identification, "EventOutcomeDescription").text = _plain(event.what)
    roles = iter(event.kind.roles)
    for user, address, is_requestor in ((event.who, event.where, "true"), (event.to, event.at, "false")):
        if user or is_requestor == "true":
            participant = SubElement(root, "ActiveParticipant", _participant(user, address, is_requestor))
            if (role := next(roles, None)) is not None:
                _coded(participant, "RoleIDCode", role)
    SubElement(root, "AuditSourceIdentification", AuditSourceID="Faintline")
    for study in event.studies:
        named = SubElement(
            root,
            "ParticipantObjectIdentification",
            ParticipantObjectID=study,
            ParticipantObjectTypeCode="2",
            ParticipantObjectTypeCodeRole="3",
        )
        _coded(named, "ParticipantObjectIDTypeCode", ("110180", "Study Instance UID"))
    return tostring(root, encoding="unicode")


def _coded(parent: Element, name: str, code: Code) -> None:
    SubElement(parent, name, {"csd-code": code[0], "codeSystemName": _DCM, "originalText": code[1]})


def _participant(user: str, address: str, is_requestor: str) -> dict[str, str]:
    who = {"UserID": _plain(user), "UserIsRequestor": is_requestor}
    if not address:
        return who
    try:
        kind = "2" if ip_address(address.partition("%")[0]) else ""
    except ValueError:
        kind = "1"  # a name
    return who | {"NetworkAccessPointID": _plain(address), "NetworkAccessPointTypeCode": kind}


def _plain(text: str) -> str:
    """Control characters and what is not ASCII as escapes: neither belongs into a line of a log."""
    return text.encode("unicode_escape").decode("ascii")
