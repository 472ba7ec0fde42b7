"""Audit messages in; RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425) out, as PS3.15 A.6 asks.

Messages leave from a thread of its own, so that a server that is slow or down holds nobody up. What cannot be
sent is dropped: the file has every message.
"""

import atexit
import contextlib
import os
import queue
import socket
import ssl
import threading
from datetime import UTC, datetime

import structlog

from listener.settings import Audit

log = structlog.get_logger()

_PRIORITY_OF_AUDIT = 85
"""Facility authpriv (10), severity notice (5): PS3.15 A.6.2 leaves both to us."""
_MOST_WAITING = 10_000
_SECONDS = 5.0
"""For a connection, a handshake, a message; and for what is left when the process ends."""


class Syslog:
    """A way to one server, made when first needed and again when it breaks."""

    def __init__(self, settings: Audit) -> None:
        self._settings = settings
        self._connection: socket.socket | None = None
        self._waiting: queue.Queue[str | None] = queue.Queue(_MOST_WAITING)
        self._is_told = False
        self._thread = threading.Thread(target=self._run, name="syslog", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def send(self, message: str) -> None:
        """Hand a message over; returns at once."""
        try:
            self._waiting.put_nowait(_headed(message))
        except queue.Full:
            self._tell("more than the server takes")

    def close(self) -> None:
        """Send what is left, for a while."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(_SECONDS)

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            try:
                self._deliver(message.encode())
                self._is_told = False
            except OSError:
                self._forget()
                try:  # a connection that stood idle may have ended unnoticed
                    self._deliver(message.encode())
                except OSError as error:
                    self._forget()
                    self._tell(type(error).__name__)

    def _deliver(self, message: bytes) -> None:
        if self._connection is None:
            self._connection = self._connect()
        elif self._settings.syslog_transport != "udp":
            self._demand_open(self._connection)
        if self._settings.syslog_transport == "udp":
            self._connection.send(message)
        else:
            self._connection.sendall(b"%d %s" % (len(message), message))  # octet counting, RFC 5425 4.3

    def _connect(self) -> socket.socket:
        address = (self._settings.syslog_host, self._settings.syslog_port)
        if self._settings.syslog_transport == "udp":
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_DGRAM)
            connection.connect(address)
            return connection
        connection = socket.create_connection(address, _SECONDS)
        if self._settings.syslog_transport == "tcp":
            return connection
        authority = self._settings.syslog_authority
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context.wrap_socket(connection, server_hostname=address[0])

    @staticmethod
    def _demand_open(connection: socket.socket) -> None:
        """A syslog server says nothing: what can be read is the end, which a send would not notice."""
        connection.settimeout(0)
        try:
            if not connection.recv(1):
                raise ConnectionResetError
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        finally:
            connection.settimeout(_SECONDS)

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _tell(self, kind: str) -> None:
        if not self._is_told:
            log.error("audit messages do not reach the syslog server", kind=kind)
            self._is_told = True


def _headed(message: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    host = socket.gethostname()
    return f"<{_PRIORITY_OF_AUDIT}>1 {now} {host} faintline {os.getpid()} DICOM+RFC3881 - {message}"
