"""An encoded data set in; the identifiers that place it, or a refusal, out. Nothing is decoded.

The walk follows element lengths only (PS3.5 7.1-7.5, A.4). It does not recurse, so depth costs no stack, and
it sees what a lenient parser passes over: truncation, lengths beyond the end, unknown nesting, elements of
groups 0000 and 0002 that would later be taken for a file's own meta header.
"""

import re
import struct
from dataclasses import dataclass
from enum import Enum, auto

from listener.errors import RefusedInstance
from listener.study import InstanceHeader

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

MAXIMUM_DEPTH = 32
CANNOT_UNDERSTAND = 0xC000
DOES_NOT_MATCH = 0xA900
"""DIMSE statuses of C-STORE (PS3.4 table B.2-1)."""

_UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*")

_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_WANTED = {
    0x00080016: "sop_class_uid",
    0x00080018: "sop_instance_uid",
    0x00080060: "modality",
    0x00080070: "manufacturer",
    0x00081090: "model_name",
    0x0020000D: "study_instance_uid",
    0x0020000E: "series_instance_uid",
}


def is_uid(text: str) -> bool:
    """Whether ``text`` is safe as a UID and as a file name: digits and dots, at most 64 (PS3.5 9.1).

    Leading zeros in a component are against the standard and still found in the field: they are let through.
    """
    return _UID.fullmatch(text) is not None


class _Kind(Enum):
    """What stands inside a container."""

    ELEMENTS = auto()
    ITEMS = auto()
    FRAGMENTS = auto()


@dataclass(frozen=True, slots=True)
class _Container:
    """What the walk is inside of: where it ends (None: at its delimiter), and how it is encoded."""

    end: int | None
    kind: _Kind
    implicit: bool


@dataclass(frozen=True, slots=True)
class _Element:
    """The head of one element or item; its value ends at ``end`` (None: at a delimiter)."""

    tag: int
    vr: bytes
    start: int
    end: int | None


def walk(data: memoryview, transfer_syntax_uid: str) -> InstanceHeader:
    """Check the structure of ``data`` and return its identifiers.

    Raises
    ------
    RefusedInstance
        0xC000 where the data set is damaged, 0xA900 where a needed identifier is missing or no valid UID.
    """
    try:
        values = _Walk(data, transfer_syntax_uid).identifiers()
    except struct.error:
        raise RefusedInstance(CANNOT_UNDERSTAND, "data set ends in mid-element") from None
    for keyword in ("sop_class_uid", "sop_instance_uid", "study_instance_uid", "series_instance_uid"):
        if not is_uid(values.get(keyword, "")):
            raise RefusedInstance(DOES_NOT_MATCH, f"{keyword.replace('_', ' ')} missing or invalid")
    return InstanceHeader(
        values["sop_class_uid"],
        values["sop_instance_uid"],
        values["study_instance_uid"],
        values["series_instance_uid"],
        values.get("modality", ""),
        values.get("manufacturer", ""),
        values.get("model_name", ""),
    )


class _Walk:
    """One pass over one data set."""

    def __init__(self, data: memoryview, transfer_syntax_uid: str) -> None:
        order = ">" if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN else "<"
        self._data = data
        self._tag = struct.Struct(order + "HH")
        self._long = struct.Struct(order + "I")
        self._short = struct.Struct(order + "H")
        implicit = transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
        self._stack = [_Container(len(data), _Kind.ELEMENTS, implicit)]

    def identifiers(self) -> dict[str, str]:
        """Step over every element to the end; return the wanted top-level values."""
        values: dict[str, str] = {}
        position = 0
        while self._stack:
            end = self._stack[-1].end
            if end is not None and position >= end:
                _demand(position == end, "an element runs beyond its container")
                self._stack.pop()
                continue
            element = self._element_at(position)
            if element.tag in (_ITEM_END, _SEQUENCE_END):
                self._close(element)
                position = element.start
            elif (opened := self._opened_by(element)) is not None:
                _demand(len(self._stack) <= MAXIMUM_DEPTH, f"nested deeper than {MAXIMUM_DEPTH}")
                self._stack.append(opened)
                position = element.start
            else:
                _demand(element.end is not None, "a fragment has no length")
                if len(self._stack) == 1 and element.tag in _WANTED:
                    value = bytes(self._data[element.start : element.end])
                    values[_WANTED[element.tag]] = value.decode("latin-1").strip(" \0")
                position = element.end or position
        return values

    def _element_at(self, position: int) -> _Element:
        group, number = self._tag.unpack_from(self._data, position)
        tag = group << 16 | number
        _demand(group not in (0x0000, 0x0002), "a data set holds elements of group 0000 or 0002")
        if group == _ITEM >> 16 or self._stack[-1].implicit:
            vr, start = b"", position + 8
            (length,) = self._long.unpack_from(self._data, position + 4)
        else:
            vr = bytes(self._data[position + 4 : position + 6])
            _demand(vr.isalpha() and vr.isupper(), "an element has no value representation")
            long = vr in _LONG_VRS
            start = position + (12 if long else 8)
            (length,) = (self._long if long else self._short).unpack_from(
                self._data, start - (4 if long else 2)
            )
        return _Element(tag, vr, start, self._end(start, length))

    def _end(self, start: int, length: int) -> int | None:
        if length == _UNDEFINED:
            return None
        limit = next(inside.end for inside in reversed(self._stack) if inside.end is not None)
        _demand(start + length <= limit, "an element is longer than what was received")
        return start + length

    def _close(self, delimiter: _Element) -> None:
        inside = self._stack.pop()
        expected = _ITEM_END if inside.kind is _Kind.ELEMENTS else _SEQUENCE_END
        fits = inside.end is None and delimiter.tag == expected
        _demand(fits, "a delimiter stands where nothing is to be delimited")

    def _opened_by(self, element: _Element) -> _Container | None:
        """What this element opens; None where it holds a plain value that is stepped over."""
        inside = self._stack[-1]
        _demand(
            (inside.kind is not _Kind.ELEMENTS) == (element.tag == _ITEM), "items and elements are mixed up"
        )
        if inside.kind is _Kind.FRAGMENTS:
            return None
        if inside.kind is _Kind.ITEMS:
            return _Container(element.end, _Kind.ELEMENTS, inside.implicit)
        if element.end is None:
            kind = _Kind.FRAGMENTS if element.tag == _PIXEL_DATA else _Kind.ITEMS
            # UN of undefined length is encoded as implicit VR little endian (PS3.5 6.2.2, note 2).
            return _Container(None, kind, inside.implicit or element.vr == b"UN")
        return _Container(element.end, _Kind.ITEMS, inside.implicit) if element.vr == b"SQ" else None


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise RefusedInstance(CANNOT_UNDERSTAND, otherwise)
