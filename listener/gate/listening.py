"""An address in; a thread for each connection out. Nothing here waits for a peer."""

import contextlib
import socket
import threading
import time

import structlog

from listener.gate.association import REQUEST_SECONDS, Desk, attend
from listener.gate.errors import GateError
from listener.gate.line import Line, SecureLine
from listener.gate.negotiation import Acceptor
from listener.gate.room import Guest, Room
from listener.gate.tls import CurrentContext

log = structlog.get_logger()

_BACKLOG = 512
_PAUSE_SECONDS = 0.05
_FAREWELL_SECONDS = 5.0


class Gate:
    """The listening socket and the threads behind it; ends with `shutdown`."""

    def __init__(
        self, address: tuple[str, int], room: Room, desk: Desk, acceptor: Acceptor, tls: CurrentContext | None
    ) -> None:
        self._room = room
        self._desk = desk
        self._acceptor = acceptor
        self._tls = tls
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=_BACKLOG)
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, name="gate", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Accept nobody any more, and end what is open; what was acknowledged is durable already."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        self._room.drop_all()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while not self._room.is_empty() and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, address = self._socket.accept()
            except OSError as error:
                if not self._stopping:
                    # Out of descriptors or memory: those who are here will leave some.
                    log.warning("cannot accept a connection", kind=error.strerror)
                    time.sleep(_PAUSE_SECONDS)
                continue
            self._admit(connection, address[0])

    def _admit(self, connection: socket.socket, host: str) -> None:
        guest = Guest(host.removeprefix("::ffff:"), Line(connection))
        self._room.enter(guest)
        try:
            threading.Thread(target=self._attend, args=(guest, connection), daemon=True).start()
        except RuntimeError:
            log.warning("cannot start a thread for a connection")
            self._room.leave(guest)
            connection.close()

    def _attend(self, guest: Guest, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                secure = SecureLine.over(connection, self._tls.get())
                guest.line = secure
                secure.shake_hands(REQUEST_SECONDS)
            attend(guest, self._room, self._desk, self._acceptor)
        except GateError as error:
            log.info("no TLS connection", host=guest.host, reason=str(error))
        finally:
            self._room.dismiss(guest)
            guest.line.close()
            self._room.leave(guest)
