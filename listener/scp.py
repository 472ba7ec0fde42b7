"""Associations in; durable instances and notes for the registry out. The C-STORE and C-ECHO provider.

The touch points with pynetdicom sit in this module: negotiation, verification and message handling are its,
what becomes of an instance is decided here. A success answer means that the bytes survive a power cut.
"""

import traceback
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Protocol

import structlog
from pynetdicom import AE, _config, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.transport import ThreadedAssociationServer

from listener import commitment
from listener.commitment import CommitmentReport
from listener.contexts import supported_contexts
from listener.dataset_walk import CANNOT_UNDERSTAND, DOES_NOT_MATCH, walk
from listener.errors import ListenerError, RefusedInstance
from listener.results.identity import IMPLEMENTATION_CLASS_UID
from listener.settings import Receiver
from listener.spool import IMPLEMENTATION_VERSION_NAME, OUT_OF_RESOURCES, Outcome, Spool
from listener.study import InstanceHeader, ReceivedInstance

log = structlog.get_logger()

SUCCESS = 0x0000
COERCION = 0xB000
"""Warning (PS3.4 table B.2-1): another instance with this UID and other bytes is kept beside it."""

MAXIMUM_PDU_BYTES = 1 << 17
_IDLE_SECONDS = 60
_ACSE_SECONDS = 30
_NOBODY = "NOT ADMITTED"


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


def serve(settings: Receiver, spool: Spool, notes: Notes) -> ThreadedAssociationServer:
    """Start accepting associations in background threads."""
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.LOG_HANDLER_LEVEL = "none"
    application = AE(settings.ae_title)
    application.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    application.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    application.supported_contexts = [*supported_contexts(), commitment.context()]
    application.maximum_pdu_size = MAXIMUM_PDU_BYTES
    application.maximum_associations = settings.maximum_associations
    application.acse_timeout = _ACSE_SECONDS
    application.dimse_timeout = _ACSE_SECONDS
    application.network_timeout = _IDLE_SECONDS
    application.require_called_aet = True
    if settings.callers != "any":
        application.require_calling_aet = [caller.ae_title for caller in settings.callers] or [_NOBODY]
    provider = _Provider(settings, spool, notes)
    handlers: list[EventHandlerType] = [
        (evt.EVT_REQUESTED, provider.requested),
        (evt.EVT_C_STORE, provider.store),
        (evt.EVT_N_EVENT_REPORT, provider.committed),
        (evt.EVT_RELEASED, provider.ended),
        (evt.EVT_ABORTED, provider.aborted),
        (evt.EVT_CONN_CLOSE, provider.ended),
        (evt.EVT_REJECTED, provider.rejected),
    ]
    server = application.start_server((settings.host, settings.port), block=False, evt_handlers=handlers)
    assert isinstance(server, ThreadedAssociationServer)
    return server


class _Provider:
    """Handles the events of every association; called from many threads."""

    def __init__(self, settings: Receiver, spool: Spool, notes: Notes) -> None:
        self._settings = settings
        self._spool = spool
        self._notes = notes
        self._carried: dict[str, set[str]] = {}

    def requested(self, event: Event) -> None:
        """Turn away a known title that calls from another address: titles are names, not proof."""
        request = event.assoc.requestor.primitive
        assert request is not None
        address = ip_address(event.assoc.requestor.address)
        if self._settings.callers == "any":
            return
        admitted = any(
            caller.ae_title == request.calling_ae_title and caller.host in (None, address)
            for caller in self._settings.callers
        )
        if not admitted:
            log.warning(
                "caller not admitted", calling_ae_title=repr(request.calling_ae_title), host=str(address)
            )
            request.calling_ae_title = _NOBODY + "!"

    def rejected(self, event: Event) -> None:
        """Say that an association was rejected."""
        log.info("association rejected", host=event.assoc.requestor.address)

    def aborted(self, event: Event) -> None:
        """Say that an association was aborted, by the peer or because of it; its end is noted on close."""
        log.warning("association aborted", host=event.assoc.requestor.address)

    def store(self, event: Event) -> int:
        """Answer one C-STORE (PS3.4 B.2.3) once the instance is durable, or refuse it."""
        try:
            return self._store(event)
        except RefusedInstance as refusal:
            log.warning("instance refused", status=f"0x{refusal.status:04X}", reason=str(refusal))
            return refusal.status
        except Exception as error:  # noqa: BLE001  (the edge of one C-STORE)
            # The message of a foreign exception may quote header values: only its kind and place are logged.
            where = traceback.format_tb(error.__traceback__)
            log.error("instance refused after an unexpected error", kind=type(error).__name__, where=where)
            return OUT_OF_RESOURCES

    def _store(self, event: Event) -> int:
        request = event.request
        assert isinstance(request, C_STORE)
        if request.DataSet is None:
            raise RefusedInstance(CANNOT_UNDERSTAND, "no data set")
        data = request.DataSet.getbuffer()
        if len(data) > self._settings.maximum_instance_mb << 20:
            raise RefusedInstance(OUT_OF_RESOURCES, "instance larger than maximum_instance_mb")
        transfer_syntax_uid = str(event.context.transfer_syntax)
        header = walk(data, transfer_syntax_uid)
        _demand_agreement(request, event.context.abstract_syntax, header)
        association = event.assoc.name + hex(id(event.assoc))
        self._note_carried(association, header.study_instance_uid)
        stored = self._spool.store(header, transfer_syntax_uid, data)
        self._notes.received(
            ReceivedInstance(header, stored.name, stored.sha256, transfer_syntax_uid, datetime.now(UTC))
        )
        if stored.outcome is Outcome.CONFLICT:
            log.warning("conflicting duplicate kept aside", sop_instance_uid=header.sop_instance_uid)
            return COERCION
        return SUCCESS

    def _note_carried(self, association: str, study_instance_uid: str) -> None:
        carried = self._carried.setdefault(association, set())
        if study_instance_uid not in carried:
            carried.add(study_instance_uid)
            self._notes.opened(association, study_instance_uid)

    def committed(self, event: Event) -> tuple[int, None]:
        """Answer one N-EVENT-REPORT about a storage commitment that our deliveries asked for."""
        report = commitment.read_report(
            str(event.request.AffectedSOPClassUID), lambda: event.event_information
        )
        if report is None:
            return commitment.INVALID_ARGUMENT, None
        try:
            known = self._notes.committed(report)
        except ListenerError:
            return commitment.PROCESSING_FAILURE, None
        log.info("storage commitment", kept=len(report.kept), failed=len(report.failed), known=known)
        return (commitment.SUCCESS if known else commitment.PROCESSING_FAILURE), None

    def ended(self, event: Event) -> None:
        """Note the end of an association, however it came."""
        association = event.assoc.name + hex(id(event.assoc))
        if self._carried.pop(association, None) is not None:
            self._notes.closed(association)


def _demand_agreement(request: C_STORE, abstract_syntax: str, header: InstanceHeader) -> None:
    """The command, the data set and the presentation context must name the same thing (PS3.4 B.2.2)."""
    if request.AffectedSOPClassUID != abstract_syntax:
        raise RefusedInstance(DOES_NOT_MATCH, "SOP class of command and presentation context differ")
    if request.AffectedSOPClassUID != header.sop_class_uid:
        raise RefusedInstance(DOES_NOT_MATCH, "SOP class of command and data set differ")
    if request.AffectedSOPInstanceUID != header.sop_instance_uid:
        raise RefusedInstance(DOES_NOT_MATCH, "SOP Instance UID of command and data set differ")
