"""A-ASSOCIATE: what is asked for, and what is agreed to."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import wire

from listener.contexts import Offer
from listener.gate.errors import Violation
from listener.gate.negotiation import Acceptor, agree, read_request
from listener.gate.pdu import MAXIMUM_PDU_BYTES

ACCEPTOR = Acceptor(
    "1.2.3",
    "TEST",
    [
        Offer(wire.VERIFICATION, (wire.EXPLICIT, wire.IMPLICIT)),
        Offer(wire.CT, (wire.EXPLICIT, wire.IMPLICIT)),
    ],
)


def test_a_request_is_read() -> None:
    requested = read_request(wire.associate(called=" ME ", calling="YOU"))
    assert (requested.called_ae_title, requested.calling_ae_title) == ("ME", "YOU")
    assert requested.speaks_our_protocol
    assert requested.application_context == wire.APPLICATION_CONTEXT
    assert not requested.identifies_its_user


def test_a_user_identity_is_seen() -> None:
    identity = struct.pack(">BBH", 1, 0, 4) + b"user" + struct.pack(">H", 0)
    requested = read_request(wire.associate(user=[wire.user_information(16384, wire.item(0x58, identity))]))
    assert requested.identifies_its_user


def test_of_the_syntaxes_proposed_the_acceptors_first_is_taken() -> None:
    proposed = [wire.context(7, wire.CT, wire.IMPLICIT, wire.EXPLICIT)]
    agreed = agree(read_request(wire.associate(contexts=proposed)), ACCEPTOR)
    assert agreed.contexts[7].transfer_syntax == wire.EXPLICIT
    assert agreed.contexts[7].abstract_syntax == wire.CT


def test_what_is_not_offered_is_refused_and_the_rest_accepted() -> None:
    proposed = [wire.context(1, wire.MR, wire.EXPLICIT), wire.context(3, wire.CT, wire.EXPLICIT)]
    agreed = agree(read_request(wire.associate(contexts=proposed)), ACCEPTOR)
    assert set(agreed.contexts) == {3}


def test_the_answer_is_an_accept_that_names_us_and_echoes_the_titles() -> None:
    agreed = agree(read_request(wire.associate(called="ME", calling="YOU")), ACCEPTOR)
    kind, length = struct.unpack_from(">BxI", agreed.answer)
    assert (kind, length) == (wire.AC, len(agreed.answer) - 6)
    assert agreed.answer[10:42] == b"ME".ljust(16) + b"YOU".ljust(16)
    assert wire.item(0x51, struct.pack(">I", MAXIMUM_PDU_BYTES)) in agreed.answer
    assert wire.item(0x52, b"1.2.3") in agreed.answer and wire.item(0x55, b"TEST") in agreed.answer


@pytest.mark.parametrize(("announced", "taken"), [(0, 0), (16384, 16384)])
def test_the_longest_pdu_of_the_peer_is_heeded(announced: int, taken: int) -> None:
    request = read_request(wire.associate(user=[wire.user_information(announced)]))
    assert agree(request, ACCEPTOR).maximum_bytes == taken


@given(noise=st.binary(min_size=1, max_size=40), where=st.integers(0, 300))
def test_noise_is_a_violation_and_never_anything_else(noise: bytes, where: int) -> None:
    body = bytearray(wire.associate())
    body[where : where + len(noise)] = noise
    try:
        agree(read_request(bytes(body)), ACCEPTOR)
    except Violation as violation:
        assert violation.reason in range(7)
    except ValueError as error:  # titles that the provider refuses before it agrees
        pytest.fail(f"let through: {error}")


@given(content=st.binary(max_size=200))
def test_bytes_of_any_kind_are_no_request(content: bytes) -> None:
    with pytest.raises(Violation):
        read_request(content)
