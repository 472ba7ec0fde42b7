"""A connected socket in; exactly the bytes asked for out, within their deadline, or not at all."""

import contextlib
import socket
import ssl
import struct
import time

from listener.gate.errors import LineLost, TooSlow

_WRITING_SECONDS = 30.0
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
        self._seconds = -1.0
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_WRITING_SECONDS))

    def read_into(self, view: memoryview, seconds: float) -> None:
        """Fill ``view``; raises `TooSlow` after ``seconds``, `LineLost` where the peer ends first."""
        self._wait_at_most(seconds)
        deadline = time.monotonic() + seconds
        try:
            filled = self._receive(view)
            while filled < len(view):
                if time.monotonic() >= deadline:
                    raise TooSlow(f"sent {filled} of {len(view)} bytes in {seconds:g} s")
                received = self._receive(view[filled:])
                if not received:
                    raise LineLost("the peer closed the connection")
                filled += received
        except (BlockingIOError, TimeoutError):
            raise TooSlow(f"silent for {seconds:g} s") from None
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

    def _wait_at_most(self, seconds: float) -> None:
        if seconds != self._seconds:
            self._seconds = seconds
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))

    def _receive(self, view: memoryview) -> int:
        # The kernel waits for all of it, at most as long as SO_RCVTIMEO says, in one call.
        return self._socket.recv_into(view, len(view), socket.MSG_WAITALL)


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

    def _wait_at_most(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def _receive(self, view: memoryview) -> int:
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            return self._socket.recv_into(view)
        except ssl.SSLZeroReturnError:
            return 0
