"""Data sets that are damaged; the answer must refuse them at once, and the next instance is stored."""

import struct
import zlib
from collections.abc import Callable

from peers.attacks.case import CASES, Case, attack
from peers.wire import Instance, Target, element

Spoil = Callable[[Instance], bytes]

UNDEFINED = 0xFFFFFFFF
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
SEQUENCE = element(0x0008, 0x1140, b"SQ", b"", UNDEFINED)


def _before_pixels(*added: bytes) -> Spoil:
    return lambda instance: b"".join((*instance.elements()[:-1], *added, instance.elements()[-1]))


def _with_pixels(pixels: bytes) -> Spoil:
    return lambda instance: b"".join((*instance.elements()[:-1], pixels))


def _fragment(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value) if length is None else length) + value


REFUSED: dict[str, Spoil] = {
    "cut in the pixels": lambda instance: instance.data_set()[:-100],
    "cut by one byte": lambda instance: instance.data_set()[:-1],
    "cut in an element's head": lambda instance: instance.data_set()[:-514],
    "cut before its identifiers": lambda instance: instance.data_set()[:30],
    "nothing at all": lambda instance: b"",
    "text in place of a data set": lambda instance: (
        b"this is not a data set, but it looks long enough for one" * 20
    ),
    "a deflated data set": lambda instance: zlib.compress(instance.data_set() + bytes(8 << 20)),
    "an executable": lambda instance: b"\x7fELF" + bytes(124) + b"DICM" + instance.data_set(),
    "a whole file": lambda instance: bytes(128) + b"DICM" + instance.data_set(),
    "a length beyond the end": _before_pixels(element(0x0028, 0x0100, b"US", b"\0\0", 0xFFF0)),
    "a length of 4 GiB": _before_pixels(element(0x0029, 0x1010, b"OB", b"\0\0", 0xFFFFFFFE)),
    "a sequence without an end": _before_pixels(SEQUENCE + ITEM),
    "nested 100,000 deep": _before_pixels((SEQUENCE + ITEM) * 100_000),
    "nested 100 deep": _before_pixels((SEQUENCE + ITEM) * 100 + (ITEM_END + SEQUENCE_END) * 100),
    "an item beyond its sequence": _before_pixels(
        element(0x0008, 0x1140, b"SQ", _fragment(bytes(4), 5000), 12)
    ),
    "an element beyond its item": _before_pixels(
        element(0x0008, 0x1140, b"SQ", _fragment(element(8, 0x1150, b"UI", b"1.2", 900)))
    ),
    "a delimiter alone": _before_pixels(ITEM_END),
    "a sequence's delimiter alone": _before_pixels(SEQUENCE_END),
    "an item outside a sequence": _before_pixels(_fragment(b"abcd")),
    "an element inside a sequence": _before_pixels(
        SEQUENCE + element(8, 0x1150, b"UI", b"1.2") + SEQUENCE_END
    ),
    "a group 0002 inside": lambda instance: (
        element(0x0002, 0x0010, b"UI", b"1.2.840.10008.1.2") + instance.data_set()
    ),
    "a group 0000 inside": lambda instance: element(0, 0x0100, b"US", b"\1\0") + instance.data_set(),
    "an unknown VR": _before_pixels(element(0x0029, 0x1010, b"ZZ", b"ab")),
    "no VR": _before_pixels(element(0x0029, 0x1010, b"\0\0", b"ab")),
    "implicit VR where explicit was agreed": lambda instance: b"".join(
        one[:4] + struct.pack("<I", len(one) - 8) + one[8:] for one in instance.elements()[:-1]
    ),
    "pixel fragments without an end": _with_pixels(
        element(0x7FE0, 0x0010, b"OB", b"", UNDEFINED) + _fragment(b"") + _fragment(bytes(100))
    ),
    "a pixel fragment beyond the end": _with_pixels(
        element(0x7FE0, 0x0010, b"OB", b"", UNDEFINED) + _fragment(b"") + _fragment(bytes(100), 9000)
    ),
    "a pixel fragment without a length": _with_pixels(
        element(0x7FE0, 0x0010, b"OB", b"", UNDEFINED) + _fragment(b"", UNDEFINED) + SEQUENCE_END
    ),
    "bytes behind the last element": lambda instance: instance.data_set() + b"xyz",
}


def _add_refused(name: str, spoil: Spoil) -> None:
    def run(target: Target) -> None:
        instance = Instance()
        with target.associated() as wire:
            status = wire.store(instance, spoil(instance))
            assert status != 0, "answered with success"
            assert status is not None, "the association was broken off"
            assert wire.store(Instance()) == 0, "the next instance was not stored"

    CASES.append(Case("data set", name, run, 0))


for _name, _spoil in REFUSED.items():
    _add_refused(_name, _spoil)

ACCEPTED: dict[str, Spoil] = {
    "nested 20 deep is stored": _before_pixels((SEQUENCE + ITEM) * 20 + (ITEM_END + SEQUENCE_END) * 20),
    "a private element of 16 MB is stored": _before_pixels(element(0x0029, 0x1010, b"OB", bytes(16 << 20))),
    "50,000 empty items are stored": _before_pixels(element(0x0008, 0x1140, b"SQ", _fragment(b"") * 50_000)),
}


def _add_accepted(name: str, spoil: Spoil) -> None:
    def run(target: Target) -> None:
        instance = Instance()
        with target.associated() as wire:
            assert wire.store(instance, spoil(instance)) == 0

    CASES.append(Case("data set", name, run, 0))


for _name, _spoil in ACCEPTED.items():
    _add_accepted(_name, _spoil)


@attack("decompression", "a header of 65535 x 65535 costs nothing at the door")
def _huge_header(target: Target) -> None:
    instance = Instance()
    elements = instance.elements()
    elements[7] = element(0x0028, 0x0010, b"US", b"\xff\xff")
    elements[8] = element(0x0028, 0x0011, b"US", b"\xff\xff")
    with target.associated() as wire:
        assert wire.store(instance, b"".join(elements)) is not None
        assert wire.echo() == 0
