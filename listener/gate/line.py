"""A connected socket in; exactly the bytes asked for out, within their deadline, or not at all."""

import contextlib
import socket
import ssl
import struct
import time

from listener.gate.errors import LineLost, TooSlow

_WRITING_SECONDS = 30.0
_TICK_SECONDS = 5.0
"""Deadlines of reads are multiples of it."""
_SHORTEST_SECONDS = 0.001
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1 << 20


class Line:
    """One connection; used by one thread, but for `drop`.

    A peer that sends with Nagle's algorithm holds its last segment back until we acknowledge the one before
    it, and the kernel delays that acknowledgement (RFC 1122 4.2.3.2): 40 ms an instance. The sender's side is
    not ours. The kernel delays as long as it takes the connection for a dialogue, that is from our last
    answer on; TCP_QUICKACK (tcp(7)) behind every answer takes that back.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(_TICK_SECONDS))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_WRITING_SECONDS))

    def read_into(self, view: memoryview, seconds: float) -> None:
        """Fill ``view``; raises `TooSlow` after ``seconds``, `LineLost` where the peer ends first."""
        self._read([view], seconds)

    def read_both_into(self, view: memoryview, following: memoryview, seconds: float) -> None:
        """Fill ``view``, and ``following`` with what comes behind it; raises what `read_into` raises."""
        self._read([view, following], seconds)

    def _read(self, views: list[memoryview], seconds: float) -> None:
        deadline, silent = time.monotonic() + seconds, True
        views = _unfilled(views, 0)
        try:
            while views:
                received = self._receive(views, deadline)
                if received == 0:
                    raise LineLost("the peer closed the connection")
                if received is not None:
                    silent, views = False, _unfilled(views, received)
                if views and time.monotonic() >= deadline:
                    raise TooSlow(f"{'silent' if silent else 'slow'} for {seconds:g} s")
        except OSError:
            raise LineLost("the connection broke") from None

    def write(self, content: bytes) -> None:
        """Send all of it; raises `TooSlow` where the peer does not take it, `LineLost` where it is gone."""
        try:
            self._socket.sendall(content)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except (BlockingIOError, TimeoutError):
            raise TooSlow("the peer does not read") from None
        except OSError:
            raise LineLost("the connection broke") from None

    def drop(self) -> None:
        """End it at once, from any thread: whoever reads from it gets `LineLost`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the peer close first, for a while (PS3.8 9.2.3, Sta13), so that it gets what was sent last.

        To close with unread bytes would reset the connection, and a reset overtakes the last answer.
        """
        with self._socket, contextlib.suppress(OSError):
            self._socket.settimeout(_LINGER_SECONDS)
            deadline, discarded = time.monotonic() + _LINGER_SECONDS, 0
            while time.monotonic() < deadline and discarded < _LINGER_BYTES:
                received = self._socket.recv(1 << 16)
                if not received:
                    break
                discarded += len(received)

    def _receive(self, views: list[memoryview], _deadline: float) -> int | None:
        """How many bytes came; None where none came for a while, 0 where none will come."""
        # The kernel waits for all of them in one call, for a tick at most.
        try:
            if len(views) == 1:
                return self._socket.recv_into(views[0], 0, socket.MSG_WAITALL)
            return self._socket.recvmsg_into(views, 0, socket.MSG_WAITALL)[0]
        except BlockingIOError:
            return None


def _unfilled(views: list[memoryview], received: int) -> list[memoryview]:
    """What is left to fill after so many bytes."""
    left = []
    for view in views:
        if received < len(view):
            left.append(view[received:] if received else view)
        received = max(received - len(view), 0)
    return left


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))


class SecureLine(Line):
    """The same over TLS, whose records cannot be waited for by the kernel."""

    @classmethod
    def over(cls, connection: socket.socket, context: ssl.SSLContext) -> "SecureLine":
        """Take a connection over; it is secure once hands are shaken."""
        return cls(context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False))

    def shake_hands(self, seconds: float) -> None:
        """TLS handshake; raises `TooSlow` or `LineLost`."""
        assert isinstance(self._socket, ssl.SSLSocket)
        self._socket.settimeout(seconds)
        try:
            self._socket.do_handshake()
        except TimeoutError:
            raise TooSlow(f"no handshake in {seconds:g} s") from None
        except OSError as error:
            raise LineLost(f"handshake failed ({getattr(error, 'reason', '') or 'closed'})") from None

    def write(self, content: bytes) -> None:
        """Send all of it, as over a plain line."""
        self._socket.settimeout(_WRITING_SECONDS)
        super().write(content)

    def _receive(self, views: list[memoryview], deadline: float) -> int | None:
        assert isinstance(self._socket, ssl.SSLSocket)
        self._socket.settimeout(max(deadline - time.monotonic(), _SHORTEST_SECONDS))
        try:
            return self._socket.recv_into(views[0])
        except ssl.SSLZeroReturnError:
            return 0
        except TimeoutError:
            return None
