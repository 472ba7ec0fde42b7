"""Somebody holds the databases longer than the node ever waits: it goes on by itself, nothing doubled."""

import os
import sqlite3
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from peers import dcmtk
from peers.node import node
from peers.programs import free_port
from peers.studies import tiny_ct
from system.test_clock_jumps import received

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,
    pytest.mark.skipif("EVERY_PROOF" not in os.environ, reason="takes minutes: make torture"),
]

LONGER_THAN_ANY_WAIT_S = 45


def hold(databases: list[Path], held: threading.Event) -> None:
    with ExitStack() as all_of_them:
        for path in databases:
            connection = all_of_them.enter_context(sqlite3.connect(path, timeout=30, isolation_level=None))
            connection.execute("BEGIN IMMEDIATE")
        held.set()
        time.sleep(LONGER_THAN_ANY_WAIT_S)


@pytest.mark.parametrize("at", ["receiving", "screening", "delivering"])
def test_a_node_whose_databases_are_locked_goes_on_when_they_are_free(tmp_path: Path, at: str) -> None:
    pacs, port, study = tmp_path / "pacs", free_port(), tiny_ct(tmp_path / "study", f"locked-{at}")
    with node(tmp_path / "node", {"pacs": port}) as made, ExitStack() as peers:
        if at != "delivering":
            peers.enter_context(dcmtk.storescp(pacs, "PACS", ("+xa", "-uf"), port))
        if at != "receiving":
            assert dcmtk.dcmsend(made.address, study.folder).returncode == 0
        if at == "delivering":
            made.wait_for_state(study.uid, "delivering")
        held = threading.Event()
        databases = sorted((made.folder / "var").glob("*.sqlite"))
        assert len(databases) == 3
        holder = threading.Thread(target=hold, args=(databases, held))
        holder.start()
        assert held.wait(60)
        if at == "delivering":
            peers.enter_context(dcmtk.storescp(pacs, "PACS", ("+xa", "-uf"), port))
        deadline = time.monotonic() + 200
        while at == "receiving" and dcmtk.dcmsend(made.address, study.folder).returncode != 0:
            assert time.monotonic() < deadline, "nothing is taken any more"
        holder.join()
        made.wait_for_state(study.uid, "done")
        counts = received(pacs, study)
        assert len(counts) >= 2 and set(counts) == {1}
