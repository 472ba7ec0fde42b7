"""A bad network on loopback: what a sender sends and a destination answers goes through as the test says."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Network:
    """A way to a port of loopback.

    Attributes
    ----------
    port : where to connect instead
    passes_bytes : so many bytes of a connection get through to the destination before it behaves as told
    bytes_per_second : what gets through after that; 0 is a partition: connections stand, nothing arrives
    resets : whether a connection is reset at that point instead
    """

    behind: int
    passes_bytes: float = float("inf")
    bytes_per_second: float = 0
    resets: bool = False
    connections: int = 0
    _server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        port: int = self._server.getsockname()[1]
        return port

    def mend(self) -> None:
        """From now on everything gets through; what stood still is gone, as after a restart of a router."""
        self.passes_bytes, self.resets = float("inf"), False
        self._cut()

    def _cut(self) -> None:
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self.behind))
            except OSError:
                return
            self.connections += 1
            # Little fits into the buffers on the way, so that what is not passed on is noticed.
            near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            self._open += (near, far)
            threading.Thread(target=self._forward, args=(near, far), daemon=True).start()
            threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError), near, far, _ended(far):
            while True:
                if passed >= self.passes_bytes:
                    if self.resets:
                        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        return
                    time.sleep(1 / self.bytes_per_second if self.bytes_per_second else 0.1)
                    content = near.recv(1) if self.bytes_per_second else b" "
                    if content and self.bytes_per_second:
                        far.sendall(content)
                else:
                    content = near.recv(int(min(4096, self.passes_bytes - passed)))
                    far.sendall(content)
                    passed += len(content)
                if not content:
                    return

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := far.recv(4096):
                near.sendall(content)
            near.shutdown(socket.SHUT_WR)


@contextmanager
def _ended(connection: socket.socket) -> Iterator[None]:
    """Shut it down at the end: closing alone does nothing while another thread reads from it."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def network(behind: int) -> Iterator[Network]:
    """A way to the port that ends with the block."""
    made = Network(behind)
    threading.Thread(target=made._accept, daemon=True).start()
    try:
        yield made
    finally:
        made._server.close()
        made._cut()
