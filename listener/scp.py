"""What the gate brings in; durable instances and notes for the registry out. The C-STORE and C-ECHO provider.

Who may come in, and what becomes of an instance, is decided here. A success answer means that the bytes
survive a power cut.
"""

import uuid
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

import structlog

from listener import commitment
from listener.audit import ADMITTED, MINOR_FAILURE, SUCCESS, TRANSFERRED, Audit, AuditEvent
from listener.commitment import CommitmentReport
from listener.contexts import supported_contexts
from listener.errors import ListenerError
from listener.gate.command import Command
from listener.gate.listening import Gate
from listener.gate.negotiation import Acceptor, Context, Requested
from listener.gate.room import Room
from listener.gate.tls import CurrentContext
from listener.reception import Reception
from listener.results.identity import IMPLEMENTATION_CLASS_UID
from listener.settings import Receiver, Tls
from listener.spool import IMPLEMENTATION_VERSION_NAME, Spool
from listener.study import ReceivedInstance

log = structlog.get_logger()

CALLED_NOT_RECOGNIZED = (1, 1, 7)
CALLING_NOT_RECOGNIZED = (1, 1, 3)
NO_REASON_GIVEN = (1, 1, 1)
"""Result, source, reason of A-ASSOCIATE-RJ (PS3.8 table 9-21)."""


class Notes(Protocol):
    """Where the provider notes what happened; must keep the order and never block for long."""

    def received(self, instance: ReceivedInstance) -> None:
        """Note a durable instance."""

    def opened(self, association: str, study_instance_uid: str) -> None:
        """Note that an association carries a study."""

    def closed(self, association: str) -> None:
        """Note that an association ended."""

    def committed(self, report: CommitmentReport) -> bool:
        """Note what a destination says of results that it took; False where nobody asked it."""


def serve(settings: Receiver, tls: Tls, spool: Spool, notes: Notes, audit: Audit) -> Gate:
    """Start accepting associations in background threads."""
    offers = [*supported_contexts(), commitment.context()]
    acceptor = Acceptor(IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, offers)
    room = Room(settings.maximum_associations, settings.maximum_associations_per_host)
    context = CurrentContext(tls) if tls.certificate is not None else None
    desk = Provider(settings, spool, notes, audit)
    return Gate((settings.host, settings.port), room, desk, acceptor, context)


class Provider:
    """Decides who comes in; called from many threads."""

    def __init__(self, settings: Receiver, spool: Spool, notes: Notes, audit: Audit) -> None:
        self._settings = settings
        self._spool = spool
        self._notes = notes
        self._audit = audit

    def rejection(self, requested: Requested, host: str) -> tuple[int, int, int] | None:
        """Turn away who calls somebody else, and who is not known: titles are names, not proof."""
        if requested.called_ae_title != self._settings.ae_title:
            return CALLED_NOT_RECOGNIZED
        if not self._is_admitted(requested.calling_ae_title, host):
            return CALLING_NOT_RECOGNIZED
        if requested.identifies_its_user and self._settings.user_identity == "refuse":
            return NO_REASON_GIVEN
        return None

    def rejected(self, requested: Requested, host: str, refusal: tuple[int, int, int]) -> None:
        """Say so in the log and in the audit trail."""
        calling, called = repr(requested.calling_ae_title), repr(requested.called_ae_title)
        log.warning(
            "association rejected",
            reason=refusal,
            host=host,
            calling_ae_title=calling,
            called_ae_title=called,
        )
        what = f"association rejected {refusal}: called {called}"
        self._audit.record(AuditEvent(ADMITTED, MINOR_FAILURE, requested.calling_ae_title, host, what))

    def _is_admitted(self, calling_ae_title: str, host: str) -> bool:
        if not (calling_ae_title.isascii() and calling_ae_title.isprintable() and calling_ae_title):
            return False
        callers, address = self._settings.callers, ip_address(host.partition("%")[0])
        return callers == "any" or any(
            caller.ae_title == calling_ae_title and caller.host in (None, address) for caller in callers
        )

    def accepted(self, requested: Requested, host: str) -> "Visit":
        """Begin to serve an association."""
        caller = Caller(requested.calling_ae_title, host)
        return Visit(self._settings, self._spool, self._notes, self._audit, caller)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who associated, and from where."""

    ae_title: str
    host: str


class Visit:
    """One association: begins its C-STOREs, and notes which studies it carries."""

    def __init__(self, settings: Receiver, spool: Spool, notes: Notes, audit: Audit, caller: Caller) -> None:
        self._maximum_bytes = settings.maximum_instance_mb << 20
        self._ae_title = settings.ae_title
        self._spool = spool
        self._notes = notes
        self._audit = audit
        self._caller = caller
        self._association = uuid.uuid4().hex
        self._carried: set[str] = set()
        self._instances = 0

    def storing(self, command: Command, context: Context) -> Reception:
        """Begin to take a data set."""
        return Reception(command, context, self._maximum_bytes, self._spool, self)

    def reported(self, command: Command, context: Context, content: bytes) -> int:
        """Answer one N-EVENT-REPORT: what a destination says of results that our deliveries asked about."""
        report = commitment.read_report(
            command.sop_class_uid, lambda: commitment.decoded(content, context.transfer_syntax)
        )
        if report is None:
            return commitment.INVALID_ARGUMENT
        try:
            known = self._notes.committed(report)
        except ListenerError:
            return commitment.PROCESSING_FAILURE
        log.info("storage commitment", kept=len(report.kept), failed=len(report.failed), known=known)
        return commitment.SUCCESS if known else commitment.PROCESSING_FAILURE

    def carries(self, study_instance_uid: str) -> None:
        """Note that an instance of a study is here; its study is not closed while the association lives."""
        if study_instance_uid not in self._carried:
            self._notes.opened(self._association, study_instance_uid)
            self._carried.add(study_instance_uid)

    def received(self, instance: ReceivedInstance) -> None:
        """Note a durable instance."""
        self._instances += 1
        self._notes.received(instance)

    def ended(self, how: str) -> None:
        """Note the end of the association, however it came."""
        if how != "released":
            log.warning("association ended", host=self._caller.host, how=how)
        if self._carried:
            self._notes.closed(self._association)
        kind = TRANSFERRED if self._instances else ADMITTED
        outcome = SUCCESS if how == "released" else MINOR_FAILURE
        what = f"association {how}; {self._instances} instances received"
        caller, studies = self._caller, tuple(sorted(self._carried))
        us = self._ae_title if kind is TRANSFERRED else ""
        self._audit.record(AuditEvent(kind, outcome, caller.ae_title, caller.host, what, studies, us))
