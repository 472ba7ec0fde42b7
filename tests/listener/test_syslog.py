"""Audit messages on their way to a syslog server: every transport, and a server that is down or slow."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers.certificates import certify
from peers.programs import wait_until

from listener import settings
from listener.audit import FILE_NAME, SUCCESS, TRANSFERRED, Audit, AuditEvent, verify

EVENT = AuditEvent(TRANSFERRED, SUCCESS, "PACS", "192.0.2.7", "association released", ("1.2.3",), "FAINTLINE")


def to(port: int, transport: str, authority: Path | None = None) -> settings.Audit:
    return settings.Audit.model_validate(
        {
            "syslog_host": "127.0.0.1",
            "syslog_port": port,
            "syslog_transport": transport,
            "syslog_authority": authority,
        }
    )


class Server:
    """A syslog server on a stream: its messages, framed by octet counts, and how many would not trust it."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.content = b""
        self.refusals = 0
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                self.connection = connection
                while received := connection.recv(65536):
                    self.content += received
            except ssl.SSLError:
                self.refusals += 1
            except OSError:
                if self._socket.fileno() < 0:
                    return

    def messages(self) -> list[str]:
        found, rest = [], self.content
        while rest:
            length, _, rest = rest.partition(b" ")
            found.append(rest[: int(length)].decode())
            rest = rest[int(length) :]
        return found

    def close(self) -> None:
        self._socket.close()


@contextmanager
def server(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    made = Server(context)
    try:
        yield made
    finally:
        made.close()


def assert_is_the_event(message: str) -> None:
    assert message.startswith("<85>1 ") and "<AuditMessage>" in message and "1.2.3" in message


def test_over_udp(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        Audit(tmp_path, to(receiver.getsockname()[1], "udp")).record(EVENT)
        assert_is_the_event(receiver.recv(65536).decode())


def test_over_tcp_and_again_after_the_server_began_anew(tmp_path: Path) -> None:
    with server() as first:
        audit = Audit(tmp_path, to(first.port, "tcp"))
        audit.record(EVENT)
        audit.record(EVENT)
        wait_until(lambda: len(first.messages()) == 2, "both arrive", 10)
        for message in first.messages():
            assert_is_the_event(message)
        port = first.port
    first.connection.shutdown(socket.SHUT_RDWR)
    second = Server(port=port)
    audit.record(EVENT)
    wait_until(lambda: len(second.messages()) == 1, "the next one arrives", 10)
    second.close()


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    certificate, key = certify(tmp_path, "syslog", "-addext", "subjectAltName=IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_over_tls_to_a_server_that_is_vouched_for_and_to_no_other(
    tmp_path: Path, certified: tuple[ssl.SSLContext, Path]
) -> None:
    context, authority = certified
    with server(context) as made:
        Audit(tmp_path / "trusting", to(made.port, "tls", authority)).record(EVENT)
        wait_until(lambda: len(made.messages()) == 1, "it arrives", 10)
        assert_is_the_event(made.messages()[0])
    with server(context) as made:
        Audit(tmp_path / "careful", to(made.port, "tls")).record(EVENT)
        wait_until(lambda: made.refusals == 2, "it is tried twice", 10)
        assert made.messages() == []


def test_a_server_that_accepts_and_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        audit = Audit(tmp_path, to(deaf.getsockname()[1], "tcp"))
        began = time.monotonic()
        for _ in range(50):
            audit.record(EVENT)
        assert time.monotonic() - began < 5
    assert verify(tmp_path) == 50 and (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_command_that_ends_at_once_has_sent_its_message(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from listener import settings; from listener.audit import *\n"
        "port = int(sys.argv[2])\n"
        "there = settings.Audit(syslog_host='127.0.0.1', syslog_port=port, syslog_transport='tcp')\n"
        "Audit(Path(sys.argv[1]), there).record(AuditEvent(STARTED, SUCCESS, 'x', '', '1.2.3'))"
    )
    with server() as made:
        subprocess.run([sys.executable, "-c", script, str(tmp_path), str(made.port)], check=True)
        wait_until(lambda: len(made.messages()) == 1, "it arrived", 5)
