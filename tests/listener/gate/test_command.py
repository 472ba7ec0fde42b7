"""Command sets: what is read of a request, and what an answer says."""

from hypothesis import given
from hypothesis import strategies as st
from peers import wire

from listener.gate import command as dimse
from listener.gate.errors import Violation


def test_a_store_request_is_read() -> None:
    instance = wire.Instance()
    request = dimse.parse(instance.command())
    assert (request.field, request.message_id, request.has_data_set) == (dimse.C_STORE, 1, True)
    assert (request.sop_class_uid, request.sop_instance_uid) == (instance.sop_class, instance.uid)


def test_an_answer_names_the_request_and_its_instance() -> None:
    request = dimse.parse(wire.Instance(uid="1.2.3").command())
    answer = dimse.response(request, 0xA700, "no space" * 20, names_instance=True)
    assert wire.element(0, 0x0900, b"", b"\x00\xa7") in answer
    assert wire.element(0, 0x0120, b"", b"\x01\x00") in answer
    assert wire.element(0, 0x1000, b"", b"1.2.3") in answer
    assert wire.element(0, 0x0902, b"", ("no space" * 20)[:64].encode()) in answer
    assert wire.element(0, 0x0100, b"", b"\x01\x80") in answer


def test_what_is_no_uid_is_not_sent_back() -> None:
    request = dimse.parse(wire.Instance().command(uid="../../etc/passwd"))
    assert b"etc" not in dimse.response(request, 0xA900, names_instance=True)


@given(content=st.binary(max_size=300))
def test_noise_is_read_or_a_violation(content: bytes) -> None:
    try:
        dimse.parse(content)
    except Violation:
        return
