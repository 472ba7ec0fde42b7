"""What is cleared, what never is, and that a death or a sender in the middle of it loses nothing."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from ct_slices import EXPLICIT, ct_slice, store
from structlog.testing import capture_logs

from listener import settings as configuration
from listener.audit import FILE_NAME, Audit
from listener.journal import reconcile
from listener.registry import Registry
from listener.retention import Retention
from listener.serve import prepare_databases
from listener.settings import Destination, Settings
from listener.spool import Spool, is_conflict
from listener.study import DeliveryState, FinishedResult, ReceivedInstance, StudyState

NOW = datetime.now(UTC)
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
OLD = NOW - timedelta(days=31)
MONTH = configuration.Retention(days=30, disk_percent=0)
FULL = configuration.Retention(days=0, disk_percent=1e-9)
PACS = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)


class Node:
    """A spool, results and a registry, and one month as the time that everything is kept."""

    def __init__(
        self,
        folder: Path,
        keep: configuration.Retention = MONTH,
        destinations: tuple[Destination, ...] = (PACS,),
    ) -> None:
        self.settings = Settings(folder=folder, retention=keep, destinations=destinations)
        prepare_databases(self.settings)
        self.registry = Registry(self.settings.registry_url)
        self.spool = Spool(self.settings.spool)
        self.retention = Retention(self.settings, self.registry, Audit(self.settings.audit_folder))

    def receive(self, study: str, at: datetime = OLD) -> None:
        for number in (1, 2):
            header, stored = store(self.spool, ct_slice(study=study, sop=f"{study}.{number}"))
            note = ReceivedInstance(header, stored.name, EXPLICIT, at)
            self.registry.arrivals.record([note])

    def finish(self, study: str) -> None:
        """Screen it: one result, for one destination."""
        (row,) = [one for one in self.registry.studies.all() if one.study_instance_uid == study]
        folder = self.settings.results / study / "key"
        folder.mkdir(parents=True)
        for name in ("findings.json", "report.dcm"):
            (folder / name).write_bytes(b"{}")
        result = FinishedResult(
            study, "key", "report", "1.2", f"{study}.9", "1.3", Path("report.dcm"), ("pacs",), False
        )
        self.registry.deliveries.screening_finished(row, [result], "none found", OLD)

    def deliver(self, study: str, check_at: datetime | None = None) -> None:
        (delivery,) = self.registry.deliveries.of_study(study)
        self.registry.deliveries.delivered(delivery, OLD, "", check_at)

    def done(self, study: str, at: datetime = OLD) -> None:
        self.receive(study, at)
        self.finish(study)
        self.deliver(study)

    def images(self, study: str) -> list[Path]:
        return sorted((self.settings.spool / study).glob("*.dcm"))

    def results(self, study: str) -> list[str]:
        return sorted(path.name for path in (self.settings.results / study).rglob("*.*"))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "var")


def test_what_is_done_and_old_goes_and_its_findings_stay(node: Node) -> None:
    node.done("1.1")
    node.done("1.2", at=NOW)
    assert node.retention(NOW) == 1
    findings, noted = node.results("1.1")
    assert node.images("1.1") == [] and findings == "findings.json" and noted.startswith("removed-")
    assert len(node.images("1.2")) == 2 and len(node.results("1.2")) == 2
    assert "110105" in (node.settings.audit_folder / FILE_NAME).read_text()
    assert node.retention(NOW) == 0


def receiving(node: Node) -> None:
    node.receive("1.1")


def screened_and_not_sent(node: Node) -> None:
    node.receive("1.1")
    node.finish("1.1")


def sent_and_not_confirmed(node: Node) -> None:
    screened_and_not_sent(node)
    node.deliver("1.1", check_at=NOW)


def refused(node: Node) -> None:
    screened_and_not_sent(node)
    (delivery,) = node.registry.deliveries.of_study("1.1")
    node.registry.deliveries.failed(delivery, "refused", None)


def parked(node: Node) -> None:
    node.receive("1.1")
    node.registry.studies.park(node.registry.studies.all()[0], "two patients")


def still_carried(node: Node) -> None:
    node.done("1.1")
    node.registry.arrivals.association_carries("a", "1.1")


def more_arrived(node: Node) -> None:
    node.done("1.1")
    header, stored = store(node.spool, ct_slice(study="1.1"))
    node.registry.arrivals.record([ReceivedInstance(header, stored.name, EXPLICIT, OLD)])


def answered(node: Node) -> None:
    """A report came back, and its verdicts were not read yet."""
    node.done("1.1")
    answer = ct_slice(study="1.1", sop="1.1.7")
    header, stored = store(node.spool, answer)
    header = replace(header, sop_class_uid=COMPREHENSIVE_SR)
    node.registry.arrivals.record([ReceivedInstance(header, stored.name, EXPLICIT, OLD)])
    assert node.registry.studies.all()[0].state is StudyState.SCREENED


def conflicting(node: Node) -> None:
    node.done("1.1")
    other = ct_slice(study="1.1", sop="1.1.1")
    other.PatientComments = "other content under the same UID"
    header, stored = store(node.spool, other)
    assert is_conflict(stored.name)
    node.registry.arrivals.record([ReceivedInstance(header, stored.name, EXPLICIT, OLD)])


def damaged(node: Node) -> None:
    node.done("1.1")
    node.spool.set_aside("1.1", "1.1.1.dcm")


@pytest.mark.parametrize(
    "state",
    [
        receiving, screened_and_not_sent, sent_and_not_confirmed, refused, parked, still_carried,
        more_arrived, answered, conflicting, damaged,
    ],
)  # fmt: skip
def test_what_may_still_be_needed_never_goes_however_old_and_full(
    tmp_path: Path, state: Callable[[Node], None]
) -> None:
    node = Node(tmp_path / "var", configuration.Retention(days=30, disk_percent=1e-9))
    state(node)
    before = node.images("1.1"), node.results("1.1")
    assert node.retention(NOW) == 0
    assert before == (node.images("1.1"), node.results("1.1")) and before[0]


def test_once_the_answer_is_read_the_study_goes(node: Node) -> None:
    answered(node)
    assert node.retention(NOW) == 0
    node.registry.answers.note("1.1", "1.1.7.dcm", [])
    assert node.retention(NOW) == 1 and node.images("1.1") == []


def test_a_full_disk_takes_nothing_young_and_nothing_while_nobody_is_sent_results(tmp_path: Path) -> None:
    node = Node(tmp_path / "var", FULL)
    node.done("1.1", at=NOW - timedelta(minutes=59))
    assert node.retention(NOW) == 0
    assert node.retention(NOW + timedelta(minutes=2)) == 1
    alone = Node(tmp_path / "alone", FULL, destinations=())
    alone.done("1.1")
    assert alone.retention(NOW) == 0


def test_it_is_told_before_it_begins_once_each_time_the_disk_gets_so_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(tmp_path / "var", configuration.Retention(days=0, disk_percent=80))
    told = []
    for full in (70, 76, 77, 70, 79, 81):
        monkeypatch.setattr("shutil.disk_usage", lambda _, f=full: SimpleNamespace(total=100, free=100 - f))
        with capture_logs() as logs:
            node.retention(NOW)
        told.append([entry["full_percent"] for entry in logs if entry["event"] == "the disk fills up"])
    assert told == [[], [76], [], [], [79], []]


def test_a_full_disk_takes_the_oldest_first_and_no_more_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(tmp_path / "var", configuration.Retention(days=0, disk_percent=80))
    for study, days in (("1.1", 2), ("1.2", 5), ("1.3", 1)):
        node.done(study, at=NOW - timedelta(days=days))

    def share(_: Path) -> object:
        images = sum(len(node.images(study)) for study in ("1.1", "1.2", "1.3"))
        return type("Usage", (), {"total": 100, "free": 40 - 5 * images})

    monkeypatch.setattr("shutil.disk_usage", share)
    assert node.retention(NOW) == 1
    assert [bool(node.images(study)) for study in ("1.1", "1.2", "1.3")] == [True, False, True]


def test_nothing_goes_while_nothing_is_set(tmp_path: Path) -> None:
    node = Node(tmp_path / "var", configuration.Retention(days=0, disk_percent=0))
    node.done("1.1")
    assert node.retention(NOW + timedelta(days=10_000)) == 0


def test_a_cleared_study_that_is_sent_again_is_screened_again(node: Node) -> None:
    node.done("1.1")
    node.retention(NOW)
    node.receive("1.1", at=NOW)
    (study,) = node.registry.studies.all()
    assert study.state is StudyState.RECEIVING and study.instances == 2
    assert node.retention(NOW + timedelta(days=60)) == 0


def test_a_sender_waits_while_its_study_is_cleared(node: Node) -> None:
    node.done("1.1")
    carrying = threading.Thread(target=node.registry.arrivals.association_carries, args=("a", "1.1"))

    def take_away() -> bool:
        carrying.start()
        carrying.join(0.5)
        assert carrying.is_alive(), "a sender came in between"
        return True

    assert node.registry.studies.forget_images("1.1", take_away)
    carrying.join(10)
    assert not carrying.is_alive()


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("at", ["before the commit", "after the commit"])
def test_a_death_in_the_middle_loses_nothing_that_the_registry_knows(
    node: Node, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    node.done("1.1")
    before = node.images("1.1")

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as death, pytest.raises(Killed):
        death.setattr("listener.retention.sync_folder" if at == "before the commit" else "shutil.rmtree", die)
        node.retention(NOW)
    assert node.images("1.1") == []
    node.retention(OLD)  # nothing is due, what was begun is finished
    assert node.images("1.1") == (before if at == "before the commit" else [])
    known = {name for study, name in node.registry.arrivals.known_names() if study == "1.1"}
    assert known == {path.name for path in node.images("1.1")}
    assert reconcile(node.spool, node.registry) == 0
    assert not list((node.settings.spool / ".cleared").iterdir())


def test_an_instance_that_came_after_the_death_is_not_overwritten(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.done("1.1")
    content = node.images("1.1")[0].read_bytes()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as death, pytest.raises(Killed):
        death.setattr("listener.retention.sync_folder", die)
        node.retention(NOW)
    other = node.settings.spool / "1.1" / "1.1.1.dcm"
    other.parent.mkdir()
    other.write_bytes(content + b"other")
    node.retention(OLD)
    assert other.read_bytes() == content + b"other" and len(node.images("1.1")) == 2


def test_leftovers_of_a_killed_worker_go_and_what_is_under_way_stays(node: Node) -> None:
    node.done("1.1")
    folder = node.settings.results / "1.1" / "key"
    left, under_way = folder / ".0123", folder / ".4567"
    for path in (left, under_way):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 7200,) * 2)
    node.retention(OLD)
    assert not left.exists() and under_way.exists()


def test_a_delivery_has_a_state_that_settles() -> None:
    """Every state but these two comes to an end without us; a new one must be thought about here."""
    open_ended = {DeliveryState.PENDING, DeliveryState.FAILED}
    assert set(DeliveryState) - open_ended == {
        DeliveryState.SENT, DeliveryState.FOUND, DeliveryState.COMMITTED,
    }  # fmt: skip
