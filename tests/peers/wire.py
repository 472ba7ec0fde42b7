"""DICOM by hand: PDUs, commands and data sets, right or wrong; written without the code under test."""

import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
SENTINEL = "Sentinel^Quincunx"

RQ, AC, RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

_numbers = itertools.count(time.time_ns())


def new_uid() -> str:
    """A UID that was never used before."""
    return f"1.2.826.0.1.3680043.8.498.{next(_numbers)}"


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """A PDU, its length right or as told."""
    return struct.pack(">BxI", kind, len(body) if length is None else length) + body


def item(kind: int, body: bytes, length: int | None = None) -> bytes:
    """An item of an A-ASSOCIATE PDU."""
    return struct.pack(">BxH", kind, len(body) if length is None else length) + body


def context(number: int, abstract: str, *syntaxes: str) -> bytes:
    """A presentation context item."""
    subitems = item(0x30, abstract.encode()) + b"".join(item(0x40, one.encode()) for one in syntaxes)
    return item(0x20, bytes((number, 0, 0, 0)) + subitems)


def user_information(maximum: int = 16384, *more: bytes) -> bytes:
    """A user information item: maximum length, implementation class, and what more."""
    subitems = item(0x51, struct.pack(">I", maximum)) + item(0x52, b"1.2.3.4") + b"".join(more)
    return item(0x50, subitems)


CONTEXTS = (context(1, VERIFICATION, IMPLICIT), context(3, CT, EXPLICIT), context(5, MR, EXPLICIT))


def associate(
    called: str | bytes = "FAINTLINE",
    calling: str | bytes = "PACS",
    contexts: Sequence[bytes] = CONTEXTS,
    version: int = 1,
    application: Sequence[bytes] = (item(0x10, APPLICATION_CONTEXT.encode()),),
    user: Sequence[bytes] = (user_information(),),
) -> bytes:
    """The body of an A-ASSOCIATE-RQ."""
    titles = b"".join(
        (title.encode() if isinstance(title, str) else title).ljust(16)[:16] for title in (called, calling)
    )
    return struct.pack(">HH", version, 0) + titles + bytes(32) + b"".join((*application, *contexts, *user))


