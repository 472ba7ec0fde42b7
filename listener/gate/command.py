"""An encoded DIMSE command set in; its fields out, and an encoded answer (PS3.7 6.3.1, 9.3, annex E).

A command set is always encoded as implicit VR little endian, in ascending order of tags.
"""

import struct
from dataclasses import dataclass
from typing import Final

from listener.dataset_walk import is_uid
from listener.gate.errors import Violation
from listener.gate.pdu import AbortReason

LONGEST_COMMAND_BYTES = 1 << 14

C_STORE: Final = 0x0001
C_ECHO: Final = 0x0030
N_EVENT_REPORT: Final = 0x0100
C_CANCEL: Final = 0x0FFF
_RESPONSE: Final = 0x8000
"""Set in the Command Field of every response (PS3.7 E.1)."""

_NO_DATA_SET: Final = 0x0101
_LONGEST_COMMENT = 64

_HEAD = struct.Struct("<HHI")
_GROUP_LENGTH, _AFFECTED_CLASS, _FIELD, _MESSAGE_ID = 0x0000, 0x0002, 0x0100, 0x0110
_RESPONDED_ID, _DATA_SET_TYPE, _STATUS, _COMMENT, _AFFECTED_INSTANCE = 0x0120, 0x0800, 0x0900, 0x0902, 0x1000
"""Elements of group 0000."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request: its Command Field, Message ID and Affected SOP UIDs, and whether a data set follows."""

    field: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    has_data_set: bool


def parse(content: bytes) -> Command:
    """Read a request; raises `Violation` where it is damaged, or no request."""
    values = _elements(content)
    try:
        field, message_id, data_set_type = (
            struct.unpack("<H", values[element])[0] for element in (_FIELD, _MESSAGE_ID, _DATA_SET_TYPE)
        )
    except (KeyError, struct.error):
        if values.get(_FIELD) == C_CANCEL.to_bytes(2, "little"):
            return Command(C_CANCEL, 0, "", "", has_data_set=False)  # has no Message ID (PS3.7 9.3.2.3)
        raise Violation("a command without its fields", AbortReason.INVALID_PARAMETER) from None
    if field & _RESPONSE:
        raise Violation("a response that nobody asked for", AbortReason.UNEXPECTED_PDU)
    return Command(
        field,
        message_id,
        _text(values.get(_AFFECTED_CLASS, b"")),
        _text(values.get(_AFFECTED_INSTANCE, b"")),
        data_set_type != _NO_DATA_SET,
    )


def _elements(content: bytes) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    position = 0
    while position < len(content):
        if position + _HEAD.size > len(content):
            raise Violation("a command that ends in mid-element", AbortReason.INVALID_PARAMETER)
        group, element, length = _HEAD.unpack_from(content, position)
        position += _HEAD.size
        if group != 0x0000 or position + length > len(content):
            raise Violation("a command of foreign or overlong elements", AbortReason.INVALID_PARAMETER)
        values[element] = content[position : position + length]
        position += length
    return values


def _text(value: bytes) -> str:
    return value.decode("latin-1").rstrip(" \0")


def response(request: Command, status: int, comment: str = "", names_instance: bool = False) -> bytes:
    """Encode the answer to a request (PS3.7 tables 9.3-2 and 9.3-13); ``comment`` is cut to 64 characters."""
    elements = [
        (_AFFECTED_CLASS, _echoed(request.sop_class_uid)),
        (_FIELD, struct.pack("<H", request.field | _RESPONSE)),
        (_RESPONDED_ID, struct.pack("<H", request.message_id)),
        (_DATA_SET_TYPE, struct.pack("<H", _NO_DATA_SET)),
        (_STATUS, struct.pack("<H", status)),
        (_COMMENT, comment[:_LONGEST_COMMENT].encode("ascii", "replace")),
    ]
    if names_instance:
        elements.append((_AFFECTED_INSTANCE, _echoed(request.sop_instance_uid)))
    body = b"".join(_encoded(element, value) for element, value in elements if value)
    return _encoded(_GROUP_LENGTH, struct.pack("<I", len(body))) + body


def _echoed(uid: str) -> bytes:
    """What is no UID is not sent back."""
    return uid.encode("ascii") if is_uid(uid) else b""


def _encoded(element: int, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return _HEAD.pack(0x0000, element, len(value)) + value
