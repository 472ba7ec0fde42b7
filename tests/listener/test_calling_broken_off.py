"""A peer that breaks off, or speaks unasked, while we wait or between two results: the call ends soon."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ct_slices import ct_slice
from peers.programs import free_port, wait_until
from pydicom.uid import CTImageStorage
from pynetdicom import AE, evt
from pynetdicom.events import Event

from listener.calling import Caller
from listener.delivery import Attempt, Outcome, send
from listener.settings import Destination, Tls
from listener.study import Delivery, DeliveryState

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 20.0
SOON_S = 8.0
"""Far less than the time limit: what has ended is not waited for."""
RESULTS = 5
CALLER = Caller("FAINTLINE", TIMEOUT_SECONDS, Tls())

Misdeed = Callable[[Event], None]


def line(event: Event) -> socket.socket:
    """The connection, past the peer's own state machine."""
    assert event.assoc.dul.socket is not None and event.assoc.dul.socket.socket is not None
    return event.assoc.dul.socket.socket


def written(event: Event, content: bytes) -> None:
    line(event).sendall(content)


def release(event: Event) -> None:
    written(event, b"\x05\0\0\0\0\x04\0\0\0\0")


def abort(event: Event) -> None:
    written(event, b"\x07\0\0\0\0\x04\0\0\0\0")


def hang_up(event: Event) -> None:
    line(event).shutdown(socket.SHUT_RDWR)


def ask_for_an_echo(event: Event) -> None:
    """A C-ECHO-RQ on the context of the images."""
    written(event, pdata(command(0x0030, 0x0101)))


def report_on_a_commitment(event: Event) -> None:
    """An N-EVENT-REPORT-RQ, which nobody agreed to."""
    written(event, pdata(command(0x0100, 0x0101)))


def answer_nonsense(event: Event) -> None:
    """A command of noise."""
    written(event, pdata(b"\xff" * 40))


def command(field: int, data_set_type: int) -> bytes:
    """A command set with the least elements (PS3.7 E.1)."""

    def element(number: int, value: bytes) -> bytes:
        return b"\0\0" + number.to_bytes(2, "little") + len(value).to_bytes(4, "little") + value

    body = (
        element(0x0002, b"1.2.840.10008.1.1\0")
        + element(0x0100, field.to_bytes(2, "little"))
        + element(0x0110, b"\x07\0")
        + element(0x0800, data_set_type.to_bytes(2, "little"))
    )
    return element(0x0000, len(body).to_bytes(4, "little")) + body


def pdata(content: bytes) -> bytes:
    """One P-DATA-TF with one whole command on context 1 (PS3.8 9.3.5)."""
    value = (len(content) + 2).to_bytes(4, "big") + b"\x01\x03" + content
    return b"\x04\0" + len(value).to_bytes(4, "big") + value


@contextmanager
def pacs(misdeed: Misdeed, is_meanwhile: bool) -> Iterator[int]:
    """A peer that stores one result and misbehaves: while we wait for the next answer, or before."""
    over, stored = threading.Event(), 0

    def store(event: Event) -> int:
        nonlocal stored
        stored += 1
        if stored == 2 and is_meanwhile:
            misdeed(event)
            over.wait(4 * TIMEOUT_SECONDS)
        return 0x0000

    def answered(event: Event) -> None:
        # What we do now is on the line before the next request is read.
        if stored == 1 and not is_meanwhile and type(event.pdu).__name__ == "P_DATA_TF":
            misdeed(event)

    peer = AE("PACS")
    peer.add_supported_context(CTImageStorage)
    server = peer.start_server(
        ("127.0.0.1", port := free_port()),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, store), (evt.EVT_PDU_SENT, answered)],
    )
    assert server is not None
    try:
        yield port
    finally:
        over.set()
        server.shutdown()


def attempt(folder: Path, port: int) -> list[Attempt]:
    """Send five small results over one association."""
    path = folder / "result.dcm"
    dataset = ct_slice()
    dataset.save_as(path, enforce_file_format=True)
    now = datetime.now(UTC)
    deliveries = [
        Delivery(
            number, "1.2", "1.9", "report", CTImageStorage, dataset.SOPInstanceUID, "1.3", path, "pacs",
            False, DeliveryState.PENDING, 0, now, 0, "",
        )
        for number in range(RESULTS)
    ]  # fmt: skip
    to = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
    return send(deliveries, folder, CALLER, to)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("is_meanwhile", [True, False], ids=["while we wait", "between two results"])
@pytest.mark.parametrize(
    "misdeed", [release, abort, hang_up, ask_for_an_echo, report_on_a_commitment, answer_nonsense]
)
def test_an_association_that_ends_or_breaks_is_over_at_once_and_what_is_left_goes_later(
    tmp_path: Path, misdeed: Misdeed, is_meanwhile: bool
) -> None:
    threads = threading.active_count()
    with pacs(misdeed, is_meanwhile) as port:
        began = time.monotonic()
        attempts = attempt(tmp_path, port)
        assert time.monotonic() - began < SOON_S
    outcomes = [each.outcome for each in attempts]
    assert outcomes[0] is Outcome.SENT and outcomes[-1] is Outcome.LATER
    assert set(outcomes) == {Outcome.SENT, Outcome.LATER}
    wait_until(lambda: threading.active_count() <= threads, "no thread is left", timeout_s=10)
