"""How fast Faintline, dcmtk and Orthanc receive, side by side; writes the tables into deploy/measured.md.

    python tests/bench/receiving.py [ROUNDS]

All run at the same time and take turns (A B C A B C), so that what else the machine does falls on all of
them; what counts are the ratios within a round. Senders are dcmtk's `dcmsend`, with TCP_NODELAY on both sides
unless the row says otherwise. Faintline answers when file and folder are synced; storescp never syncs.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.contenders import Contender, dcmtk, faintline, orthanc, pause
from bench.measured import write_part
from peers.programs import ENVIRONMENT, find_program, run_program
from peers.studies import Scan, write_ct

from listener.durable_file import sync_folder

SLICES = 200
STUDIES = 8
"""As many as are sent at once: to send one twice would measure how duplicates are found."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: how many studies at once, compressed or not, with Nagle's algorithm or without."""

    name: str
    at_once: int = 1
    compressed: bool = False
    nagle: bool = False
    slices: int = SLICES


LOADS = (
    Load("one association"),
    Load("eight associations", at_once=8),
    Load("one association, JPEG Lossless", compressed=True),
    Load("one association, sender with Nagle's algorithm", nagle=True, slices=40),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One load at one receiver.

    ``durable_per_second`` counts until all of it is on the disk, whoever has put it there.
    """

    per_second: float
    durable_per_second: float
    cpu_s_per_gb: float
    rss_mb: float
    slowest_echo_ms: float


def main() -> None:
    """Run and write."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        material = prepare(folder / "material")
        contenders = [stack.enter_context(start(folder)) for start in (faintline, dcmtk, orthanc)]
        rows = [row for load in LOADS for row in compare(load, contenders, material, rounds)]
        floors = list(floors_of_disk(folder))
    head = (
        "load",
        "receiver",
        "instances/s",
        "x dcmtk, min-max",
        "x dcmtk, all on disk",
        "CPU s/GB",
        "RSS MB",
        "slowest C-ECHO ms",
    )
    write_part("receiving", head, rows)
    write_part("machine", ("what", "value"), [*machine(), *floors])
    for row in rows:
        print(" | ".join(row))


def prepare(folder: Path) -> dict[bool, list[Path]]:
    """Studies of 512 x 512 slices that look like CT (smooth with noise): plain, and one as JPEG Lossless."""
    made: dict[bool, list[Path]] = {False: [], True: []}
    chance = np.random.default_rng(1)
    smooth = (np.hypot(*np.mgrid[-256:256, -256:256]) < 200) * 1000 - 1000
    for number in range(STUDIES):
        voxels = (smooth + chance.normal(0, 20, (SLICES, 512, 512))).astype(np.int16)
        plain = write_ct(Scan(voxels, (1.0, 0.8, 0.8)), folder / f"plain{number}", f"bench{number}").folder
        made[False].append(plain)
        if number:
            continue
        packed = folder / f"packed{number}"
        packed.mkdir()
        for path in plain.iterdir():
            done = run_program([find_program("dcmcjpeg"), "+e1", str(path), str(packed / path.name)])
            assert done.returncode == 0, done.stderr
        made[True].append(packed)
    return made


def compare(
    load: Load, contenders: list[Contender], material: dict[bool, list[Path]], rounds: int
) -> Iterator[tuple[str, ...]]:
    """Take turns; one row a receiver."""
    folders = material[load.compressed]
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            runs[contender.name].append(measure(load, contender, folders))
            contender.clear()
            pause()
    base = runs["dcmtk storescp"]
    for name, measured in runs.items():
        yield (
            load.name,
            name,
            f"{statistics.median(run.per_second for run in measured):.0f}",
            ratio([run.per_second for run in measured], [run.per_second for run in base]),
            ratio([run.durable_per_second for run in measured], [run.durable_per_second for run in base]),
            f"{statistics.median(run.cpu_s_per_gb for run in measured):.1f}",
            f"{max(run.rss_mb for run in measured):.0f}",
            f"{max(run.slowest_echo_ms for run in measured):.0f}",
        )


def ratio(rates: list[float], others: list[float]) -> str:
    """Of the rates of the same rounds: the median, the least and the greatest."""
    ratios = sorted(rate / other for rate, other in zip(rates, others, strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def measure(load: Load, contender: Contender, folders: list[Path]) -> Run:
    """Send once; instances count from the start of the first sender to the end of the last."""
    sent = [sorted(folders[number].iterdir())[: load.slices] for number in range(load.at_once)]
    count = sum(len(paths) for paths in sent)
    size_gb = sum(path.stat().st_size for paths in sent for path in paths) / 1e9
    environment = (
        {**ENVIRONMENT} if not load.nagle else {k: v for k, v in ENVIRONMENT.items() if k != "TCP_NODELAY"}
    )
    before, began = contender.cpu_seconds(), time.perf_counter()
    with echoing(contender) as slowest:
        senders = [sender(contender, paths, environment) for paths in sent]
        codes = [one.wait() for one in senders]
    seconds = time.perf_counter() - began
    os.sync()
    seconds_to_disk = time.perf_counter() - began
    rss = contender.rss_mb()
    assert codes == [0] * load.at_once, f"{contender.name}: dcmsend ended with {codes}"
    time.sleep(0.5)  # what is written behind the answers belongs to the work
    cpu_s_per_gb = (contender.cpu_seconds() - before) / size_gb
    return Run(count / seconds, count / seconds_to_disk, cpu_s_per_gb, rss, slowest[0])


def sender(contender: Contender, paths: list[Path], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start dcmsend with one association."""
    command = [
        find_program("dcmsend"),
        "-nh",
        "-pdu",
        "131072",
        "-aet",
        "PACS",
        "-aec",
        "FAINTLINE",
        "127.0.0.1",
    ]
    return subprocess.Popen(
        [*command, str(contender.target.port), *map(str, paths)], env=environment, stderr=subprocess.DEVNULL
    )


@contextmanager
def echoing(contender: Contender) -> Iterator[list[float]]:
    """Ask for C-ECHO twice a second beside the load; the slowest answer in ms, with its association."""
    slowest, done = [0.0], threading.Event()

    def ask() -> None:
        while not done.wait(0.5):
            began = time.perf_counter()
            with contender.target.associated() as wire:
                assert wire.echo() == 0
            slowest[0] = max(slowest[0], (time.perf_counter() - began) * 1e3)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield slowest
    finally:
        done.set()
        asking.join()


def floors_of_disk(folder: Path) -> Iterator[tuple[str, str]]:
    """What one synced file of a slice's size costs here without any network."""
    content = os.urandom(525_000)

    def written(number: int) -> int:
        descriptor = os.open(folder / f"floor{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, content)
        return descriptor

    def data(number: int) -> None:
        descriptor = written(number)
        os.fdatasync(descriptor)
        os.close(descriptor)

    def file_and_folder(number: int) -> None:
        descriptor = written(100 + number)
        os.fsync(descriptor)
        os.close(descriptor)
        sync_folder(folder)

    kinds = {"write and fdatasync": data, "write, fsync of file and folder": file_and_folder}
    for name, run in kinds.items():
        times = []
        for number in range(50):
            began = time.perf_counter()
            run(number)
            times.append((time.perf_counter() - began) * 1e3)
        yield (
            f"{name} of 525 KB, median",
            f"{statistics.median(times):.2f} ms ({min(times):.2f}-{max(times):.2f})",
        )


def machine() -> list[tuple[str, str]]:
    """Where this was measured, and how busy the machine was with other things."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    usual = os.sched_getscheduler(0) == os.SCHED_OTHER
    return [
        ("processors", str(os.cpu_count())),
        ("kernel", platform.release()),
        ("load average at the end (1, 5, 15 min)", load),
        ("scheduling of all receivers and senders", "usual" if usual else "real time: other programs ran"),
    ]


if __name__ == "__main__":
    main()
