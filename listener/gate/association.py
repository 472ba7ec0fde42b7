"""One connection in; its association lived to the end (PS3.8 9.2), every message on it answered.

What is acceptable, and what becomes of an instance, is decided by the `Desk` behind the gate.
"""

import contextlib
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from listener.contexts import VERIFICATION
from listener.gate import command as dimse
from listener.gate import pdu
from listener.gate.errors import Aborted, LineLost, Released, TooSlow, Violation
from listener.gate.negotiation import (
    APPLICATION_CONTEXT,
    LONGEST_REQUEST_BYTES,
    Acceptor,
    Agreed,
    Context,
    Requested,
    agree,
    read_request,
)
from listener.gate.pdu import AbortReason, Fragment, Fragments, Kind
from listener.gate.room import Guest, Room

UNRECOGNIZED_OPERATION = 0x0211
"""PS3.7 annex C.5.24."""
RESOURCE_LIMITATION = 0x0213
"""PS3.7 annex C.5.20."""
SUCCESS = 0x0000

LONGEST_REPORT_BYTES = 1 << 20
"""An N-EVENT-REPORT of about seven thousand instances."""

REQUEST_SECONDS = 10.0
"""From the connection to the end of its A-ASSOCIATE-RQ (the ARTIM timer of PS3.8 9.1.5)."""
IDLE_SECONDS = 60.0
"""Between messages."""
STALLED_SECONDS = 30.0
"""Within a message: for the next PDU, and for the first bytes of it."""
SLOWEST_BYTES_PER_SECOND = 1 << 14
"""A message may take `STALLED_SECONDS`, and the time that its bytes take at this rate."""

_PIECE_BYTES = 1 << 18
"""So much of a data set is progress."""
_SCRAP_BYTES = 1 << 14

NO_PROTOCOL = (1, 2, 2)
NO_APPLICATION_CONTEXT = (1, 1, 2)
LOCAL_LIMIT = (2, 3, 2)
"""Result, source, reason of A-ASSOCIATE-RJ (PS3.8 table 9-21)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a C-STORE is answered: a status of PS3.4 table B.2-1, and why, in words without header values."""

    status: int
    comment: str = ""


class Taking(Protocol):
    """Where a data set goes; what it does not want is read and dropped."""

    def room(self) -> memoryview:
        """Where the next bytes are to be put; of no length where they are to be dropped."""

    def filled(self, size: int) -> None:
        """So many bytes were put there, or dropped."""


class Storing(Taking, Protocol):
    """Where the data set of one C-STORE goes; refuses by its answer, never by raising."""

    def finish(self) -> Answer:
        """Say what became of it; on success it is durable."""


class Visit(Protocol):
    """One association, as those behind the gate see it."""

    def storing(self, command: dimse.Command, context: Context) -> AbstractContextManager[Storing]:
        """Begin to take a data set; leaving without `Storing.finish` forgets it."""

    def reported(self, command: dimse.Command, context: Context, content: bytes) -> int:
        """Take the data set of an N-EVENT-REPORT; the status to answer with (PS3.7 10.1.1)."""

    def ended(self, how: str) -> None:
        """Note the end of the association."""


class Desk(Protocol):
    """Who decides behind the gate."""

    def rejection(self, requested: Requested, host: str) -> tuple[int, int, int] | None:
        """Result, source and reason of A-ASSOCIATE-RJ, or None to accept."""

    def rejected(self, requested: Requested, host: str, refusal: tuple[int, int, int]) -> None:
        """Note that an association is rejected, for that reason or for want of room."""

    def accepted(self, requested: Requested, host: str) -> Visit:
        """An association begins."""


def attend(guest: Guest, room: Room, desk: Desk, acceptor: Acceptor) -> None:
    """Live one connection to its end; raises nothing that a peer can cause."""
    line = guest.line
    try:
        requested = _await_request(guest)
        refusal = _rejection(requested, guest, room, desk)
        if refusal is not None:
            desk.rejected(requested, guest.host, refusal)
            line.write(pdu.reject(*refusal))
            return
        agreed = agree(requested, acceptor)
        line.write(agreed.answer)
        _Association(guest, agreed, desk.accepted(requested, guest.host)).live()
    except Violation as violation:
        _send_last(guest, pdu.abort(violation.reason))
    except (TooSlow, LineLost, Released, Aborted):
        return


def _await_request(guest: Guest) -> Requested:
    """Wait for A-ASSOCIATE-RQ and nothing else (PS3.8 table 9-10, Sta2)."""
    kind, length = pdu.read_head(guest.line, REQUEST_SECONDS)
    if kind is Kind.ABORT:
        raise Aborted
    if kind is not Kind.ASSOCIATE_RQ:
        raise Violation(f"{kind.name} without an association", AbortReason.UNEXPECTED_PDU)
    return read_request(pdu.read_body(guest.line, length, LONGEST_REQUEST_BYTES, REQUEST_SECONDS))


def _rejection(requested: Requested, guest: Guest, room: Room, desk: Desk) -> tuple[int, int, int] | None:
    if not requested.speaks_our_protocol:
        return NO_PROTOCOL
    if requested.application_context != APPLICATION_CONTEXT:
        return NO_APPLICATION_CONTEXT
    refusal = desk.rejection(requested, guest.host)
    if refusal is None and not room.associate(guest):
        return LOCAL_LIMIT
    return refusal


