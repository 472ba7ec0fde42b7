"""A destination in; an association with it out, over TLS where that is set, and for a limited time.

pynetdicom waits for a peer as long as that moves at all, or for ever where it stops in the middle of a PDU or
reads nothing: here a connection is cut that lasts longer than its messages could take over a slow line.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from listener.contexts import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from listener.errors import CannotCall
from listener.gate.tls import client_context
from listener.requestor import serve_nobody_in
from listener.results.identity import IMPLEMENTATION_CLASS_UID
from listener.settings import Destination, Settings, Tls
from listener.spool import IMPLEMENTATION_VERSION_NAME

SLOWEST_BYTES_PER_SECOND = 1 << 14
"""A line that takes less is given up, and tried again later."""
_SYNTAXES = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who we are to a destination, how long it may be silent, and what it must take in a second."""

    ae_title: str
    timeout_seconds: float
    tls: Tls
    bytes_per_second: float = SLOWEST_BYTES_PER_SECOND

    @classmethod
    def of(cls, settings: Settings) -> "Caller":
        """As the settings say."""
        return cls(settings.receiver.ae_title, settings.delivery.timeout_seconds, settings.tls)

    @contextmanager
    def call(
        self,
        destination: Destination,
        sop_classes: Iterable[str],
        exchanges: int = 1,
        size_bytes: int = 0,
        handlers: Sequence[EventHandlerType] = (),
    ) -> Iterator[Association]:
        """Associate for so many ``exchanges`` of messages with ``size_bytes`` in all; release at the end.

        The association may not be established: `why_not` and `accepts_none` say more. Raises `CannotCall`
        where the files for TLS cannot be used, or the destination's name is not known.
        """
        secure = _tls(self.tls, destination)
        sending_seconds = size_bytes / self.bytes_per_second
        application = self._application(self.timeout_seconds + sending_seconds)
        for sop_class in sop_classes:
            application.add_requested_context(sop_class, _SYNTAXES)
        with _cut_after(self.timeout_seconds * (2 + exchanges) + sending_seconds) as opened:
            try:
                association = application.associate(
                    destination.host,
                    destination.port,
                    ae_title=destination.ae_title,
                    evt_handlers=[opened, *handlers],
                    tls_args=secure,
                )
            except socket.gaierror as error:
                raise CannotCall(f"the name {destination.host} is not known") from error
            try:
                yield association
            finally:
                if association.is_established:
                    association.release()

    def _application(self, answer_seconds: float) -> AE:
        """Our side of an association, without any presentation context."""
        _config.LOG_REQUEST_IDENTIFIERS = False
        _config.LOG_RESPONSE_IDENTIFIERS = False
        application = AE(self.ae_title)
        application.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        application.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        application.acse_timeout = application.connection_timeout = self.timeout_seconds
        application.dimse_timeout = application.network_timeout = answer_seconds
        return application


def why_not(association: Association) -> str:
    """Say in plain words why there is no association."""
    if association.is_rejected:
        return "the destination rejected the association (does it know our AE title?)"
    if association.is_aborted:
        return "no connection to the destination, or it aborted the association"
    return "no association with the destination"


def accepts_none(association: Association) -> bool:
    """Whether the peer was there, and accepts nothing of what was proposed: pynetdicom then aborts."""
    return bool(association.rejected_contexts) and not association.accepted_contexts


def _tls(tls: Tls, destination: Destination) -> tuple[ssl.SSLContext, str] | None:
    """What pynetdicom needs for TLS, from the files as they are now; None where it is not set."""
    if destination.authority is None:
        return None
    try:
        context = client_context(tls, destination.authority)
    except OSError as error:
        raise CannotCall(
            f"no TLS: certificate, key or authority unusable ({type(error).__name__})"
        ) from error
    return context, destination.certified_name or destination.host


@contextmanager
def _cut_after(seconds: float) -> Iterator[EventHandlerType]:
    """A handler that notes the connection of an association; it is cut when the time is over."""
    connections: list[socket.socket] = []
    is_over = threading.Event()

    def opened(event: Event) -> None:
        assert event.assoc.dul.socket is not None and event.assoc.dul.socket.socket is not None
        connections.append(event.assoc.dul.socket.socket)
        serve_nobody_in(event.assoc)
        if is_over.is_set():  # a name that took so long to look up
            cut()

    def cut() -> None:
        is_over.set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield evt.EVT_CONN_OPEN, opened
    finally:
        timer.cancel()
