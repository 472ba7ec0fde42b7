"""Bytes that are not DICOM, and PDUs whose frame lies: the connection must end, at once or by a deadline."""

import socket
import struct
import time

from peers.attacks.case import CASES, Case, attack
from peers.wire import ABORT, AC, P_DATA, RELEASE_RP, RELEASE_RQ, RJ, RQ, Instance, Target, command, pdu, pdv

PATIENCE_S = 35
"""Longer than a node may wait for the rest of what was begun: PS3.8 leaves the time open, 30 s is usual."""


def _add_first_bytes(group: str, name: str, content: bytes) -> None:
    def run(target: Target) -> None:
        with target.connect() as wire:
            assert wire.send(content).ends(), "the connection stays open"

    CASES.append(Case(group, name, run, 0))


def _add_within(name: str, content: bytes) -> None:
    def run(target: Target) -> None:
        with target.associated() as wire:
            assert wire.send(content).ends(), "the association goes on"

    CASES.append(Case("PDU framing", name, run, 0))


NOT_DICOM = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(501),
    "noise": bytes(range(255, -1, -1)) * 64,
    "text": b"hello there, anybody?\r\n" * 10,
    "zeros": bytes(4096),
}
for _name, _content in NOT_DICOM.items():
    _add_first_bytes("not DICOM", _name, _content)

FIRST_PDUS = {
    "P-DATA before an association": pdu(P_DATA, pdv(1, 3, command(0x0030))),
    "release before an association": pdu(RELEASE_RQ, bytes(4)),
    "A-ASSOCIATE-AC from a sender": pdu(AC, bytes(68)),
    "A-ASSOCIATE-RJ from a sender": pdu(RJ, bytes(4)),
    "unknown PDU type first": pdu(0x42, bytes(8)),
    "an association request of no length": pdu(RQ, b""),
    "an association request that announces 4 GiB": pdu(RQ, bytes(2000), 0xFFFFFFFF),
    "an association request that announces 256 MiB and sends 8": pdu(RQ, bytes(8 << 20), 256 << 20),
}
for _name, _content in FIRST_PDUS.items():
    _add_first_bytes("PDU framing", _name, _content)

PDUS_WITHIN = {
    "unknown PDU type in an association": pdu(0x99, b"abcd"),
    "PDU type 0": pdu(0, b"abcd"),
    "A-ASSOCIATE-AC in an association": pdu(AC, bytes(68)),
    "A-RELEASE-RP unasked": pdu(RELEASE_RP, bytes(4)),
    "a release of 1 MiB": pdu(RELEASE_RQ, bytes(1 << 20)),
    "P-DATA of no length": pdu(P_DATA, b""),
    "P-DATA that announces 4 GiB": pdu(P_DATA, bytes(2000), 0xFFFFFFFF),
    "P-DATA longer than was announced": pdu(P_DATA, pdv(1, 1, bytes(4 << 20))),
    "a PDV of length 0": pdu(P_DATA, pdv(1, 3, b"abcd", 0)),
    "a PDV of length 1": pdu(P_DATA, pdv(1, 3, b"abcd", 1)),
    "a PDV beyond its PDU": pdu(P_DATA, pdv(1, 3, b"abcd", 5000)),
    "a PDV of 4 GiB": pdu(P_DATA, pdv(1, 3, b"abcd", 0xFFFFFFFF)),
    "a PDV of 2 GiB": pdu(P_DATA, pdv(1, 3, b"abcd", 0x80000000)),
    "bytes behind the last PDV": pdu(P_DATA, pdv(1, 1, b"abcd") + b"xyz"),
    "a data set without a command": pdu(P_DATA, pdv(3, 2, Instance().data_set())),
    "a context that was never proposed": pdu(P_DATA, pdv(99, 3, command(0x0030))),
    "a command of noise": pdu(P_DATA, pdv(1, 3, bytes(range(256)))),
    "an empty command": pdu(P_DATA, pdv(1, 3, b"")),
}
for _name, _content in PDUS_WITHIN.items():
    _add_within(_name, _content)


@attack("PDU framing", "a second association request")
def _second_request(target: Target) -> None:
    with target.associated() as wire:
        assert wire.send(target.request()).ends()


@attack("PDU framing", "a command that never ends")
def _endless_command(target: Target) -> None:
    with target.associated() as wire:
        piece, deadline = pdu(P_DATA, pdv(1, 1, bytes(16000))), time.monotonic() + 10
        for _ in range(2000):
            try:
                wire.socket.sendall(piece)
            except OSError:
                return
            assert time.monotonic() < deadline, "taken for 10 s"
        assert wire.ends(), "32 MB of one command were taken"


@attack("time", "empty fragments without end", PATIENCE_S)
def _empty_fragments(target: Target) -> None:
    with target.associated() as wire:
        wire.command(3, Instance().command())
        piece = pdu(P_DATA, pdv(3, 0, b"") * 2000)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                wire.socket.sendall(piece)
            except OSError:
                return
            time.sleep(0.05)
        raise AssertionError("fragments of nothing are taken for ever")