class _Association:
    """An established association (PS3.8 table 9-10, Sta6)."""

    def __init__(self, guest: Guest, agreed: Agreed, visit: Visit) -> None:
        self._guest = guest
        self._line = guest.line
        self._agreed = agreed
        self._visit = visit
        self._fragments = Fragments(guest.line)
        self._scrap = memoryview(bytearray(_SCRAP_BYTES))

    def live(self) -> None:
        """Answer message after message until the association ends, in whatever way."""
        how = "released"
        try:
            while True:
                self._answer_next_message()
                self._guest.made_progress()
        except Released:
            self._line.write(pdu.RELEASE_RP)
        except Aborted:
            how = "aborted by the peer"
        except LineLost:
            how = "lost"
        except TooSlow as slow:
            how = f"given up: {slow}"
            _send_last(self._guest, pdu.abort(AbortReason.NOT_SPECIFIED))
        except Violation as violation:
            how = f"aborted: {violation}"
            _send_last(self._guest, pdu.abort(violation.reason))
        finally:
            self._visit.ended(how)

    def _answer_next_message(self) -> None:
        context_id, command = self._read_command()
        context = self._agreed.contexts[context_id]
        if command.field == dimse.C_STORE:
            answer = self._store(context_id, command, context)
            self._send(
                context_id, dimse.response(command, answer.status, answer.comment, names_instance=True)
            )
            return
        if command.field == dimse.N_EVENT_REPORT:
            status = self._report(context_id, command, context)
            self._send(context_id, dimse.response(command, status, names_instance=True))
            return
        if command.has_data_set:
            self._read_data_set(context_id, _Report(longest=0))
        if command.field == dimse.C_CANCEL:
            return  # there is never anything left to cancel, and it has no answer (PS3.7 9.3.2.3)
        known = command.field == dimse.C_ECHO and context.abstract_syntax == VERIFICATION
        self._send(context_id, dimse.response(command, SUCCESS if known else UNRECOGNIZED_OPERATION))

    def _read_command(self) -> tuple[int, dimse.Command]:
        """Collect the fragments of a command (PS3.7 6.3.1) and read it."""
        content = bytearray()
        fragment = self._fragments.next(IDLE_SECONDS)
        context_id, deadline = fragment.context_id, time.monotonic() + STALLED_SECONDS
        if context_id not in self._agreed.contexts:
            raise Violation("a presentation context that was not accepted", AbortReason.INVALID_PARAMETER)
        while True:
            if not fragment.is_command or fragment.context_id != context_id:
                raise Violation("a command broken off", AbortReason.INVALID_PARAMETER)
            if len(content) + fragment.length > dimse.LONGEST_COMMAND_BYTES or time.monotonic() > deadline:
                raise Violation("a command without end", AbortReason.INVALID_PARAMETER)
            piece = bytearray(fragment.length)
            self._fragments.read_into(memoryview(piece), STALLED_SECONDS)
            content += piece
            if fragment.is_last:
                return context_id, dimse.parse(bytes(content))
            fragment = self._fragments.next(STALLED_SECONDS)

    def _store(self, context_id: int, command: dimse.Command, context: Context) -> Answer:
        with self._visit.storing(command, context) as storing:
            if command.has_data_set:
                self._read_data_set(context_id, storing)
            return storing.finish()

    def _report(self, context_id: int, command: dimse.Command, context: Context) -> int:
        """Hand a report on as a whole; what is too long for one is read and dropped."""
        report = _Report(LONGEST_REPORT_BYTES)
        if command.has_data_set:
            self._read_data_set(context_id, report)
        if report.is_too_long:
            return RESOURCE_LIMITATION
        return self._visit.reported(command, context, bytes(report.content))

    def _read_data_set(self, context_id: int, taking: Taking) -> None:
        """Read a data set to where it goes, fragments joined (PS3.7 6.3.1, PS3.8 annex E)."""
        received, noted, began = 0, 0, time.monotonic()
        is_last = False
        while not is_last:
            fragment = self._fragments.next(STALLED_SECONDS)
            is_last = fragment.is_last
            self._demand_data(fragment, context_id)
            self._read_fragment(fragment.length, taking)
            received += fragment.length
            if received - noted >= _PIECE_BYTES:
                noted = received
                self._guest.made_progress()
            if time.monotonic() - began > STALLED_SECONDS + received / SLOWEST_BYTES_PER_SECOND:
                raise TooSlow("a data set that hardly moves")

    def _read_fragment(self, length: int, taking: Taking) -> None:
        while length:
            room = (taking.room() or self._scrap)[:length]
            self._fragments.read_into(room, STALLED_SECONDS)
            taking.filled(len(room))
            length -= len(room)

    def _demand_data(self, fragment: Fragment, context_id: int) -> None:
        if fragment.is_command or fragment.context_id != context_id:
            raise Violation("a data set broken off", AbortReason.INVALID_PARAMETER)

    def _send(self, context_id: int, content: bytes) -> None:
        for one in pdu.p_data(context_id, content, self._agreed.maximum_bytes):
            self._line.write(one)


class _Report:
    """A data set of at most so many bytes, kept in memory."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._room = memoryview(bytearray(_SCRAP_BYTES))
        self.content = bytearray()
        self.is_too_long = False

    def room(self) -> memoryview:
        return self._room

    def filled(self, size: int) -> None:
        self.is_too_long = self.is_too_long or len(self.content) + size > self._longest
        if not self.is_too_long:
            self.content += self._room[:size]


def _send_last(guest: Guest, content: bytes) -> None:
    """Send what ends the association; whether it arrives is the peer's matter."""
    with contextlib.suppress(LineLost, TooSlow):
        guest.line.write(content)
