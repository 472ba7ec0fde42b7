"""Commands that break the rules of DIMSE; the answer must refuse, and the association may go on."""

import struct

from peers.attacks.case import CASES, Case, attack
from peers.wire import CT, MR, VERIFICATION, Instance, Target, command, element, uid_element


def _add_not_stored(name: str, content: bytes, with_data: bool = True) -> None:
    def run(target: Target) -> None:
        with target.associated() as wire:
            wire.command(3, content)
            if with_data:
                wire.data(3, Instance().data_set())
            status = wire.status()
        assert status != 0, "answered with success"

    CASES.append(Case("message rules", name, run, 0))


_UIDS = (uid_element(0x0002, CT), uid_element(0x1000, "1.2.3.4.5.6"))
NOT_STORED = {
    "a command without a SOP instance": command(0x0001, uid_element(0x0002, CT)),
    "a command without a SOP class": command(0x0001, uid_element(0x1000, "1.2.3")),
    "a command without a message ID": command(0x0001, *_UIDS, message_id=None),
    "a command without a data set type": command(0x0001, *_UIDS, data_set=None),
    "a command without its field": command(None, *_UIDS),
    "a command element beyond its end": command(0x0001, *_UIDS) + element(0, 0x1031, b"", b"", 70000),
    "a command that ends in mid-element": command(0x0001, *_UIDS) + b"\0\0\x31",
    "a command with foreign groups": command(0x0001, *_UIDS) + element(0x0010, 0x0010, b"", b"x"),
    "a message ID of 8 bytes": command(0x0001, *_UIDS, element(0, 0x0110, b"", bytes(8)), message_id=None),
    "a response that nobody asked for": command(0x8001, *_UIDS),
    "a C-FIND on a storage context": command(0x0020, *_UIDS),
    "an N-ACTION on a storage context": command(0x0130, *_UIDS),
    "an unknown command": command(0x7777, *_UIDS),
}
for _name, _content in NOT_STORED.items():
    _add_not_stored(_name, _content)
_add_not_stored("a C-STORE without a data set", command(0x0001, *_UIDS, data_set=0x0101), with_data=False)
_add_not_stored(
    "a C-ECHO on a storage context", command(0x0030, uid_element(2, VERIFICATION), data_set=0x0101), False
)


@attack("message rules", "a class other than the context's")
def _class_of_context(target: Target) -> None:
    with target.associated() as wire:
        instance = Instance(MR)
        assert wire.store(instance) != 0


@attack("message rules", "a class other than the data set's")
def _class_of_data_set(target: Target) -> None:
    with target.associated() as wire:
        assert wire.store(Instance(MR), sop_class=CT) != 0


@attack("message rules", "an instance other than the data set's")
def _instance_of_data_set(target: Target) -> None:
    with target.associated() as wire:
        assert wire.store(Instance(), uid="1.2.3.4.5") != 0


@attack("message rules", "a C-STORE on the verification context")
def _store_on_verification(target: Target) -> None:
    instance = Instance()
    with target.associated() as wire:
        assert wire.command(1, instance.command()).data(1, instance.data_set()).status() != 0


@attack("message rules", "an unsolicited C-CANCEL changes nothing")
def _cancel(target: Target) -> None:
    cancel = command(0x0FFF, element(0, 0x0120, b"", struct.pack("<H", 7)), message_id=None, data_set=0x0101)
    with target.associated() as wire:
        assert wire.command(1, cancel).echo() == 0
