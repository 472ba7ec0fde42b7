"""The body of an A-ASSOCIATE-RQ in; what was agreed and the A-ASSOCIATE-AC out (PS3.8 9.3.2, 9.3.3).

Items stand in items; each must end exactly where what holds it ends. Whatever breaks that is a `Violation`.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from listener.contexts import IMPLICIT_VR_LITTLE_ENDIAN, Offer
from listener.dataset_walk import is_uid
from listener.gate.errors import Violation
from listener.gate.pdu import MAXIMUM_PDU_BYTES, AbortReason, associate_accept

LONGEST_REQUEST_BYTES = 1 << 17
"""128 contexts of 16 syntaxes take half of it; an identity token may take the rest (PS3.7 D.3.3.7)."""

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_FIXED = struct.Struct(">HH16s16s32x")  # PS3.8 table 9-11: protocol version, reserved, called, calling
_ITEM_HEAD = struct.Struct(">BxH")
_APPLICATION_CONTEXT, _CONTEXT, _CONTEXT_ANSWERED, _USER_INFORMATION = 0x10, 0x20, 0x21, 0x50
_ABSTRACT_SYNTAX, _TRANSFER_SYNTAX = 0x30, 0x40
_MAXIMUM_LENGTH, _CLASS_UID, _ROLES, _VERSION_NAME, _USER_IDENTITY = 0x51, 0x52, 0x54, 0x55, 0x58
"""Item types (PS3.8 9.3.2, PS3.7 annex D)."""

_MOST_CONTEXTS = 128  # their IDs are the odd numbers of a byte (PS3.8 9.3.2.2)
_SHORTEST_MAXIMUM_BYTES = 128
_ACCEPTED, _NO_ABSTRACT_SYNTAX, _NO_TRANSFER_SYNTAX = 0, 3, 4
"""Results of a presentation context (PS3.8 table 9-18)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context as it is asked for."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Requested:
    """Who asks, of whom, and what they want.

    Attributes
    ----------
    titles : called and calling AE title as they came, 32 bytes, to be sent back
    maximum_bytes : the longest PDU the peer takes (PS3.8 D.1); 0: any
    roles : by SOP class, whether the peer would be SCU and SCP (PS3.7 D.3.3.4)
    """

    calling_ae_title: str
    called_ae_title: str
    titles: bytes
    speaks_our_protocol: bool
    application_context: str
    proposals: tuple[Proposal, ...]
    maximum_bytes: int
    roles: dict[str, tuple[bool, bool]]
    identifies_its_user: bool


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
    offers: Sequence[Offer]


def read_request(body: bytes) -> Requested:
    """Parse the body of an A-ASSOCIATE-RQ; raises `Violation` for one that no peer may send."""
    _demand(len(body) >= _FIXED.size, "half an A-ASSOCIATE-RQ")
    version, _, called, calling = _FIXED.unpack_from(body)
    items = list(_items(body[_FIXED.size :], most=_MOST_CONTEXTS + 2))
    kinds = [kind for kind, _ in items]
    sound = (
        set(kinds) == {_APPLICATION_CONTEXT, _CONTEXT, _USER_INFORMATION}
        and kinds.count(_APPLICATION_CONTEXT) == kinds.count(_USER_INFORMATION) == 1
    )
    _demand(sound, "items of an A-ASSOCIATE-RQ that do not fit")
    value = dict(items)
    proposals = tuple(_proposal(content) for kind, content in items if kind == _CONTEXT)
    _demand(len({each.context_id for each in proposals}) == len(proposals), "a presentation context ID twice")
    user = list(_items(value[_USER_INFORMATION], most=LONGEST_REQUEST_BYTES))
    return Requested(
        _ae_title(calling),
        _ae_title(called),
        called + calling,
        bool(version & 1),
        _uid(value[_APPLICATION_CONTEXT]),
        proposals,
        _maximum_bytes(dict(user).get(_MAXIMUM_LENGTH, bytes(4))),
        dict(_roles(content) for kind, content in user if kind == _ROLES),
        any(kind == _USER_IDENTITY for kind, _ in user),
    )


def _items(content: bytes, most: int) -> Iterator[tuple[int, bytes]]:
    """Item after item as (type, value) (PS3.8 9.3.1)."""
    position = 0
    while position < len(content):
        _demand(position + _ITEM_HEAD.size <= len(content) and most > 0, "items that do not fit")
        kind, length = _ITEM_HEAD.unpack_from(content, position)
        position += _ITEM_HEAD.size
        _demand(position + length <= len(content), "an item beyond its end")
        yield kind, content[position : position + length]
        position, most = position + length, most - 1


