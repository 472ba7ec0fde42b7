"""Destinations behind bad networks and behind TLS: an attempt ends in its time, and the next one succeeds."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ct_slices import ct_slice
from peers import dcmtk
from peers.certificates import certify
from peers.network import network
from peers.programs import free_port
from pydicom.uid import CTImageStorage

from listener.calling import Caller
from listener.delivery import Outcome, echo, send
from listener.gate.tls import client_context
from listener.settings import Destination, Tls
from listener.study import Delivery, DeliveryState

PLAIN = Caller("FAINTLINE", 1, Tls(), bytes_per_second=1 << 22)
LONGEST_S = 8
"""Of an attempt: three times the limit of a second, 8 MB at that rate, and as much again."""


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result of 8 MB: far more than fits into the buffers of a connection."""
    dataset = ct_slice(size=2000)
    path = tmp_path / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def attempt(result: Path, destination: Destination, caller: Caller = PLAIN) -> tuple[Outcome, str]:
    uid, now = result.stem, datetime.now(UTC)
    delivery = Delivery(
        1, "1.2", "1.9", "report", CTImageStorage, uid, "1.3", result, "pacs", False,
        DeliveryState.PENDING, 0, now, 0, "",
    )  # fmt: skip
    (made,) = send([delivery], result.parent, caller, destination)
    return made.outcome, made.remark


def at(port: int, **more: object) -> Destination:
    return Destination.model_validate(
        {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port, **more}
    )


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("passed", "rate"),
    [(0, 0), (40, 1), (5000, 0), (5000, 1)],
    ids=["nothing", "a byte a second", "stops in the data set", "a byte a second in the data set"],
)
def test_a_network_that_stops_is_given_up_in_time_and_the_next_attempt_succeeds(
    result: Path, tmp_path: Path, passed: int, rate: int
) -> None:
    threads = threading.active_count()
    with dcmtk.storescp(tmp_path / "pacs", "PACS", ("+xa", "--fork")) as pacs, network(pacs.port) as way:
        way.passes_bytes, way.bytes_per_second = passed, rate
        began = time.monotonic()
        outcome, _ = attempt(result, at(way.port))
        assert outcome is Outcome.LATER and time.monotonic() - began < LONGEST_S
        assert threading.active_count() <= threads + 4, "the attempt left threads behind"
        way.mend()
        assert attempt(result, at(way.port))[0] is Outcome.SENT
    assert len(list((tmp_path / "pacs").iterdir())) == 1


@pytest.mark.peers
def test_a_reset_in_mid_transfer_is_tried_later(result: Path, tmp_path: Path) -> None:
    with dcmtk.storescp(tmp_path / "pacs", "PACS", ("+xa", "--fork")) as pacs, network(pacs.port) as way:
        way.passes_bytes, way.resets = 5000, True
        assert attempt(result, at(way.port))[0] is Outcome.LATER


