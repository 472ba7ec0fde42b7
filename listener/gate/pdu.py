"""PDU and PDV heads in; what they announce, checked, out; and the short PDUs that we send (PS3.8 9.3)."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from listener.gate.errors import Aborted, Released, Violation
from listener.gate.line import Line

MAXIMUM_PDU_BYTES = 1 << 17
"""What we announce as the longest PDU we take (PS3.8 D.1.1); dcmtk sends none longer."""

_PDU_HEAD = struct.Struct(">BxI")  # PS3.8 9.3.1: type, reserved, length of what follows
_PDV_HEAD = struct.Struct(">IBB")  # PS3.8 9.3.5.1 and E.2: length, presentation context ID, control header
_PDV_LENGTH_COUNTS = 2  # the length counts the context ID and the control header too
_COMMAND, _LAST = 0x01, 0x02


class Kind(IntEnum):
    """PDU types (PS3.8 tables 9-11 to 9-26)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


_KINDS = {int(kind): kind for kind in Kind}


class AbortReason(IntEnum):
    """Why the service provider aborts (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    INVALID_PARAMETER = 6


RELEASE_RP = _PDU_HEAD.pack(Kind.RELEASE_RP, 4) + bytes(4)
"""PS3.8 9.3.7."""


def associate_accept(titles: bytes, items: bytes) -> bytes:
    """A-ASSOCIATE-AC (PS3.8 9.3.3): protocol version 1, the titles as they came, and the items."""
    body = struct.pack(">HH32s32x", 1, 0, titles) + items
    return _PDU_HEAD.pack(Kind.ASSOCIATE_AC, len(body)) + body


def abort(reason: int) -> bytes:
    """A-ABORT by the service provider (PS3.8 9.3.8)."""
    return _PDU_HEAD.pack(Kind.ABORT, 4) + bytes((0, 0, 2, reason))


def reject(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return _PDU_HEAD.pack(Kind.ASSOCIATE_RJ, 4) + bytes((0, result, source, reason))


def read_head(line: Line, seconds: float) -> tuple[Kind, int]:
    """Read the head of the next PDU: its type and the length of what follows."""
    head = memoryview(bytearray(_PDU_HEAD.size))
    line.read_into(head, seconds)
    return parse_head(head)


def parse_head(head: memoryview) -> tuple[Kind, int]:
    """Take the head of a PDU apart."""
    number, length = _PDU_HEAD.unpack(head)
    try:
        return _KINDS[number], length
    except KeyError:
        raise Violation(f"unknown PDU type {number}", AbortReason.UNRECOGNIZED_PDU) from None


def read_body(line: Line, length: int, longest: int, seconds: float) -> bytes:
    """Read what follows a head, at most ``longest`` bytes."""
    if length > longest:
        raise Violation(f"a PDU of {length} bytes", AbortReason.INVALID_PARAMETER)
    body = bytearray(length)
    line.read_into(memoryview(body), seconds)
    return bytes(body)


def p_data(context_id: int, command: bytes, maximum_bytes: int) -> Iterator[bytes]:
    """P-DATA-TF PDUs that carry one command, none longer than the peer takes (0: of any length)."""
    room = max(maximum_bytes - _PDV_HEAD.size, 1) if maximum_bytes else len(command)
    for start in range(0, len(command), room):
        piece = command[start : start + room]
        control = _COMMAND | (_LAST if start + room >= len(command) else 0)
        value = _PDV_HEAD.pack(len(piece) + _PDV_LENGTH_COUNTS, context_id, control) + piece
        yield _PDU_HEAD.pack(Kind.P_DATA_TF, len(value)) + value


class Fragment(NamedTuple):
    """The head of a PDV; its ``length`` bytes are next on the line."""

    context_id: int
    is_command: bool
    is_last: bool
    length: int


class Fragments:
    """The fragments on a line, PDU borders taken away; everything that is none is raised.

    Heads of PDUs and of PDVs have six bytes, and one of them follows every fragment that is not the last of
    its message: it is read in one go with that fragment's end.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._left_in_pdu = self._left_in_fragment = 0
        self._more_follows = self._is_head_read = False
        self._head = memoryview(bytearray(_PDV_HEAD.size))

    def next(self, seconds: float) -> Fragment:
        """Read the head of the next fragment; the caller reads its bytes before it asks again."""
        if self._left_in_pdu == 0:
            self._enter_pdu(seconds)
        length, context_id, control = _PDV_HEAD.unpack(self._read_head(seconds))
        self._left_in_pdu -= _PDV_HEAD.size - _PDV_LENGTH_COUNTS
        if not _PDV_LENGTH_COUNTS <= length <= self._left_in_pdu:
            raise Violation("a PDV beyond its PDU", AbortReason.INVALID_PARAMETER)
        self._left_in_pdu -= length
        if 0 < self._left_in_pdu < _PDV_HEAD.size:
            raise Violation("bytes behind the last PDV", AbortReason.INVALID_PARAMETER)
        self._left_in_fragment = length - _PDV_LENGTH_COUNTS
        self._more_follows = not control & _LAST
        return Fragment(context_id, bool(control & _COMMAND), not self._more_follows, self._left_in_fragment)

    def read_into(self, view: memoryview, seconds: float) -> None:
        """Read the next bytes of the fragment."""
        self._left_in_fragment -= len(view)
        if self._left_in_fragment == 0 and self._more_follows:
            self._line.read_both_into(view, self._head, seconds)
            self._is_head_read = True
        else:
            self._line.read_into(view, seconds)

    def _read_head(self, seconds: float) -> memoryview:
        if not self._is_head_read:
            self._line.read_into(self._head, seconds)
        self._is_head_read = False
        return self._head

    def _enter_pdu(self, seconds: float) -> None:
        kind, length = parse_head(self._read_head(seconds))
        if kind is Kind.P_DATA_TF:
            if not _PDV_HEAD.size <= length <= MAXIMUM_PDU_BYTES:
                raise Violation(f"a P-DATA-TF PDU of {length} bytes", AbortReason.INVALID_PARAMETER)
            self._left_in_pdu = length
            return
        if kind not in (Kind.RELEASE_RQ, Kind.ABORT):
            raise Violation(f"{kind.name} within an association", AbortReason.UNEXPECTED_PDU)
        read_body(self._line, length, longest=4, seconds=seconds)
        raise Released if kind is Kind.RELEASE_RQ else Aborted
