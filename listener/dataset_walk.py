"""An encoded data set in, chunk by chunk; its identifiers, or a refusal, out. Nothing is decoded.

The walk follows element lengths only (PS3.5 7.1-7.5, A.4). It does not recurse, so depth costs no stack; it
keeps no value but the identifiers, so length costs no memory; and it sees what a lenient parser passes over:
truncation, lengths beyond the end, unknown nesting, elements of groups 0000 and 0002 that would later be
taken for a file's own meta header.
"""

import re
import struct
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple, NoReturn

from listener.errors import RefusedInstance
from listener.study import InstanceHeader

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

MAXIMUM_DEPTH = 32
MAXIMUM_ELEMENTS = 2_000_000
CANNOT_UNDERSTAND = 0xC000
DOES_NOT_MATCH = 0xA900
"""DIMSE statuses of C-STORE (PS3.4 table B.2-1)."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID = 64

_SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()  # PS3.5 7.1.2
)
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_UNDEFINED = 0xFFFFFFFF
_NOWHERE = 1 << 62
"""The end of what has no length: no data set reaches so far."""

_FORBIDDEN_GROUPS = (0x0000, 0x0002)
_GROUP_OF_ITEMS = 0xFFFE
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_LONGEST_VALUE = 1024
_TOO_DEEP = f"nested deeper than {MAXIMUM_DEPTH}"
_WANTED = {
    0x00080016: "sop_class_uid",
    0x00080018: "sop_instance_uid",
    0x00080060: "modality",
    0x00080070: "manufacturer",
    0x00081090: "model_name",
    0x0020000D: "study_instance_uid",
    0x0020000E: "series_instance_uid",
}
_UIDS = ("sop_class_uid", "sop_instance_uid", "study_instance_uid", "series_instance_uid")


def is_uid(text: str) -> bool:
    """Whether ``text`` is safe as a UID and as a file name: digits and dots, at most 64 (PS3.5 9.1).

    Leading zeros in a component are against the standard and still found in the field: they are let through.
    """
    return len(text) <= _LONGEST_UID and _looks_like_a_uid(text)


@lru_cache(maxsize=4096)
def _looks_like_a_uid(text: str) -> bool:
    return _UID.fullmatch(text) is not None


class _Kind(Enum):
    """What stands inside a container."""

    ELEMENTS = auto()
    ITEMS = auto()
    FRAGMENTS = auto()


class _Container(NamedTuple):
    """What the walk is inside of; nothing inside may reach beyond ``limit``.

    ``end`` is where it ends by its length, `_NOWHERE` where it ends at its delimiter.
    """

    end: int
    limit: int
    kind: _Kind
    implicit: bool


def walk(data: memoryview, transfer_syntax_uid: str) -> InstanceHeader:
    """Check the structure of a whole data set and return its identifiers; raises what `Walk` raises."""
    whole = Walk(transfer_syntax_uid)
    whole.feed(data)
    return whole.finish()


class Walk:
    """One pass over one data set, chunk by chunk.

    Every method raises `RefusedInstance`: 0xC000 where the data set is damaged, 0xA900 where a needed
    identifier is missing or no valid UID.
    """

    def __init__(self, transfer_syntax_uid: str) -> None:
        order = ">" if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN else "<"
        self._head = struct.Struct(order + "HH2sH")
        self._long = struct.Struct(order + "I")
        implicit = transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
        self._stack = [_Container(_NOWHERE, _NOWHERE, _Kind.ELEMENTS, implicit)]
        self._values: dict[str, str] = {}
        self._elements = 0
        self._position = 0  # of the next element, counted from the start of the data set
        self._received = 0
        self._rest = b""  # the start of an element whose head or wanted value is still to come

    def feed(self, chunk: memoryview) -> None:
        """Walk over the next bytes of the data set."""
        self._received += len(chunk)
        if self._rest:
            chunk, self._rest = memoryview(self._rest + bytes(chunk)), b""
        self._advance(chunk, self._received - len(chunk), more_to_come=True)

    def finish(self) -> InstanceHeader:
        """Say that nothing follows; return the identifiers."""
        rest, self._rest = memoryview(self._rest), b""
        self._advance(rest, self._received - len(rest), more_to_come=False)
        self._leave_what_ended()
        _demand(self._position == self._received and len(self._stack) == 1, "data set ends in mid-element")
        for keyword in _UIDS:
            if not is_uid(self._values.get(keyword, "")):
                raise RefusedInstance(DOES_NOT_MATCH, f"{keyword.replace('_', ' ')} missing or invalid")
        return InstanceHeader(**{keyword: self._values.get(keyword, "") for keyword in _WANTED.values()})

    def _advance(self, view: memoryview, base: int, more_to_come: bool) -> None:
        """Step from element to element through ``view``, which begins ``base`` bytes into the data set."""
        size, head_at, long_at = len(view), self._head.unpack_from, self._long.unpack_from
        at = self._position - base
        try:
            while at < size:
                inside = self._stack[-1]
                if inside.end == base + at:
                    self._stack.pop()
                    continue
                group, number, vr, length = head_at(view, at)  # PS3.5 7.1.2, 7.1.3
                _demand(group not in _FORBIDDEN_GROUPS, "a data set holds elements of group 0000 or 0002")
                if inside.implicit or group == _GROUP_OF_ITEMS:
                    (length,), vr, start = long_at(view, at + 4), b"", at + 8
                elif vr in _SHORT_VRS:
                    start = at + 8
                else:
                    _demand(vr in _LONG_VRS, "an element has no value representation")
                    (length,), start = long_at(view, at + 8), at + 12
                tag = group << 16 | number
                if tag in _WANTED and len(self._stack) == 1:
                    _demand(length <= _LONGEST_VALUE, "an identifier is far too long")
                    if start + length > size and more_to_come:
                        break
                    value = bytes(view[start : start + length])
                    self._values[_WANTED[tag]] = value.decode("latin-1").strip(" \0")
                self._elements += 1
                if inside.kind is _Kind.ELEMENTS and length != _UNDEFINED and vr != b"SQ" and tag < _ITEM:
                    at = start + length
                    if base + at > inside.limit:
                        _refuse("an element runs beyond its container")
                else:
                    at = self._step_into_or_out(tag, vr, length, base + start) - base
        except struct.error:
            _demand(more_to_come, "data set ends in mid-element")
        _demand(self._elements <= MAXIMUM_ELEMENTS, "too many elements")
        self._position = base + at
        self._rest = bytes(view[at:]) if at < size else b""

    def _step_into_or_out(self, tag: int, vr: bytes, length: int, start: int) -> int:
        """Step into what holds others, out of it at its delimiter, or over a fragment; where that leads."""
        inside = self._stack[-1]
        if tag in (_ITEM_END, _SEQUENCE_END):
            expected = _ITEM_END if inside.kind is _Kind.ELEMENTS else _SEQUENCE_END
            fits = inside.end == _NOWHERE and len(self._stack) > 1 and tag == expected
            _demand(fits, "a delimiter stands where nothing is to be delimited")
            self._stack.pop()
            return start
        _demand((inside.kind is _Kind.ELEMENTS) == (tag != _ITEM), "items and elements are mixed up")
        end = _NOWHERE if length == _UNDEFINED else start + length
        _demand(end == _NOWHERE or end <= inside.limit, "an element runs beyond its container")
        if (opened := _opened(inside, tag, vr, end)) is None:
            _demand(end != _NOWHERE, "a plain value has no length")
            return end
        _demand(len(self._stack) <= 2 * MAXIMUM_DEPTH, _TOO_DEEP)  # a sequence and its item
        self._stack.append(opened)
        return start

    def _leave_what_ended(self) -> None:
        while self._stack[-1].end == self._position:
            self._stack.pop()


def _opened(inside: _Container, tag: int, vr: bytes, end: int) -> _Container | None:
    """What an element or item opens; None where it holds a plain value that is stepped over."""
    limit = min(end, inside.limit)
    if inside.kind is _Kind.FRAGMENTS:
        return None
    if inside.kind is _Kind.ITEMS:
        return _Container(end, limit, _Kind.ELEMENTS, inside.implicit)
    if vr == b"SQ":
        return _Container(end, limit, _Kind.ITEMS, inside.implicit)
    if end != _NOWHERE:
        return None
    if tag == _PIXEL_DATA:
        return _Container(end, limit, _Kind.FRAGMENTS, inside.implicit)
    # Of undefined length is UN, which is encoded as implicit VR little endian (PS3.5 6.2.2, note 2), or in
    # implicit VR a sequence.
    return _Container(end, limit, _Kind.ITEMS, implicit=True) if vr in (b"", b"UN") else None


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        _refuse(otherwise)


def _refuse(reason: str) -> NoReturn:
    raise RefusedInstance(CANNOT_UNDERSTAND, reason)
