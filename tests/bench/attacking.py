"""Every attack of `peers.attacks` on Faintline and its peers; writes who passes what into deploy/measured.md.

    python tests/bench/attacking.py [PART OF A NAME]

A node passes a case when it answers as the case says, and serves a well-behaved sender afterwards.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.contenders import Contender, dcmtk, faintline, orthanc
from bench.measured import write_part
from peers.attacks import CASES, Case
from peers.wire import Target

Start = Callable[[Path], AbstractContextManager[Contender]]

STARTS: dict[str, Start] = {"Faintline": faintline, "dcmtk storescp": dcmtk, "Orthanc": orthanc}
SERVED_WITHIN_S = 20


def main() -> None:
    """Run and write."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    cases = [case for case in CASES if part in f"{case.group}: {case.name}"]
    outcomes = {name: attack_all(start, cases) for name, start in STARTS.items()}
    rows = []
    for case in cases:
        marks = [outcomes[name][case.name] or "yes" for name in STARTS]
        rows.append((case.group, case.name, *marks))
    passed = [str(sum(not why for why in outcomes[name].values())) for name in STARTS]
    rows.append(("**all**", f"**{len(cases)} cases**", *(f"**{count}**" for count in passed)))
    if not part:
        write_part("attacks", ("class", "attack", *STARTS), rows)
    for row in rows:
        print(" | ".join(row))


def attack_all(start: Start, cases: list[Case]) -> dict[str, str]:
    """Why each case failed on one receiver, "" where it passed; started again whenever it stays down."""
    left, outcomes = list(cases), {}
    slow = [case for case in left if case.seconds]
    left = [case for case in left if not case.seconds]
    while left or slow:
        with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as contender:
            while left:
                case = left.pop(0)
                outcomes[case.name] = attack(case, contender)
                print(f"{contender.name}: {case.name}: {outcomes[case.name] or 'yes'}", flush=True)
                if not is_served(contender.target):
                    outcomes[case.name] = "no: serves nobody afterwards"
                    break
            else:
                with ThreadPoolExecutor(len(slow) or 1) as at_once:
                    reasons = at_once.map(lambda case: attack(case, contender), slow)
                    outcomes |= dict(zip((case.name for case in slow), reasons, strict=True))
                slow = []
    return outcomes


def attack(case: Case, contender: Contender) -> str:
    """Why the case failed; "" where it passed."""
    try:
        case.run(contender.target)
    except Exception as failure:
        return f"no: {str(failure).splitlines()[0] if str(failure) else type(failure).__name__}"[:80]
    return "" if contender.process.is_running() else "no: the process died"


def is_served(target: Target) -> bool:
    """Whether a well-behaved sender is served, in time."""
    deadline = time.monotonic() + SERVED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            target.serves()
        except Exception:
            time.sleep(0.5)
        else:
            return True
    return False


if __name__ == "__main__":
    os.nice(5)
    main()
