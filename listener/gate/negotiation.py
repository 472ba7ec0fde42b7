"""The body of an A-ASSOCIATE-RQ in; what was agreed and the A-ASSOCIATE-AC, or a rejection, out.

The only module that touches pynetdicom's inside: its PDU classes and its rules of negotiation. Its version is
pinned, and `tests/listener/gate/test_negotiation.py` says what an upgrade breaks. The frame of the request is
checked here first (PS3.8 9.3.2), so that those classes never meet lengths that lie.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from pynetdicom import _config
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from listener.gate.errors import Violation
from listener.gate.pdu import MAXIMUM_PDU_BYTES, AbortReason

_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
_config.LOG_HANDLER_LEVEL = "none"

LONGEST_REQUEST_BYTES = 1 << 17
"""128 contexts of 16 syntaxes take half of it; an identity token may take the rest (PS3.7 D.3.3.7)."""

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_FIXED = struct.Struct(">HH16s16s32x")  # PS3.8 table 9-11: protocol version, reserved, called, calling
_ITEM_HEAD = struct.Struct(">BxH")
_APPLICATION_CONTEXT_ITEM, _PRESENTATION_CONTEXT_ITEM, _USER_INFORMATION_ITEM = 0x10, 0x20, 0x50
_MOST_CONTEXTS = 128  # their IDs are the odd numbers of a byte (PS3.8 9.3.2.2)
_SHORTEST_MAXIMUM_BYTES = 128
_ACCEPTED = 0x00


@dataclass(frozen=True, slots=True)
class Requested:
    """Who asks, of whom, and what they want."""

    calling_ae_title: str
    called_ae_title: str
    speaks_our_protocol: bool
    application_context: str
    identifies_its_user: bool
    primitive: A_ASSOCIATE


@dataclass(frozen=True, slots=True)
class Context:
    """One accepted presentation context."""

    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an association may carry: contexts by ID, and the longest PDU that the peer takes (0: any)."""

    contexts: dict[int, Context]
    maximum_bytes: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Acceptor:
    """Who answers, and what it offers."""

    implementation_class_uid: str
    implementation_version_name: str
    contexts: Sequence[PresentationContext]


def read_request(body: bytes) -> Requested:
    """Parse the body of an A-ASSOCIATE-RQ; raises `Violation` for one that no peer may send."""
    if len(body) < _FIXED.size:
        raise Violation("half an A-ASSOCIATE-RQ", AbortReason.INVALID_PARAMETER)
    version, reserved, called, calling = _FIXED.unpack_from(body)
    _demand_sound_items(body[_FIXED.size :])
    head = struct.pack(">BxI", 1, len(body))
    # AE titles and the protocol version are read here; pynetdicom gets harmless ones in their place.
    harmless = struct.pack(">HH16s16s32x", 1, reserved, b"CALLED".ljust(16), b"CALLING".ljust(16))
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(head + harmless + body[_FIXED.size :])
        primitive = pdu.to_primitive()
        identities = [
            item for item in primitive.user_information if isinstance(item, UserIdentityNegotiation)
        ]
    except Exception:  # noqa: BLE001  (whatever a foreign parser stumbles over, the request is malformed)
        raise Violation("a malformed A-ASSOCIATE-RQ", AbortReason.INVALID_PARAMETER) from None
    return Requested(
        _ae_title(calling),
        _ae_title(called),
        bool(version & 1),
        str(primitive.application_context_name),
        bool(identities),
        primitive,
    )


def _demand_sound_items(items: bytes) -> None:
    """One application context, 1 to 128 presentation contexts, one user information, nothing beside them."""
    kinds: list[int] = []
    position = 0
    while position < len(items):
        if position + _ITEM_HEAD.size > len(items) or len(kinds) > _MOST_CONTEXTS + 2:
            break
        kind, length = _ITEM_HEAD.unpack_from(items, position)
        kinds.append(kind)
        position += _ITEM_HEAD.size + length
    sound = (
        position == len(items)
        and kinds.count(_APPLICATION_CONTEXT_ITEM) == 1
        and 1 <= kinds.count(_PRESENTATION_CONTEXT_ITEM) <= _MOST_CONTEXTS
        and kinds.count(_USER_INFORMATION_ITEM) == 1
    )
    if not sound:
        raise Violation("items of an A-ASSOCIATE-RQ that do not fit", AbortReason.INVALID_PARAMETER)


def _ae_title(raw: bytes) -> str:
    """Leading and trailing spaces mean nothing (PS3.8 table 9-11)."""
    return raw.decode("latin-1").strip(" ")


def agree(requested: Requested, acceptor: Acceptor) -> Agreed:
    """Choose among what is proposed; raises `Violation` where a proposal cannot be answered."""
    primitive = requested.primitive
    roles = {
        item.sop_class_uid: (item.scu_role, item.scp_role)
        for item in primitive.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid is not None
    }
    try:
        results, answered_roles = negotiate_as_acceptor(
            primitive.presentation_context_definition_list, list(acceptor.contexts), roles
        )
        answer = _accept_pdu(requested, acceptor, results, answered_roles)
    except Exception:  # noqa: BLE001  (as above: a context without a transfer syntax, an ID out of its range)
        raise Violation(
            "presentation contexts that cannot be answered", AbortReason.INVALID_PARAMETER
        ) from None
    contexts = {
        int(result.context_id or 0): Context(str(result.abstract_syntax), str(result.transfer_syntax[0]))
        for result in results
        if result.result == _ACCEPTED
    }
    return Agreed(contexts, _maximum_bytes(primitive), answer)


def _accept_pdu(
    requested: Requested,
    acceptor: Acceptor,
    results: list[PresentationContext],
    roles: list[SCP_SCU_RoleSelectionNegotiation],
) -> bytes:
    longest = MaximumLengthNotification()
    longest.maximum_length_received = MAXIMUM_PDU_BYTES
    class_uid = ImplementationClassUIDNotification()
    class_uid.implementation_class_uid = acceptor.implementation_class_uid
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = acceptor.implementation_version_name
    primitive = A_ASSOCIATE()
    primitive.application_context_name = APPLICATION_CONTEXT
    primitive.calling_ae_title = requested.calling_ae_title
    primitive.called_ae_title = requested.called_ae_title
    primitive.result, primitive.result_source = 0x00, 0x01
    primitive.presentation_context_definition_results_list = results
    primitive.user_information = [longest, class_uid, version, *roles]
    return bytes(A_ASSOCIATE_AC(primitive).encode())


def _maximum_bytes(primitive: A_ASSOCIATE) -> int:
    """The longest PDU the peer takes (PS3.8 D.1); a tiny one would cut our answers to dust."""
    announced = int(primitive.maximum_length_received or 0)
    if 0 < announced < _SHORTEST_MAXIMUM_BYTES:
        raise Violation(f"takes PDUs of at most {announced} bytes", AbortReason.INVALID_PARAMETER)
    return announced
