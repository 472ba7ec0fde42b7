"""The clock of a running node jumps a day either way, at every stage: nothing stops, nothing comes twice."""

from collections import Counter
from pathlib import Path

import pydicom
import pytest
from peers import dcmtk, rawscu
from peers.node import Node
from peers.programs import free_port, wait_until
from peers.studies import Study, message_of, tiny_ct
from peers.wall_clock import WallClock

pytestmark = [pytest.mark.peers, pytest.mark.slow]

DAY = 24 * 3600
PATIENCE_S = 40
"""Far less than a day; far more than every pause that is set."""


def received(pacs: Path, study: Study) -> list[int]:
    """How often each result of a study arrived (dcmtk writes a further file for each arrival)."""
    images = (pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in pacs.iterdir())
    return list(Counter(str(i.SOPInstanceUID) for i in images if i.StudyInstanceUID == study.uid).values())


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
def test_a_clock_that_jumps_a_day_delays_nothing_and_doubles_nothing(tmp_path: Path, jump: int) -> None:
    clock, port, pacs = WallClock.made_in(tmp_path), free_port(), tmp_path / "pacs"
    first, second = tiny_ct(tmp_path / "first", f"jump-{jump}"), tiny_ct(tmp_path / "second", f"later-{jump}")
    node = Node(tmp_path / "node", {"pacs": port}, quiet_seconds=4, environment=clock.environment)
    try:
        node.start()
        wait_until(lambda: "dispatching" in node.log_text(), "the dispatcher has seen the clock", 30)
        one, *rest = [message_of(path) for path in first.paths]
        assert rawscu.store(node.address, one) == 0
        clock.set_by(jump)
        wait_until(lambda: "the clock was set" in node.log_text(), "the jump is noticed", 10)
        for message in rest:  # each over an association of its own: the study is quiet in between
            assert rawscu.store(node.address, message) == 0
        node.wait_for_state(first.uid, "delivering", timeout_s=PATIENCE_S)
        wait_until(lambda: any(d.last_error for d in node.known(first.uid).deliveries), "it was tried", 20)
        assert node.known(first.uid).instances == len(first.paths), "closed too early"
        clock.set_by(0)
        assert dcmtk.dcmsend(node.address, second.folder).returncode == 0
        clock.set_by(jump)
        with dcmtk.storescp(pacs, "PACS", ("+xa", "-uf"), port):
            for study in (first, second):
                node.wait_for_state(study.uid, "done", timeout_s=PATIENCE_S)
                counts = received(pacs, study)
                assert len(counts) >= 2 and set(counts) == {1}
    finally:
        node.kill_all()