def _proposal(content: bytes) -> Proposal:
    """PS3.8 9.3.2.2: an odd ID, one abstract syntax, one transfer syntax or more."""
    _demand(len(content) >= 4 and content[0] % 2 == 1, "a presentation context without its ID")
    items = list(_items(content[4:], most=len(content)))
    abstract = [_uid(value) for kind, value in items if kind == _ABSTRACT_SYNTAX]
    transfer = tuple(_uid(value) for kind, value in items if kind == _TRANSFER_SYNTAX)
    _demand(len(abstract) == 1 and len(transfer) >= 1, "a presentation context without its syntaxes")
    return Proposal(content[0], abstract[0], transfer)


def _roles(content: bytes) -> tuple[str, tuple[bool, bool]]:
    """PS3.7 table D.3-9: length of the SOP Class UID, the UID, SCU role, SCP role."""
    _demand(len(content) >= 4 and int.from_bytes(content[:2], "big") == len(content) - 4, "roles of no class")
    return _uid(content[2:-2]), (content[-2] == 1, content[-1] == 1)


def _maximum_bytes(content: bytes) -> int:
    """The longest PDU the peer takes (PS3.8 D.1); a tiny one would cut our answers to dust."""
    announced = int.from_bytes(content, "big")
    fits = len(content) == 4 and (announced == 0 or announced >= _SHORTEST_MAXIMUM_BYTES)
    _demand(fits, f"takes PDUs of at most {announced} bytes")
    return announced


def _uid(raw: bytes) -> str:
    """A UID as it came; whether it is one is seen where it is compared with ours."""
    return raw.decode("latin-1").rstrip("\0 ")


def _ae_title(raw: bytes) -> str:
    """Leading and trailing spaces mean nothing (PS3.8 table 9-11)."""
    return raw.decode("latin-1").strip(" ")


def agree(requested: Requested, acceptor: Acceptor) -> Agreed:
    """Choose among what is proposed."""
    offers = {offer.abstract_syntax: offer for offer in acceptor.offers}
    contexts: dict[int, Context] = {}
    items = [_item(_APPLICATION_CONTEXT, APPLICATION_CONTEXT.encode())]
    for proposal in requested.proposals:
        result, syntax = _chosen(proposal, offers.get(proposal.abstract_syntax))
        if result == _ACCEPTED:
            contexts[proposal.context_id] = Context(proposal.abstract_syntax, syntax)
        head = bytes((proposal.context_id, 0, result, 0))  # PS3.8 9.3.3.2
        items.append(_item(_CONTEXT_ANSWERED, head + _item(_TRANSFER_SYNTAX, syntax.encode())))
    items.append(_item(_USER_INFORMATION, _user_information(requested, acceptor, offers)))
    return Agreed(contexts, requested.maximum_bytes, associate_accept(requested.titles, b"".join(items)))


def _chosen(proposal: Proposal, offer: Offer | None) -> tuple[int, str]:
    """The result for a proposal, and our first of its transfer syntaxes; of a refusal it means nothing."""
    if offer is None:
        return _NO_ABSTRACT_SYNTAX, IMPLICIT_VR_LITTLE_ENDIAN
    for syntax in offer.transfer_syntaxes:
        if syntax in proposal.transfer_syntaxes:
            return _ACCEPTED, syntax
    return _NO_TRANSFER_SYNTAX, IMPLICIT_VR_LITTLE_ENDIAN


def _user_information(requested: Requested, acceptor: Acceptor, offers: dict[str, Offer]) -> bytes:
    """PS3.7 D.3.3: what we take, who we are, and which proposed roles we agree to (others stay default)."""
    items = [
        _item(_MAXIMUM_LENGTH, MAXIMUM_PDU_BYTES.to_bytes(4, "big")),
        _item(_CLASS_UID, acceptor.implementation_class_uid.encode()),
    ]
    for uid, (_, would_provide) in requested.roles.items():
        if uid in offers and offers[uid].peer_provides and is_uid(uid):
            name = len(uid).to_bytes(2, "big") + uid.encode()
            items.append(_item(_ROLES, name + bytes((0, int(would_provide)))))
    items.append(_item(_VERSION_NAME, acceptor.implementation_version_name.encode()))
    return b"".join(items)


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM_HEAD.pack(kind, len(value)) + value


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Violation(otherwise, AbortReason.INVALID_PARAMETER)
