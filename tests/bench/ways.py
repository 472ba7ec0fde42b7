"""Ways from socket to disk that the receiver does not take, beside the one it takes; prints their times.

    python tests/bench/ways.py [ROUNDS]

A sender in a process of its own sends 525 KB and waits for an answer, again and again; the receiver gives it
when the file and its folder are synced. No DICOM is spoken: what is measured is the way to the disk. And two
nodes that take four associations each, beside one that takes eight.
"""

import mmap
import os
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.contenders import Contender, dcmtk, faintline, pause
from bench.receiving import SLICES, Load, measure, prepare, ratio, sender
from peers.programs import ENVIRONMENT

from listener.durable_file import sync_folder, write_all

BYTES, BLOCK, PIECE = 525_662, 4096, 1 << 17
WHOLE, CUT = BYTES + -BYTES % BLOCK, BYTES - BYTES % BLOCK
INSTANCES = 200
SENDER = f"""
import socket, sys
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range({INSTANCES}):
    line.sendall(bytes({BYTES}))
    assert line.recv(1)
"""

Way = Callable[[socket.socket, memoryview, Path], int]
"""Receive one instance into the buffer and a new file in the folder; its descriptor."""


def main() -> None:
    """Run and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ways: dict[str, Way] = {
        "past the cache, at the end (taken)": at_the_end,
        "past the cache, the last block through it": last_block_apart,
        "past the cache, from a second thread, while it arrives": from_a_second_thread,
        "through the cache, while it arrives": while_it_arrives,
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            for way, receive in ways.items():
                times[way].append(timed(receive, Path(name)))
        for way, taken in times.items():
            whole, processor = zip(*taken, strict=True)
            print(f"{way}: {statistics.median(whole):.2f} ms ({min(whole):.2f}-{max(whole):.2f})", end=", ")
            print(f"CPU {statistics.median(processor):.2f} ms")
        compare_two_nodes(Path(name), rounds)


def timed(receive: Way, folder: Path) -> tuple[float, float]:
    """Milliseconds for each instance, and of CPU time."""
    memory = mmap.mmap(-1, 1 << 21, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    with socket.create_server(("127.0.0.1", 0)) as door:
        sending = subprocess.Popen([sys.executable, "-c", SENDER, str(door.getsockname()[1])])
        line = door.accept()[0]
        began, used = time.perf_counter(), time.process_time()
        for number in range(INSTANCES):
            descriptor = receive(line, memoryview(memory), folder)
            os.link(
                f"/proc/self/fd/{descriptor}",
                folder / str(number),
                src_dir_fd=descriptor,
                follow_symlinks=True,
            )
            os.fsync(descriptor)
            sync_folder(folder)
            os.close(descriptor)
            line.sendall(b".")
        seconds, processor = time.perf_counter() - began, time.process_time() - used
        assert sending.wait() == 0
    for path in folder.iterdir():
        assert path.stat().st_size == BYTES
        path.unlink()
    return seconds / INSTANCES * 1e3, processor / INSTANCES * 1e3


def new_file(folder: Path, flags: int = 0) -> int:
    return os.open(folder, os.O_WRONLY | os.O_TMPFILE | flags, 0o600)


def all_of_it(line: socket.socket, buffer: memoryview) -> None:
    for start in range(0, BYTES, PIECE):
        a_piece(line, buffer, start)


def a_piece(line: socket.socket, buffer: memoryview, start: int) -> memoryview:
    """Receive as much as a PDU brings."""
    room = buffer[start : min(start + PIECE, BYTES)]
    assert line.recv_into(room, 0, socket.MSG_WAITALL) == len(room)
    return room


def at_the_end(line: socket.socket, buffer: memoryview, folder: Path) -> int:
    descriptor = new_file(folder, os.O_DIRECT)
    all_of_it(line, buffer)
    write_all(descriptor, buffer[:WHOLE])
    os.ftruncate(descriptor, BYTES)
    return descriptor


def last_block_apart(line: socket.socket, buffer: memoryview, folder: Path) -> int:
    descriptor = new_file(folder, os.O_DIRECT)
    all_of_it(line, buffer)
    write_all(descriptor, buffer[:CUT])
    through_cache = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    os.pwrite(through_cache, buffer[CUT:BYTES], CUT)
    os.close(through_cache)
    return descriptor


def from_a_second_thread(line: socket.socket, buffer: memoryview, folder: Path) -> int:
    descriptor = new_file(folder, os.O_DIRECT)
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()

    def write() -> None:
        for start in range(0, CUT - PIECE, PIECE):
            arrived.get()
            os.pwrite(descriptor, buffer[start : start + PIECE], start)

    writing = threading.Thread(target=write)
    writing.start()
    for start in range(0, BYTES, PIECE):
        a_piece(line, buffer, start)
        arrived.put(start)
    writing.join()
    written = (CUT - 1) // PIECE * PIECE
    os.pwrite(descriptor, buffer[written:WHOLE], written)
    os.ftruncate(descriptor, BYTES)
    return descriptor


def while_it_arrives(line: socket.socket, buffer: memoryview, folder: Path) -> int:
    descriptor = new_file(folder)
    for start in range(0, BYTES, PIECE):
        room = a_piece(line, buffer, start)
        write_all(descriptor, room)
        os.posix_fadvise(descriptor, start, len(room), os.POSIX_FADV_DONTNEED)  # begins to write it back
    return descriptor


def compare_two_nodes(folder: Path, rounds: int) -> None:
    """Eight associations: to one node, to two, to storescp."""
    load = Load("eight associations", at_once=8)
    one, two, peer = [], [], []
    with ExitStack() as stack:
        material = prepare(folder / "material")[False]
        nodes = [stack.enter_context(faintline(folder / name)) for name in ("first", "second")]
        storescp = stack.enter_context(dcmtk(folder))
        for _ in range(rounds):
            one.append(measure(load, nodes[0], material).per_second)
            cleared(nodes)
            two.append(shared(nodes, material))
            cleared(nodes)
            peer.append(measure(load, storescp, material).per_second)
            cleared([storescp])
    print(f"one node: {statistics.median(one):.0f}/s, x dcmtk {ratio(one, peer)}")
    print(f"two nodes: {statistics.median(two):.0f}/s, x dcmtk {ratio(two, peer)}")


def cleared(contenders: list[Contender]) -> None:
    for contender in contenders:
        contender.clear()
    pause()


def shared(nodes: list[Contender], material: list[Path]) -> float:
    """Instances a second where the studies go to the nodes in turn."""
    began = time.perf_counter()
    sending = [
        sender(nodes[number % len(nodes)], sorted(study.iterdir())[:SLICES], {**ENVIRONMENT})
        for number, study in enumerate(material)
    ]
    assert [one.wait() for one in sending] == [0] * len(material)
    return len(material) * SLICES / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