def pdv(number: int, control: int, value: bytes, length: int | None = None) -> bytes:
    """A presentation data value item: control 1 command, 2 last."""
    return struct.pack(">IBB", len(value) + 2 if length is None else length, number, control) + value


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element in Explicit VR Little Endian; an empty VR makes it implicit."""
    value += (b"\0" if vr in (b"UI", b"OW", b"OB", b"UN", b"SQ", b"") else b" ") * (len(value) % 2)
    size = len(value) if length is None else length
    head = struct.pack("<HH", group, number)
    if not vr:
        return head + struct.pack("<I", size) + value
    if vr in (b"OW", b"OB", b"SQ", b"UN", b"UT"):
        return head + vr + struct.pack("<2xI", size) + value
    return head + vr + struct.pack("<H", size) + value


def command(
    field_: int | None, *elements: bytes, message_id: int | None = 1, data_set: int | None = 1
) -> bytes:
    """A command set: its field, ID and data set type where given, and more elements; group length right."""
    parts: list[bytes] = [*elements]
    for number, value in ((0x0100, field_), (0x0110, message_id), (0x0800, data_set)):
        if value is not None:
            parts.append(element(0, number, b"", struct.pack("<H", value)))
    ordered: list[bytes] = sorted(parts, key=_tag_of)
    body = b"".join(ordered)
    return element(0, 0, b"", struct.pack("<I", len(body))) + body


def _tag_of(encoded: bytes) -> bytes:
    return encoded[:4][::-1]


def uid_element(number: int, uid: str | bytes) -> bytes:
    """A UID of a command set."""
    return element(0, number, b"", uid.encode() if isinstance(uid, str) else uid)


@dataclass(frozen=True, slots=True)
class Instance:
    """One small CT slice."""

    sop_class: str = CT
    uid: str = field(default_factory=new_uid)
    study: str = field(default_factory=new_uid)
    pixels: bytes = bytes(512)

    def command(self, **changed: str | bytes) -> bytes:
        """The C-STORE-RQ; `sop_class` and `uid` as told."""
        names = {"sop_class": self.sop_class, "uid": self.uid, **changed}
        return command(
            0x0001,
            uid_element(0x0002, names["sop_class"]),
            element(0, 0x0700, b"", b"\0\0"),
            uid_element(0x1000, names["uid"]),
        )

    def elements(self) -> list[bytes]:
        """The data set, element by element."""
        return [
            element(0x0008, 0x0016, b"UI", self.sop_class.encode()),
            element(0x0008, 0x0018, b"UI", self.uid.encode()),
            element(0x0008, 0x0060, b"CS", b"CT"),
            element(0x0010, 0x0010, b"PN", SENTINEL.encode()),
            element(0x0010, 0x0020, b"LO", b"SENTINEL-4711"),
            element(0x0020, 0x000D, b"UI", self.study.encode()),
            element(0x0020, 0x000E, b"UI", self.study.encode() + b".1"),
            element(0x0028, 0x0010, b"US", struct.pack("<H", 16)),
            element(0x0028, 0x0011, b"US", struct.pack("<H", 16)),
            element(0x7FE0, 0x0010, b"OW", self.pixels),
        ]

    def data_set(self) -> bytes:
        """Its bytes."""
        return b"".join(self.elements())


class Closed(Exception):  # noqa: N818
    """The peer closed the connection."""


class Wire:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1", timeout_s: float = 10) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s, source_address=(host, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, content: bytes) -> Self:
        """Send as much as the peer takes."""
        with contextlib.suppress(OSError):
            self.socket.sendall(content)
        return self

    def receive(self, timeout_s: float = 10) -> tuple[int, bytes]:
        """The next PDU; `Closed` where there is none, TimeoutError where the peer is silent."""
        self.socket.settimeout(timeout_s)
        kind, length = struct.unpack(">BxI", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            try:
                piece = self.socket.recv(size - len(content))
            except ConnectionError:
                raise Closed from None
            if not piece:
                raise Closed
            content += piece
        return content

    def ends(self, timeout_s: float = 5) -> bool:
        """Whether the peer aborts, rejects or closes within the time."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                if self.receive(left)[0] in (RJ, ABORT):
                    return True
            except Closed:
                return True
            except TimeoutError:
                return False
        return False

    def command(self, number: int, content: bytes) -> Self:
        """Send a command set."""
        return self.send(pdu(P_DATA, pdv(number, 3, content)))

    def data(self, number: int, content: bytes, piece: int = 16000) -> Self:
        """Send a data set in fragments."""
        pieces = [content[start : start + piece] for start in range(0, len(content), piece)] or [b""]
        for index, one in enumerate(pieces):
            self.send(pdu(P_DATA, pdv(number, 2 if index == len(pieces) - 1 else 0, one)))
        return self

    def status(self, timeout_s: float = 10) -> int | None:
        """The status of the next response; None where the association ends instead."""
        try:
            kind, body = self.receive(timeout_s)
        except Closed:
            return None
        if kind != P_DATA:
            return None
        at = body.index(b"\0\0\0\x09\x02\0\0\0")
        return int.from_bytes(body[at + 8 : at + 10], "little")

    def store(self, instance: Instance, data_set: bytes | None = None, **changed: str | bytes) -> int | None:
        """C-STORE it, its command or data set changed as told; the status."""
        self.command(3, instance.command(**changed))
        return self.data(3, instance.data_set() if data_set is None else data_set).status()

    def echo(self) -> int | None:
        """C-ECHO; its status."""
        return self.command(1, command(0x0030, uid_element(0x0002, VERIFICATION), data_set=0x0101)).status()


@dataclass(frozen=True, slots=True)
class Target:
    """A node to be attacked; who it is, and who may call it."""

    port: int
    called: str = "FAINTLINE"
    calling: str = "PACS"

    def connect(self, host: str = "127.0.0.1") -> Wire:
        """A bare connection."""
        return Wire(self.port, host)

    def request(self, **changed: object) -> bytes:
        """An A-ASSOCIATE-RQ, right but for what is changed."""
        return pdu(RQ, associate(**{"called": self.called, "calling": self.calling, **changed}))  # type: ignore[arg-type]

    @contextmanager
    def associated(self, host: str = "127.0.0.1", **changed: object) -> Iterator[Wire]:
        """An association that stands."""
        with self.connect(host) as wire:
            kind, _ = wire.send(self.request(**changed)).receive()
            assert kind == AC, f"no association: PDU type {kind}"
            yield wire

    def serves(self, host: str = "127.0.0.1") -> None:
        """A well-behaved sender is served: C-ECHO and C-STORE succeed."""
        with self.associated(host) as wire:
            assert wire.echo() == 0, "C-ECHO fails"
            assert wire.store(Instance()) == 0, "C-STORE fails"
            wire.send(pdu(RELEASE_RQ, bytes(4)))
