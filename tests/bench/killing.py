"""Kills at random while studies arrive, are screened and delivered: each must be delivered exactly once.

    python tests/bench/killing.py [KILLS] [STUDIES] [SEED]

SIGKILL strikes a role, or everything, at random moments; senders try again, as senders do. At the end every
study has one report and one picture at the destination (dcmtk's storescp), and the spool has every instance.
"""

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pydicom

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.measured import write_part
from peers import dcmtk
from peers.node import Node
from peers.studies import Study, tiny_ct

VICTIMS = ("receiver", "worker", "dispatcher", "everything")
PATIENCE_S = 600


def main() -> None:
    """Run, check and write."""
    kills, studies, seed = (int(value) for value in (*sys.argv[1:], *("50", "20", "1")[len(sys.argv) - 1 :]))
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        material = [tiny_ct(folder / f"study{number}", f"kill-{seed}-{number}") for number in range(studies)]
        with dcmtk.storescp(folder / "pacs", "PACS") as pacs:
            node = Node(folder / "node", {"pacs": pacs.port})
            try:
                node.start()
                struck = torment(node, material, kills, chance)
                settle(node, material)
            finally:
                node.kill_all()
            row = (str(struck.total()), *verdict(folder / "pacs", node, material))
    write_part(
        "kills", ("kills", "studies", "delivered once", "twice", "not at all", "instances lost"), [row]
    )
    print(dict(struck), row)


def torment(node: Node, material: list[Study], kills: int, chance: random.Random) -> Counter[str]:
    """Send the studies one after another, and kill meanwhile."""
    struck: Counter[str] = Counter()
    sending = threading.Thread(target=send_all, args=(node, material))
    sending.start()
    while struck.total() < kills:
        time.sleep(chance.uniform(0.2, 3))
        victim = chance.choice(VICTIMS)
        if victim == "everything":
            node.kill_all()
            node.restart()
        elif node.processes_of(victim):
            node.kill_role(victim)
        else:
            continue
        struck[victim] += 1
    sending.join()
    return struck


def send_all(node: Node, material: list[Study]) -> None:
    """One after another."""
    for study in material:
        send(node, study)


def send(node: Node, study: Study) -> None:
    """Until every instance of a study was taken."""
    deadline = time.monotonic() + PATIENCE_S
    while dcmtk.dcmsend(node.address, study.folder).returncode != 0:
        assert time.monotonic() < deadline, f"study {study.uid} cannot be sent"
        time.sleep(0.5)


def settle(node: Node, material: list[Study]) -> None:
    """Until every study is done."""
    for study in material:
        node.wait_for_state(study.uid, "done", timeout_s=PATIENCE_S)


def verdict(received: Path, node: Node, material: list[Study]) -> tuple[str, ...]:
    """Count what arrived at the destination, and what lies in the spool."""
    results: Counter[str] = Counter()
    for path in received.iterdir():
        image = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        results[f"{image.StudyInstanceUID} {image.SOPClassUID}"] += 1
    per_study = {
        study.uid: [n for key, n in results.items() if key.startswith(study.uid)] for study in material
    }
    lost = sum(len(study.paths) - len(list((node.spool / study.uid).glob("*.dcm"))) for study in material)
    once = sum(counts == [1, 1] for counts in per_study.values())
    twice = sum(max(counts, default=0) > 1 for counts in per_study.values())
    none = sum(len(counts) < 2 for counts in per_study.values())
    return tuple(str(value) for value in (len(material), once, twice, none, lost))


if __name__ == "__main__":
    main()