@attack("PDU framing", "a command in one-byte PDUs is understood")
def _one_byte_command(target: Target) -> None:
    instance = Instance()
    content = instance.command()
    with target.associated() as wire:
        for index in range(len(content)):
            control = 3 if index == len(content) - 1 else 1
            wire.send(pdu(P_DATA, pdv(3, control, content[index : index + 1])))
        assert wire.data(3, instance.data_set()).status() == 0


@attack("PDU framing", "a data set in one-byte fragments of one PDU is understood")
def _one_byte_fragments(target: Target) -> None:
    instance = Instance()
    content = instance.data_set()
    with target.associated() as wire:
        wire.command(3, instance.command())
        fragments = [pdv(3, 0, content[index : index + 1]) for index in range(len(content))]
        wire.send(pdu(P_DATA, b"".join(fragments) + pdv(3, 2, b"")))
        assert wire.status() == 0


@attack("PDU framing", "command and data set in one PDU are understood")
def _all_in_one(target: Target) -> None:
    instance = Instance()
    with target.associated() as wire:
        wire.send(pdu(P_DATA, pdv(3, 3, instance.command()) + pdv(3, 2, instance.data_set())))
        assert wire.status() == 0


@attack("PDU framing", "a data set on another context than its command")
def _other_context(target: Target) -> None:
    instance = Instance()
    with target.associated() as wire:
        assert wire.command(3, instance.command()).data(5, instance.data_set()).status() != 0


@attack("PDU framing", "a command in the middle of a data set")
def _command_inside(target: Target) -> None:
    instance = Instance()
    with target.associated() as wire:
        wire.command(3, instance.command()).send(pdu(P_DATA, pdv(3, 0, instance.data_set()[:50])))
        assert wire.command(1, command(0x0030, data_set=0x0101)).status() is None


@attack("interruption", "connect and close, as a load balancer does")
def _connect_and_close(target: Target) -> None:
    for _ in range(50):
        target.connect().socket.close()


@attack("interruption", "half a PDU head, then closed")
def _half_head(target: Target) -> None:
    with target.connect() as wire:
        wire.send(b"\x01\x00\x00")


@attack("interruption", "abort in mid-transfer")
def _abort_inside(target: Target) -> None:
    _break_off(target, lambda wire: wire.sendall(pdu(ABORT, bytes(4))))


@attack("interruption", "reset in mid-transfer")
def _reset_inside(target: Target) -> None:
    linger = struct.pack("ii", 1, 0)
    _break_off(target, lambda wire: wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger))


@attack("interruption", "closed in mid-transfer")
def _close_inside(target: Target) -> None:
    _break_off(target, lambda wire: wire.shutdown(socket.SHUT_WR))


@attack("interruption", "release in mid-transfer")
def _release_inside(target: Target) -> None:
    _break_off(target, lambda wire: wire.sendall(pdu(RELEASE_RQ, bytes(4))))


def _break_off(target: Target, end: object) -> None:
    instance = Instance(pixels=bytes(1 << 20))
    with target.associated() as wire:
        wire.command(3, instance.command()).send(pdu(P_DATA, pdv(3, 0, instance.data_set()[:16000])))
        end(wire.socket)  # type: ignore[operator]


@attack("time", "a silent connection is closed", PATIENCE_S)
def _silence(target: Target) -> None:
    with target.connect() as wire:
        assert wire.ends(PATIENCE_S), f"open after {PATIENCE_S} s"


@attack("time", "half an association request is closed", PATIENCE_S)
def _half_request(target: Target) -> None:
    with target.connect() as wire:
        assert wire.send(target.request()[:100]).ends(PATIENCE_S), f"open after {PATIENCE_S} s"


@attack("time", "an association request that drips is closed", PATIENCE_S)
def _dripping_request(target: Target) -> None:
    with target.connect() as wire:
        wire.socket.settimeout(1)
        for byte in target.request()[:PATIENCE_S]:
            try:
                wire.socket.sendall(bytes((byte,)))
                if not wire.socket.recv(100):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        raise AssertionError(f"still read after {PATIENCE_S} s")


@attack("time", "a data set that stalls is given up", PATIENCE_S)
def _stalled(target: Target) -> None:
    instance = Instance()
    with target.associated() as wire:
        wire.command(3, instance.command()).send(pdu(P_DATA, pdv(3, 0, instance.data_set()[:50])))
        assert wire.ends(PATIENCE_S), f"open after {PATIENCE_S} s"


@attack("time", "half a PDU in an association is given up", PATIENCE_S)
def _half_pdu(target: Target) -> None:
    with target.associated() as wire:
        assert wire.send(b"\x04\x00\x00\x00").ends(PATIENCE_S * 2), f"open after {2 * PATIENCE_S} s"
