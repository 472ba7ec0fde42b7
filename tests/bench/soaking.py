"""Many associations with faults among them, one after another and side by side: nothing may grow.

    python tests/bench/soaking.py [ASSOCIATIONS]

Every association stores up to 40 instances; one in ten is aborted, left half sent or sends damage. Memory,
descriptors, threads and temporary files of the receiver are compared after a tenth of it and at the end.
"""

import contextlib
import random
import struct
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.contenders import Contender, faintline
from bench.measured import write_part
from peers.wire import ABORT, P_DATA, RELEASE_RQ, Instance, Target, Wire, pdu, pdv

INSTANCES = 40
SIDE_BY_SIDE = 4
FAULTS = 0.1


@dataclass(frozen=True, slots=True)
class State:
    """What the receiver holds."""

    rss_mb: float
    descriptors: int
    threads: int
    temporary_files: int


def main() -> None:
    """Run and write."""
    associations = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as name, faintline(Path(name)) as contender:
        first = run(contender, associations // 10, seed=1)
        before = state(contender)
        second = run(contender, associations - associations // 10, seed=2)
        after = state(contender)
        kept = len(list(contender.received.rglob("*.dcm")))
    sent = first + second
    rows = [
        (what, f"{getattr(before, key):.0f}", f"{getattr(after, key):.0f}")
        for what, key in (
            ("resident memory, MB", "rss_mb"),
            ("descriptors", "descriptors"),
            ("threads", "threads"),
            ("temporary files", "temporary_files"),
        )
    ]
    rows += [("instances acknowledged", str(first), str(sent)), ("instances in the spool", "", str(kept))]
    write_part(
        "soak", ("receiver", f"after {associations // 10} associations", f"after {associations}"), rows
    )
    for row in rows:
        print(" | ".join(row))
    assert kept >= sent, "acknowledged instances are not in the spool"


def run(contender: Contender, associations: int, seed: int) -> int:
    """Let senders come; how many instances were acknowledged."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as senders:
        return sum(senders.map(lambda n: one_sender(contender.target, seed * 10**6 + n), range(associations)))


def one_sender(target: Target, seed: int) -> int:
    """One association; how many of its instances were acknowledged."""
    chance, acknowledged = random.Random(seed), 0
    ending = chance.randrange(INSTANCES) if chance.random() < FAULTS else None
    study = Instance().study
    with target.associated() as wire:
        for number in range(INSTANCES):
            if number == ending:
                misbehave(wire, chance)
                return acknowledged
            acknowledged += wire.store(Instance(study=study, pixels=chance.randbytes(20_000))) == 0
        wire.send(pdu(RELEASE_RQ, bytes(4)))
    return acknowledged


def misbehave(wire: Wire, chance: random.Random) -> None:
    """End in mid-transfer, in one of four ways."""
    instance = Instance(pixels=bytes(100_000))
    with contextlib.suppress(OSError):
        wire.command(3, instance.command()).send(pdu(P_DATA, pdv(3, 0, instance.data_set()[:9000])))
        how = chance.randrange(4)
        if how == 0:
            wire.send(pdu(ABORT, bytes(4)))
        elif how == 1:
            wire.socket.close()
        elif how == 2:
            wire.send(pdu(P_DATA, pdv(3, 2, b"damage")))
            wire.status()
        else:
            wire.send(struct.pack(">BxI", 0x77, 1 << 30))


def state(contender: Contender) -> State:
    """What is held once everybody has left."""
    time.sleep(5)
    process = contender.process
    temporary = len(list((contender.received / ".incoming").iterdir()))
    return State(contender.rss_mb(), process.num_fds(), process.num_threads(), temporary)


if __name__ == "__main__":
    main()
