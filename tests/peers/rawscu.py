"""A sender that can misbehave: C-STORE of any bytes under any UIDs, any association; says what came back."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from peers.dcmtk import Address
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Message:
    """One C-STORE as it goes out: the command's UIDs and the data set's bytes."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: bytes


@contextmanager
def association(address: Address, sop_class_uid: str, transfer_syntax_uid: str) -> Iterator[Association]:
    """An association with one context, whatever its outcome; aborted on the way out if it still stands."""
    ae = AE(ae_title=address.calling)
    ae.acse_timeout = ae.dimse_timeout = 30
    ae.network_timeout = 300  # one that waits for another study must not hang up on a busy machine
    ae.add_requested_context(sop_class_uid, transfer_syntax_uid)
    made = ae.associate("127.0.0.1", address.port, ae_title=address.called)
    try:
        yield made
    finally:
        if made.is_established:
            made.abort()


def store(address: Address, message: Message) -> int | None:
    """Send it over an association of its own; the status, or None where the node answered by closing."""
    with association(address, message.sop_class_uid, message.transfer_syntax_uid) as made:
        assert made.is_established
        status = store_over(made, message)
        if made.is_established:
            made.release()
    return status


def store_over(made: Association, message: Message) -> int | None:
    """Send it over this association; the status, or None where the node answered by closing."""
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 2
    request.AffectedSOPClassUID = message.sop_class_uid
    request.AffectedSOPInstanceUID = message.sop_instance_uid
    request.DataSet = BytesIO(message.data_set)
    context = made.accepted_contexts[0].context_id
    assert context is not None
    made._reactor_checkpoint.clear()  # or the reactor would take the answer
    try:
        made.dimse.send_msg(request, context)
        _, answer = made.dimse.get_msg(block=True)
    finally:
        made._reactor_checkpoint.set()
    status = None if answer is None else answer.Status
    return None if status is None else int(status)


def is_accepted(address: Address) -> bool:
    """Whether the node accepts an association (for C-ECHO) at all; it is released at once."""
    with association(address, Verification, "1.2.840.10008.1.2") as made:
        accepted = bool(made.is_established)
        if accepted:
            made.release()
    return accepted


def write_bytes(port: int, content: bytes) -> None:
    """Connect, write the bytes, close without waiting for an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(content)
