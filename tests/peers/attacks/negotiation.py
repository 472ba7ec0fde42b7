"""Association requests that are wrong, strange or forged."""

import struct

from peers.attacks.case import CASES, Case, attack
from peers.wire import (
    ABORT,
    AC,
    APPLICATION_CONTEXT,
    CONTEXTS,
    CT,
    EXPLICIT,
    IMPLICIT,
    RELEASE_RQ,
    RJ,
    VERIFICATION,
    Closed,
    Instance,
    Target,
    context,
    item,
    pdu,
    user_information,
)

DEFLATED = "1.2.840.10008.1.2.1.99"


def _answer(target: Target, **changed: object) -> tuple[int, bytes]:
    """The first PDU that comes back; (0, b"") where the connection is closed without one."""
    with target.connect() as wire:
        try:
            return wire.send(target.request(**changed)).receive(5)
        except Closed:
            return 0, b""


def _add_not_accepted(name: str, **changed: object) -> None:
    def run(target: Target) -> None:
        kind, _ = _answer(target, **changed)
        assert kind != AC, "the association was accepted"

    CASES.append(Case("negotiation", name, run, 0))


NOT_ACCEPTED: dict[str, dict[str, object]] = {
    "protocol version 0": {"version": 0},
    "a wrong application context": {"application": [item(0x10, b"1.2.3.4")]},
    "no application context": {"application": []},
    "two application contexts": {"application": [item(0x10, APPLICATION_CONTEXT.encode())] * 2},
    "no presentation context": {"contexts": []},
    "200 presentation contexts": {"contexts": [context(n * 2 % 256 + 1, CT, EXPLICIT) for n in range(200)]},
    "no user information": {"user": []},
    "user information twice": {"user": [user_information()] * 2},
    "a presentation context beyond the PDU": {"contexts": [item(0x20, bytes(40), 60000)]},
    "user information beyond the PDU": {"user": [item(0x50, bytes(8), 60000)]},
    "a sub-item beyond its item": {"user": [item(0x50, item(0x51, struct.pack(">I", 1), 9999))]},
    "a context without a syntax": {"contexts": [item(0x20, bytes((1, 0, 0, 0)))]},
    "a context without transfer syntaxes": {"contexts": [context(1, CT)]},
    "an unknown item": {"user": [user_information(), item(0x77, bytes(20))]},
    "a wrong called AE title": {"called": "SOMEBODY"},
    "an empty called AE title": {"called": " " * 16},
    "an unknown calling AE title": {"calling": "STRANGER"},
    "an empty calling AE title": {"calling": " " * 16},
    "a calling AE title with a newline": {"calling": b"PACS\nforged line"},
    "a calling AE title with NUL": {"calling": b"PACS\0\0\0\0"},
    "a calling AE title with escape codes": {"calling": b"\x1b[2JPACS"},
    "a calling AE title beyond ASCII": {"calling": b"P\xc4CS\xff"},
}
for _name, _changed in NOT_ACCEPTED.items():
    _add_not_accepted(_name, **_changed)


def _add_context_refused(name: str, proposed: bytes) -> None:
    def run(target: Target) -> None:
        kind, body = _answer(target, contexts=[CONTEXTS[0], proposed])
        assert kind in (AC, RJ, ABORT, 0)
        if kind == AC:
            assert _results(body).get(3, 1) != 0, "the context was accepted"

    CASES.append(Case("negotiation", name, run, 0))


def _results(body: bytes) -> dict[int, int]:
    """Result by context ID of an A-ASSOCIATE-AC."""
    found, position = {}, 68
    while position < len(body):
        kind, length = struct.unpack_from(">BxH", body, position)
        if kind == 0x21:
            found[body[position + 4]] = body[position + 6]
        position += 4 + length
    return found


CONTEXTS_REFUSED = {
    "an unknown class is not accepted": context(3, "1.2.3.4.5", EXPLICIT),
    "a query class is not accepted": context(3, "1.2.840.10008.5.1.4.1.2.2.1", EXPLICIT),
    "a deflated syntax is not accepted": context(3, CT, DEFLATED),
    "an unknown transfer syntax is not accepted": context(3, CT, "1.2.3.4.5"),
    "a class of 5000 characters is not accepted": context(3, "1." * 2500, EXPLICIT),
}
for _name, _proposed in CONTEXTS_REFUSED.items():
    _add_context_refused(_name, _proposed)


@attack("negotiation", "a refused context cannot be used")
def _use_of_refused(target: Target) -> None:
    instance = Instance()
    contexts = [CONTEXTS[0], context(3, CT, DEFLATED)]
    with target.associated(contexts=contexts) as wire:
        assert wire.store(instance) != 0


@attack("negotiation", "data after release is not taken")
def _after_release(target: Target) -> None:
    with target.associated() as wire:
        assert wire.store(Instance()) == 0
        wire.send(pdu(RELEASE_RQ, bytes(4)))
        wire.command(3, Instance().command()).data(3, Instance().data_set())
        kinds = []
        try:
            while True:
                kinds.append(wire.receive(5)[0])
        except (Closed, TimeoutError):
            assert 4 not in kinds, "a C-STORE was answered after release"


@attack("negotiation", "a peer that takes PDUs of one byte")
def _tiny_maximum(target: Target) -> None:
    kind, _ = _answer(target, user=[user_information(1)])
    assert kind in (AC, RJ, ABORT, 0)


@attack("negotiation", "a peer that takes PDUs of any length")
def _no_maximum(target: Target) -> None:
    with target.associated(user=[user_information(0)]) as wire:
        assert wire.echo() == 0


@attack("negotiation", "a user identity is not taken for the sender's right")
def _user_identity(target: Target) -> None:
    identity = struct.pack(">BBH", 2, 1, 4) + b"user" + struct.pack(">H", 6) + b"secret"
    kind, body = _answer(target, calling="STRANGER", user=[user_information(16384, item(0x58, identity))])
    assert kind != AC, "accepted for its passcode"
    assert b"secret" not in body


@attack("negotiation", "128 contexts of 10 syntaxes are answered")
def _many_contexts(target: Target) -> None:
    contexts = [context(2 * n + 1, VERIFICATION, *[IMPLICIT, EXPLICIT] * 5) for n in range(128)]
    kind, body = _answer(target, contexts=contexts)
    assert kind == AC
    assert len(_results(body)) == 128
