"""A destination that answers twice, or something else than it was asked: only what it took counts."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ct_slices import ct_slice
from peers import wire
from pydicom.uid import CTImageStorage

from listener.calling import Caller
from listener.confirmation import Word, confirm
from listener.delivery import Outcome, echo, send
from listener.settings import Destination, Tls
from listener.study import Delivery, DeliveryState

CALLER = Caller("FAINTLINE", 10, Tls())
RESULTS = 3
ECHO, STORE, FIND, ACTION = 0x0030, 0x0001, 0x0020, 0x0130
RESPONSE = 0x8000
COMMITMENT, QUERY = "1.2.840.10008.1.20.1", "1.2.840.10008.5.1.4.1.2.2.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response without a data set, and the presentation context that it goes out on."""

    field: int
    responded_to: int
    context: int
    status: int = 0x0000

    def to_bytes(self) -> bytes:
        """As one P-DATA-TF."""
        elements = [
            wire.element(0, number, b"", struct.pack("<H", value))
            for number, value in ((0x0120, self.responded_to), (0x0900, self.status))
        ]
        content = wire.command(self.field, *elements, message_id=None, data_set=0x0101)
        return wire.pdu(wire.P_DATA, wire.pdv(self.context, 3, content))


Answering = Callable[[Answer], list[Answer]]
"""From the right answer to those that are given."""


def rightly(right: Answer) -> list[Answer]:
    return [right]


def twice(right: Answer) -> list[Answer]:
    return [right, right]


def to_another_message(right: Answer) -> list[Answer]:
    return [replace(right, responded_to=right.responded_to + 1)]


def to_another_kind_of_message(right: Answer) -> list[Answer]:
    return [replace(right, field=RESPONSE | (STORE if right.field == RESPONSE | ECHO else ECHO))]


def on_another_context(right: Answer) -> list[Answer]:
    return [replace(right, context=right.context ^ 2)]


class Peer:
    """Takes one association, accepts every context, and gives the first message its answers.

    The messages after it are answered rightly where the first was, and not at all where it was not.
    """

    def __init__(self, line: socket.socket, answering: Answering) -> None:
        self._line, self._answering = line, answering
        self.asked: list[int] = []
        self._command = b""

    def serve(self) -> None:
        """Until the other side leaves."""
        with suppress(OSError, EOFError), self._line:
            while True:
                kind, length = struct.unpack(">BxI", self._exactly(6))
                self._react(kind, self._exactly(length))

    def _exactly(self, size: int) -> bytes:
        content = self._line.recv(size, socket.MSG_WAITALL) if size else b""
        if len(content) < size:
            raise EOFError
        return content

    def _react(self, kind: int, body: bytes) -> None:
        if kind == wire.RQ:
            self._line.sendall(wire.pdu(wire.AC, accepted(body)))
        elif kind == wire.RELEASE_RQ:
            self._line.sendall(wire.pdu(wire.RELEASE_RP, bytes(4)))
        elif kind == wire.P_DATA:
            while body:
                (length,) = struct.unpack(">I", body[:4])
                self._value(body[4], body[5], body[6 : 4 + length])
                body = body[4 + length :]

    def _value(self, context: int, control: int, content: bytes) -> None:
        if control == 3:
            self._command = content
        field, number, data_set = (number_in(self._command, tag) for tag in (0x0100, 0x0110, 0x0800))
        if control & 2 and bool(control & 1) == (data_set == 0x0101):
            self.asked.append(number)
            for answer in self._answers(Answer(RESPONSE | field, number, context)):
                self._line.sendall(answer.to_bytes())

    def _answers(self, right: Answer) -> list[Answer]:
        if self._answering is rightly:
            return [right]
        return self._answering(right) if len(self.asked) == 1 else []


def number_in(command: bytes, tag: int) -> int:
    """A US of a command set."""
    at = command.index(struct.pack("<HHI", 0, tag, 2)) + 8
    return int.from_bytes(command[at : at + 2], "little")


