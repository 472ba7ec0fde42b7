"""Identifiers that are paths, commands or no UIDs; and the same UID twice."""

from concurrent.futures import ThreadPoolExecutor

from peers.attacks.case import CASES, Case, attack
from peers.wire import Instance, Target, element

NO_UIDS = {
    "a path upwards": "../../../tmp/escaped",
    "an absolute path": "/tmp/escaped",
    "NUL": "1.2.3\x004.5",
    "a newline": "1.2\n3",
    "shell characters": "1.2;touch x",
    "nothing": "",
    "65 characters": "1." * 32 + "1",
    "5000 characters": "1." * 2500,
    "letters": "one.two.three",
    "only dots": "....",
}


def _add(name: str, uid: str, where: str) -> None:
    def run(target: Target) -> None:
        instance = Instance(uid=uid) if where == "SOP Instance UID" else Instance(study=uid)
        with target.associated() as wire:
            assert wire.store(instance) != 0, "stored"

    CASES.append(Case("identifiers", f"{name} as {where}", run, 0))


for _name, _uid in NO_UIDS.items():
    for _where in ("SOP Instance UID", "Study Instance UID"):
        _add(_name, _uid, _where)


@attack("identifiers", "no Study Instance UID at all")
def _no_study(target: Target) -> None:
    instance = Instance()
    data_set = b"".join(one for one in instance.elements() if not one.startswith(b"\x20\0\x0d\0"))
    with target.associated() as wire:
        assert wire.store(instance, data_set) != 0


@attack("duplicates", "an identical instance is success again")
def _identical(target: Target) -> None:
    instance = Instance()
    with target.associated() as wire:
        assert [wire.store(instance) for _ in range(3)] == [0, 0, 0]


@attack("duplicates", "other content under a known UID is not plain success")
def _conflicting(target: Target) -> None:
    first = Instance()
    other = Instance(uid=first.uid, study=first.study, pixels=bytes(510) + b"\1\2")
    with target.associated() as wire:
        assert wire.store(first) == 0
        assert wire.store(other) != 0, "answered as if it were the same"


@attack("duplicates", "eight different ones under one UID at once: one is plain success")
def _eight_at_once(target: Target) -> None:
    first = Instance()
    others = [Instance(uid=first.uid, study=first.study, pixels=bytes((n,)) * 512) for n in range(8)]

    def send(instance: Instance) -> int | None:
        with target.associated() as wire:
            return wire.store(instance)

    with ThreadPoolExecutor(8) as senders:
        statuses = list(senders.map(send, others))
    assert statuses.count(0) == 1, f"{statuses.count(0)} of 8 answered with success"


@attack("identifiers", "a patient's name in place of a UID")
def _name_as_uid(target: Target) -> None:
    with target.associated() as wire:
        assert wire.store(Instance(), uid="Sentinel^Quincunx") != 0


@attack("identifiers", "a Study Instance UID of 60 KB")
def _huge_uid(target: Target) -> None:
    instance = Instance()
    elements = instance.elements()
    elements[5] = element(0x0020, 0x000D, b"UI", b"1." * 30000)
    with target.associated() as wire:
        assert wire.store(instance, b"".join(elements)) != 0