@contextmanager
def silent(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where connections are accepted and treated as told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connection, _ = server.accept()
                answer(connection)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def drip(connection: socket.socket) -> None:
    """Answer with the beginning of an A-ASSOCIATE-AC, a byte at a time."""
    connection.recv(4096)
    for byte in b"\x02\x00\x00\x01\x00\x00" + bytes(600):
        connection.sendall(bytes((byte,)))
        time.sleep(0.5)


def say_nothing(connection: socket.socket) -> None:
    time.sleep(60)
    connection.close()


@pytest.mark.parametrize("answer", [drip, say_nothing])
def test_a_destination_that_accepts_and_never_answers_is_given_up_in_time(
    result: Path, answer: Callable[[socket.socket], None]
) -> None:
    with silent(answer) as port:
        began = time.monotonic()
        assert attempt(result, at(port))[0] is Outcome.LATER
        assert time.monotonic() - began < LONGEST_S


def test_a_name_that_nobody_knows_is_said_and_tried_later(result: Path) -> None:
    nowhere = at(104).model_copy(update={"host": "pacs.invalid"})
    assert attempt(result, nowhere) == (Outcome.LATER, "the name pacs.invalid is not known")
    assert echo(PLAIN, nowhere) == "the name pacs.invalid is not known"


@pytest.mark.slow
def test_a_name_looked_up_for_longer_than_the_whole_call_may_take_does_not_make_it_endless(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def slowly(*arguments: Any, **more: Any) -> Any:
        time.sleep(LONGEST_S / 2)  # pynetdicom asks three times
        return look_up(*arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with silent(drip) as port:
        began = time.monotonic()
        assert attempt(result, at(port))[0] is Outcome.LATER
        assert time.monotonic() - began < 3 * LONGEST_S


# TLS


class Authority:
    """An authority of our own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.certificate, self.key = certify(folder, name)

    def issues(self, name: str, address: str = "IP:127.0.0.1") -> Tls:
        """A certificate for an address, and its key."""
        issuer = ("-CA", str(self.certificate), "-CAkey", str(self.key))
        extension = ("-addext", f"subjectAltName={address}", "-addext", "basicConstraints=critical,CA:FALSE")
        certificate, key = certify(self.folder, name, *issuer, *extension)
        return Tls(certificate=certificate, key=key)


@contextmanager
def secure_pacs(folder: Path, authority: Authority, own: Tls, *more: str) -> Iterator[int]:
    """dcmtk's storescp over TLS 1.2 and 1.3, which wants a certificate of the authority."""
    options = ("+xa", "+tls", str(own.key), str(own.certificate), "+cf", str(authority.certificate), *more)
    with dcmtk.storescp(folder, "PACS", options) as pacs:
        yield pacs.port


@pytest.mark.peers
def test_results_go_to_a_destination_over_mutual_tls(result: Path, tmp_path: Path) -> None:
    hospital = Authority(tmp_path, "hospital")
    ours, theirs = hospital.issues("ours"), hospital.issues("theirs")
    secure = at(free_port(), authority=hospital.certificate)
    with secure_pacs(tmp_path / "pacs", hospital, theirs) as port:
        pacs = secure.model_copy(update={"port": port})
        assert attempt(result, pacs, Caller("FAINTLINE", 5, ours)) == (Outcome.SENT, "")
        assert echo(Caller("FAINTLINE", 5, ours), pacs) is None
        assert attempt(result, pacs)[0] is Outcome.LATER, "without a certificate of our own"
        stranger = Authority(tmp_path, "stranger").issues("strange")
        assert attempt(result, pacs, Caller("FAINTLINE", 5, stranger))[0] is Outcome.LATER
        assert attempt(result, at(port), Caller("FAINTLINE", 2, ours))[0] is Outcome.LATER, "without TLS"
    assert len(list((tmp_path / "pacs").iterdir())) == 1


@pytest.mark.peers
def test_a_destination_that_another_authority_vouches_for_gets_nothing(result: Path, tmp_path: Path) -> None:
    hospital, stranger = Authority(tmp_path, "hospital"), Authority(tmp_path, "stranger")
    ours, false = hospital.issues("ours"), stranger.issues("false")
    with secure_pacs(tmp_path / "pacs", hospital, false) as port:
        pacs = at(port, authority=hospital.certificate)
        assert attempt(result, pacs, Caller("FAINTLINE", 5, ours))[0] is Outcome.LATER
    assert not list((tmp_path / "pacs").iterdir())


@pytest.mark.peers
def test_the_name_in_the_certificate_is_checked(result: Path, tmp_path: Path) -> None:
    hospital = Authority(tmp_path, "hospital")
    ours, other = (
        Caller("FAINTLINE", 5, hospital.issues("ours")),
        hospital.issues("other", "DNS:pacs.example"),
    )
    with secure_pacs(tmp_path / "pacs", hospital, other) as port:
        pacs = at(port, authority=hospital.certificate)
        assert attempt(result, pacs, ours)[0] is Outcome.LATER
        named = at(port, authority=hospital.certificate, certified_name="pacs.example")
        assert attempt(result, named, ours)[0] is Outcome.SENT


@pytest.mark.peers
def test_a_renewed_certificate_is_used_for_the_next_delivery(result: Path, tmp_path: Path) -> None:
    hospital = Authority(tmp_path, "hospital")
    ours, theirs = hospital.issues("ours"), hospital.issues("theirs")
    caller = Caller("FAINTLINE", 5, ours)
    assert ours.certificate is not None
    with secure_pacs(tmp_path / "pacs", hospital, theirs) as port:
        pacs = at(port, authority=hospital.certificate)
        ours.certificate.write_text("half a file")
        outcome, remark = attempt(result, pacs, caller)
        assert outcome is Outcome.LATER and "no TLS" in remark
        hospital.issues("ours")
        assert attempt(result, pacs, caller)[0] is Outcome.SENT


def test_versions_and_ciphers_are_those_of_bcp_195(tmp_path: Path) -> None:
    hospital = Authority(tmp_path, "hospital")
    context = client_context(Tls(), hospital.certificate)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names and not [name for name in names if "CBC" in name or "RC4" in name or name.startswith("AES")]
