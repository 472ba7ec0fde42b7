"""Many at once, that want nothing or never finish; a legitimate sender must get in."""

import contextlib
import random
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from peers.attacks.case import attack
from peers.wire import ABORT, P_DATA, Instance, Target, Wire, associate, pdu, pdv

CROWD = 200
SERVED_WITHIN_S = 30


def _join(target: Target, crowd: ExitStack) -> Wire:
    """One more connection that stays; a node whose backlog is full is not waited for."""
    return crowd.enter_context(Wire(target.port, timeout_s=1))


def _must_serve(target: Target) -> None:
    """A legitimate sender that tries again, as senders do, is served in time."""
    deadline = time.monotonic() + SERVED_WITHIN_S
    while True:
        try:
            target.serves()
            return
        except (AssertionError, OSError, Exception):
            assert time.monotonic() < deadline, f"nobody was served for {SERVED_WITHIN_S} s"
            time.sleep(0.5)


@attack("resource exhaustion", "200 connections that say nothing")
def _idle_connections(target: Target) -> None:
    with ExitStack() as crowd:
        with contextlib.suppress(OSError):
            for _ in range(CROWD):
                _join(target, crowd)
        _must_serve(target)


@attack("resource exhaustion", "200 halves of an association request")
def _half_requests(target: Target) -> None:
    with ExitStack() as crowd:
        with contextlib.suppress(OSError):
            for _ in range(CROWD):
                _join(target, crowd).send(target.request()[:90])
        _must_serve(target)


@attack("resource exhaustion", "200 associations that do nothing")
def _idle_associations(target: Target) -> None:
    _must_serve_beside(target, lambda wire: None)


@attack("resource exhaustion", "200 data sets that stall")
def _stalled_data_sets(target: Target) -> None:
    def stall(wire: Wire) -> None:
        instance = Instance()
        wire.command(3, instance.command()).send(pdu(P_DATA, pdv(3, 0, instance.data_set()[:60])))

    _must_serve_beside(target, stall)


@attack("resource exhaustion", "200 data sets that drip")
def _dripping_data_sets(target: Target) -> None:
    done, dripping = threading.Event(), list[Wire]()

    def begin(wire: Wire) -> None:
        wire.command(3, Instance().command())
        dripping.append(wire)

    def drip() -> None:
        while not done.wait(0.5):
            for wire in list(dripping):
                with contextlib.suppress(OSError):
                    wire.socket.sendall(pdu(P_DATA, pdv(3, 0, b"\0")))

    dripper = threading.Thread(target=drip)
    dripper.start()
    try:
        _must_serve_beside(target, begin)
    finally:
        done.set()
        dripper.join()


def _must_serve_beside(target: Target, behave: object) -> None:
    with ExitStack() as crowd:

        def join(_: int) -> None:
            with contextlib.suppress(OSError):
                wire = _join(target, crowd)
                wire.send(target.request())
                with contextlib.suppress(Exception):
                    wire.receive(2)
                behave(wire)  # type: ignore[operator]

        with ThreadPoolExecutor(20) as joining:
            list(joining.map(join, range(CROWD)))
        _must_serve(target)


@attack("resource exhaustion", "500 connections that come and go")
def _churn(target: Target) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError):
            target.connect().socket.close()
    _must_serve(target)


@attack("resource exhaustion", "300 malformed association requests")
def _malformed_requests(target: Target) -> None:
    for number in range(300):
        with contextlib.suppress(OSError), target.connect() as wire:
            wire.send(pdu(1, bytes(number), number + 50))
    _must_serve(target)


@attack("resource exhaustion", "100 associations aborted in mid-transfer")
def _aborted(target: Target) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError, AssertionError), target.associated() as wire:
            wire.command(3, Instance().command()).send(pdu(ABORT, bytes(4)))
    _must_serve(target)


def _mutated(content: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    return bytes(spoilt)


@attack("random malformation", "150 mutated association requests")
def _mutated_requests(target: Target) -> None:
    chance = random.Random(1)
    body = associate(target.called, target.calling)
    for _ in range(150):
        with contextlib.suppress(OSError), target.connect() as wire:
            wire.send(struct.pack(">BxI", 1, len(body)) + _mutated(body, chance))
    _must_serve(target)


@attack("random malformation", "150 mutated commands and PDUs")
def _mutated_messages(target: Target) -> None:
    chance = random.Random(2)
    for _ in range(150):
        instance = Instance()
        message = pdu(P_DATA, pdv(3, 3, instance.command())) + pdu(P_DATA, pdv(3, 2, instance.data_set()))
        with contextlib.suppress(OSError, AssertionError), target.associated() as wire:
            wire.send(_mutated(message, chance))
    _must_serve(target)


@attack("random malformation", "150 mutated data sets, each answered")
def _mutated_data_sets(target: Target) -> None:
    chance = random.Random(3)
    with target.associated() as wire:
        for _ in range(150):
            instance = Instance()
            status = wire.store(instance, _mutated(instance.data_set(), chance))
            assert status is not None, "the association was broken off"
