"""Power off, or an error, at every single operation of screening's end, of a delivery and of a removal.

What the receive path has in `test_crash_points`, for what comes after it: a child process does one turn over
system calls, database statements and sockets that count and, at the n-th, end the process or fail. Then a new
life gives the turns that are due: every result is there once and whole, and reaches its destination.
"""

import contextlib
import errno
import shutil
from collections import Counter as Tally
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ct_slices import ct_slice, receive
from faults import Counter, Strike, die, every_point, fail_with, in_a_child
from peers import dcmtk
from pydicom import dcmread

from inference.bundle import Bundle
from listener import settings as configuration
from listener.audit import Audit
from listener.completeness import close_quiet_studies
from listener.delivery import groups
from listener.errors import RegistryUnavailable
from listener.outbox import Confirmer, Deliverer
from listener.registry import Registry, database
from listener.retention import Retention
from listener.screening import Screener
from listener.serve import prepare_databases
from listener.settings import Destination, Settings
from listener.spool import Spool
from listener.study import TAKEN, StudyState
from listener.turns import screening_turn

pytestmark = pytest.mark.slow

STRIKES = {
    "death": die,
    "ENOSPC": fail_with(errno.ENOSPC),
    "EIO": fail_with(errno.EIO),
    "EMFILE": fail_with(errno.EMFILE),
}
LIVES = 5
"""After one fault, all must be well within so many turns."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_RETRY_SECONDS", 0.01)


class Node:
    """What one turn needs, on a folder that a former life may have left."""

    def __init__(self, folder: Path, port: int = 1) -> None:
        pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
        self.settings = Settings(
            folder=folder,
            destinations=(pacs,),
            delivery=configuration.Delivery(timeout_seconds=3),
            retention=configuration.Retention(days=1),
            worker=configuration.Worker(retry_seconds=0),
        )
        self.registry = Registry(self.settings.registry_url)

    def receive(self) -> None:
        prepare_databases(self.settings)
        self.registry.arrivals.record([receive(Spool(self.settings.spool), ct_slice())])
        close_quiet_studies(self.registry, quiet_seconds=0)

    def screen(self, bundle: Bundle, counter: Counter | None = None) -> None:
        (study,) = self.registry.studies.all()
        screener = Screener(self.settings, self.registry, bundle)
        if counter is not None:
            counter.watch_system()
            counter.watch_database()
        screener(screening_turn(study).argument)

    def deliver(self, now: datetime) -> None:
        for turn, due in (
            (Deliverer(self.settings, self.registry), self.registry.deliveries.due(now)),
            (Confirmer(self.settings, self.registry, lambda: now), self.registry.deliveries.to_confirm(now)),
        ):
            for destination, key in groups(due):
                turn(f"{destination}:{key}")

    def clear(self, now: datetime) -> None:
        Retention(self.settings, self.registry, Audit(self.settings.audit_folder))(now)

    def state(self) -> StudyState:
        (study,) = self.registry.studies.all()
        return study.state

    def results(self) -> list[Path]:
        return sorted(self.settings.results.rglob("*.dcm"))


def a_node(folder: Path) -> Path:
    """A folder to copy: one study received and complete."""
    node = Node(folder)
    node.receive()
    node.registry.close()
    return folder


@pytest.mark.parametrize("strike", STRIKES.values(), ids=list(STRIKES))
def test_at_any_operation_of_a_screening_every_result_is_made_once(
    tmp_path: Path, bundle: Bundle, strike: Strike
) -> None:
    received = a_node(tmp_path / "received")
    unhurt = Node(Path(shutil.copytree(received, tmp_path / "unhurt")))
    unhurt.screen(bundle)
    (expected,) = unhurt.registry.studies.all()
    unhurt.registry.close()
    for at, here in every_point(tmp_path, step=3):

        def screen(counter: Counter, folder: Path = here / "var") -> None:
            Node(folder).screen(bundle, counter)

        shutil.copytree(received, here / "var")
        reached = in_a_child(at, strike, screen)
        check_results(Node(here / "var"), bundle, expected.reason)
        if not reached:
            assert at > 30
            return


def check_results(node: Node, bundle: Bundle, reason: str) -> None:
    for _ in range(LIVES):
        assert node.state() is not StudyState.PARKED
        if node.state() is StudyState.SCREENED:
            break
        node.screen(bundle)
    assert node.registry.studies.all()[0].reason == reason, "another answer for a fault of the machine"
    deliveries = node.registry.deliveries.due(datetime.now(UTC))
    uids = [str(dcmread(path).SOPInstanceUID) for path in node.results()]
    assert sorted(uids) == sorted(delivery.sop_instance_uid for delivery in deliveries)
    assert len(set(uids)) == len(uids) == 2
    for delivery in deliveries:
        assert (node.settings.results / delivery.path).is_file()
    node.registry.close()


@pytest.mark.peers
@pytest.mark.parametrize("strike", [die, fail_with(errno.EIO)], ids=["death", "EIO"])
def test_at_any_operation_of_a_delivery_every_result_arrives(
    tmp_path: Path, bundle: Bundle, strike: Strike
) -> None:
    screened = a_node(tmp_path / "screened")
    node = Node(screened)
    node.screen(bundle)
    expected = {str(dcmread(path).SOPInstanceUID) for path in node.results()}
    node.registry.close()
    twice = 0
    with dcmtk.storescp(tmp_path / "pacs", "PACS", ("+xa", "-uf", "--fork")) as pacs:
        for at, here in every_point(tmp_path, step=11 if strike is die else 29):

            def deliver(counter: Counter, folder: Path = here / "var") -> None:
                node = Node(folder, pacs.port)
                for watch in (counter.watch_system, counter.watch_database, counter.watch_network):
                    watch()
                with contextlib.suppress(RegistryUnavailable):  # the dispatcher finds the same rows again
                    node.deliver(datetime.now(UTC))

            shutil.copytree(screened, here / "var")
            reached = in_a_child(at, strike, deliver)
            arrivals = settle(Node(here / "var", pacs.port), tmp_path / "pacs")
            assert set(arrivals) == expected
            assert max(arrivals.values()) <= 2, "sent again without need"
            twice += max(arrivals.values()) == 2
            if not reached:
                assert max(arrivals.values()) == 1
                assert at > 20 and twice < at / 2
                return


def settle(node: Node, pacs: Path) -> Tally[str]:
    """Give every turn that falls due; how often each result arrived."""
    now = datetime.now(UTC)
    for _ in range(LIVES):
        node.deliver(now)
        now += timedelta(hours=1)
    (study,) = node.registry.studies.all()
    deliveries = node.registry.deliveries.of_study(study.study_instance_uid)
    assert deliveries and all(delivery.state in TAKEN for delivery in deliveries)
    node.registry.close()
    arrived = Tally(str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in pacs.iterdir())
    for path in pacs.iterdir():
        path.unlink()
    return arrived


@pytest.mark.parametrize("strike", STRIKES.values(), ids=list(STRIKES))
def test_at_any_operation_of_a_removal_a_study_is_there_or_gone(
    tmp_path: Path, bundle: Bundle, strike: Strike
) -> None:
    done, later = a_node(tmp_path / "done"), datetime.now(UTC) + timedelta(days=2)
    node = Node(done)
    node.screen(bundle)
    for delivery in node.registry.deliveries.due(datetime.now(UTC)):
        node.registry.deliveries.delivered(delivery, datetime.now(UTC), "")
    node.registry.close()
    for at, here in every_point(tmp_path):

        def clear(counter: Counter, folder: Path = here / "var") -> None:
            node = Node(folder)
            counter.watch_system()
            counter.watch_database()
            with contextlib.suppress(OSError, RegistryUnavailable):  # the dispatcher calls the chore again
                node.clear(later)

        shutil.copytree(done, here / "var")
        reached = in_a_child(at, strike, clear)
        node = Node(here / "var")
        node.clear(datetime.now(UTC))
        names = node.registry.arrivals.known_names()
        assert names == set(Spool(node.settings.spool).names()), "files and registry disagree"
        node.clear(later)
        assert not node.registry.arrivals.known_names() and not list(Spool(node.settings.spool).names())
        node.registry.close()
        if not reached:
            assert at > 10
            return