def accepted(request: bytes) -> bytes:
    """The body of the A-ASSOCIATE-AC that takes every context as it was proposed first."""
    body, contexts, at = request[:68], [], 68
    while at < len(request):
        kind, length = struct.unpack(">BxH", request[at : at + 4])
        if kind == 0x20:
            contexts.append(
                wire.item(0x21, bytes((request[at + 4], 0, 0, 0)) + first_syntax(request[at + 8 :]))
            )
        at += 4 + length
    application = wire.item(0x10, wire.APPLICATION_CONTEXT.encode())
    return b"".join((body, application, *contexts, wire.user_information()))


def first_syntax(items: bytes) -> bytes:
    """The first transfer syntax item."""
    (abstract,) = struct.unpack(">2xH", items[:4])
    syntax = items[4 + abstract :]
    (length,) = struct.unpack(">2xH", syntax[:4])
    return syntax[: 4 + length]


@contextmanager
def answering(how: Answering) -> Iterator[tuple[Destination, list[int]]]:
    """A destination that answers so, and the Message IDs that it was asked."""
    asked: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            peer = Peer(door.accept()[0], how)
            peer.asked = asked
            peer.serve()

        threading.Thread(target=serve, daemon=True).start()
        yield Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=door.getsockname()[1]), asked


@pytest.fixture
def deliveries(tmp_path: Path) -> list[Delivery]:
    made = []
    for number in range(RESULTS):
        dataset, path = ct_slice(), tmp_path / f"{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        made.append(
            Delivery(
                number, "1.2", "1.9", "report", CTImageStorage, dataset.SOPInstanceUID, "1.3", path, "pacs",
                False, DeliveryState.SENT, 0, datetime.now(UTC), 0, "",
            )
        )  # fmt: skip
    return made


WRONGLY = [to_another_message, to_another_kind_of_message, on_another_context]


def test_every_message_has_a_number_of_its_own(tmp_path: Path, deliveries: list[Delivery]) -> None:
    with answering(rightly) as (destination, asked):
        attempts = send(deliveries, tmp_path, CALLER, destination)
    assert [attempt.outcome for attempt in attempts] == [Outcome.SENT] * RESULTS
    assert len(set(asked)) == RESULTS


def test_an_answer_that_is_given_twice_counts_once(tmp_path: Path, deliveries: list[Delivery]) -> None:
    with answering(twice) as (destination, _):
        attempts = send(deliveries, tmp_path, CALLER, destination)
    assert [attempt.outcome for attempt in attempts] == [Outcome.SENT, Outcome.LATER, Outcome.LATER]
    assert "something else than what it was asked" in attempts[1].remark


@pytest.mark.parametrize("how", WRONGLY)
def test_a_result_is_not_delivered_by_an_answer_to_something_else(
    tmp_path: Path, deliveries: list[Delivery], how: Answering
) -> None:
    with answering(how) as (destination, _):
        attempts = send(deliveries, tmp_path, CALLER, destination)
    assert [attempt.outcome for attempt in attempts] == [Outcome.LATER] * RESULTS


@pytest.mark.parametrize("how", WRONGLY)
def test_a_commitment_is_not_asked_for_by_an_answer_to_something_else(
    deliveries: list[Delivery], how: Answering
) -> None:
    with answering(how) as (destination, _):
        said = confirm(deliveries, CALLER, destination, "1.7", lambda _: True)
    assert {each.word for each in said} == {Word.SILENT}


def test_a_query_that_is_answered_twice_says_nothing_of_the_next_result(deliveries: list[Delivery]) -> None:
    often_asked = [replace(delivery, checks=99) for delivery in deliveries]
    with answering(rightly) as (destination, _):
        said = confirm(often_asked, CALLER, destination, "1.7", lambda _: True)
    assert {each.word for each in said} == {Word.MISSING}
    with answering(twice) as (destination, _):
        said = confirm(often_asked, CALLER, destination, "1.7", lambda _: True)
    assert {each.word for each in said} == {Word.SILENT}


@pytest.mark.parametrize("how", WRONGLY)
def test_a_destination_that_echoes_something_else_is_not_well(how: Answering) -> None:
    with answering(rightly) as (destination, _):
        assert echo(CALLER, destination) is None
    with answering(how) as (destination, _):
        assert "something else" in str(echo(CALLER, destination))
