"""The outbox against destinations of every temper: nothing is lost, nothing is doubled.

Time is simulated: a turn is given whenever the registry says that something is due.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ct_slices import ct_slice
from peers.programs import free_port
from peers.provider import providing
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event, EventHandlerType

from listener import confirmation
from listener import settings as configuration
from listener.commitment import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from listener.confirmation import STUDY_ROOT_FIND
from listener.delivery import groups
from listener.outbox import Confirmer, Deliverer
from listener.registry import Registry
from listener.settings import Destination, Settings
from listener.study import Delivery, FinishedResult, InstanceHeader, ReceivedInstance

START = datetime(2026, 3, 4, tzinfo=UTC)
STUDY = "1.2.3"


@dataclass
class Pacs:
    """A destination: what it has, and how it behaves.

    Attributes
    ----------
    answers : statuses of the next C-STOREs, then success; "abort" aborts the association instead
    commits : how it reports: "here" (same association), "never", or None where it offers no commitment
    forgets : how many reported instances it denies to have kept, once
    """

    answers: list[int | str] = field(default_factory=list)
    commits: str | None = None
    can_find: bool = False
    accepts_pictures: bool = True
    forgets: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    asked: int = 0

    def store(self, event: Event) -> int:
        answer = self.answers.pop(0) if self.answers else 0x0000
        if answer == "abort":
            event.assoc.abort()
            return 0xC000
        assert isinstance(answer, int) and isinstance(event.request, C_STORE)
        if answer in (0x0000, 0xB000, 0xB006, 0xB007):
            self.stored[str(event.request.AffectedSOPInstanceUID)] += 1
        return answer

    def action(self, event: Event) -> tuple[int, None]:
        self.asked += 1
        if self.commits == "here":
            self._report(event)
        return 0x0000, None

    def _report(self, event: Event) -> None:
        wanted = list(event.action_information.ReferencedSOPSequence)
        lost, self.forgets = wanted[: self.forgets], 0
        for item in lost:
            item.FailureReason = 0x0112
            del self.stored[str(item.ReferencedSOPInstanceUID)]
        report = Dataset()
        report.TransactionUID = event.action_information.TransactionUID
        report.ReferencedSOPSequence = wanted[len(lost) :]
        if lost:
            report.FailedSOPSequence = lost
        kind = 2 if lost else 1
        status, _ = event.assoc.send_n_event_report(
            report, kind, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
        assert status.Status == 0x0000

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        self.asked += 1
        assert event.identifier.QueryRetrieveLevel == "IMAGE"
        if self.stored[str(event.identifier.SOPInstanceUID)]:
            yield 0xFF00, event.identifier

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        application = AE("PACS")
        application.add_supported_context(CTImageStorage)
        if self.accepts_pictures:
            application.add_supported_context(SecondaryCaptureImageStorage)
        if self.commits:
            application.add_supported_context(STORAGE_COMMITMENT)
        if self.can_find:
            application.add_supported_context(STUDY_ROOT_FIND)
        handlers: list[EventHandlerType] = [
            (evt.EVT_C_STORE, self.store), (evt.EVT_N_ACTION, self.action), (evt.EVT_C_FIND, self.find),
        ]  # fmt: skip
        with providing(application, handlers, port):
            yield


class Outbox:
    """A node's outbox with two results of one study for one destination, and a clock of its own."""

    def __init__(self, folder: Path, port: int, confirm: bool = True) -> None:
        pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, confirm=confirm)
        quick = configuration.Delivery(timeout_seconds=3)
        settings = Settings(folder=folder, destinations=(pacs,), delivery=quick)
        settings.results.mkdir()
        self.now = START
        self.registry = Registry(settings.registry_url)
        self.registry.migrate()
        self.deliver = Deliverer(settings, self.registry, lambda: self.now)
        self.confirm = Confirmer(settings, self.registry, lambda: self.now)
        self._finish(settings)

    def _finish(self, settings: Settings) -> None:
        header = InstanceHeader(CTImageStorage, f"{STUDY}.1", STUDY, f"{STUDY}.2", "CT", "", "")
        self.registry.arrivals.record([ReceivedInstance(header, "1", "", START)])
        finished = []
        for kind, sop_class in (("report", CTImageStorage), ("overview", SecondaryCaptureImageStorage)):
            dataset = ct_slice()
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
            dataset.save_as(settings.results / f"{kind}.dcm", enforce_file_format=True)
            uid = str(dataset.SOPInstanceUID)
            finished.append(
                FinishedResult(STUDY, "k", kind, sop_class, uid, "1.9", Path(f"{kind}.dcm"), ("pacs",), False)
            )
        (study,) = self.registry.studies.all()
        self.registry.deliveries.screening_finished(study, finished, "", START)

    def run(self, hours: float) -> None:
        """Let so much time pass, and give every turn that falls due."""
        end = self.now + timedelta(hours=hours)
        while self.now <= end:
            for turn, due in (
                (self.deliver, self.registry.deliveries.due(self.now)),
                (self.confirm, self.registry.deliveries.to_confirm(self.now)),
            ):
                for destination, key in groups(due):
                    turn(f"{destination}:{key}")
            self.now += timedelta(seconds=30)

    def deliveries(self) -> list[Delivery]:
        return self.registry.deliveries.of_study(STUDY)

    def states(self) -> list[str]:
        return sorted(delivery.state.value for delivery in self.deliveries())


@pytest.fixture
def port() -> int:
    return free_port()


def test_a_pacs_that_is_down_for_an_hour_gets_everything_once(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs()
    outbox.run(hours=1)
    assert outbox.states() == ["pending", "pending"]
    assert 5 <= outbox.deliveries()[0].attempts <= 12, "the pauses do not grow, or grow without end"
    with pacs.listening(port):
        outbox.run(hours=1)
    assert outbox.states() == ["sent", "sent"] and set(pacs.stored.values()) == {1} and len(pacs.stored) == 2


def test_one_that_aborts_gets_everything_once(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(answers=["abort", "abort"])
    with pacs.listening(port):
        outbox.run(hours=0.5)
    assert outbox.states() == ["sent", "sent"] and sorted(pacs.stored.values()) == [1, 1]


def test_one_that_is_out_of_resources_and_recovers_gets_everything_once(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(answers=[0xA700, 0xA700, 0xA700])
    with pacs.listening(port):
        outbox.run(hours=0.5)
    assert outbox.states() == ["sent", "sent"] and sorted(pacs.stored.values()) == [1, 1]


def test_one_that_refuses_a_class_gets_the_rest_and_is_not_asked_again(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(accepts_pictures=False)
    with pacs.listening(port):
        outbox.run(hours=2)
    assert outbox.states() == ["failed", "sent"]
    refused = next(delivery for delivery in outbox.deliveries() if delivery.state == "failed")
    assert refused.attempts == 1 and "Secondary Capture" in refused.last_error


@pytest.mark.parametrize("warning", [0xB000, 0xB006, 0xB007])
def test_a_warning_is_told_and_counts_as_stored(tmp_path: Path, port: int, warning: int) -> None:
    outbox, pacs = Outbox(tmp_path, port, confirm=False), Pacs(answers=[warning])
    with pacs.listening(port):
        outbox.run(hours=0.1)
    assert outbox.states() == ["sent", "sent"] and pacs.asked == 0
    assert f"stored with 0x{warning:04X}" in [delivery.last_error for delivery in outbox.deliveries()]


def test_one_that_commits_on_the_same_association_is_believed(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(commits="here")
    with pacs.listening(port):
        outbox.run(hours=0.1)
    assert outbox.states() == ["committed", "committed"] and pacs.asked == 1


def test_one_that_kept_only_part_gets_the_rest_again(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(commits="here", forgets=1)
    with pacs.listening(port):
        outbox.run(hours=0.1)
    assert outbox.states() == ["committed", "committed"]
    assert sorted(pacs.stored.values()) == [1, 1] and len(pacs.stored) == 2
    assert sorted(delivery.attempts for delivery in outbox.deliveries()) == [1, 3]


def test_one_without_commitment_is_queried(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(can_find=True)
    with pacs.listening(port):
        outbox.run(hours=0.1)
    assert outbox.states() == ["found", "found"]


def test_one_that_lost_what_it_took_is_sent_it_again(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs(can_find=True)
    with pacs.listening(port):
        for delivery in outbox.deliveries():
            outbox.deliver(f"{delivery.destination}:k")
        pacs.stored.clear()
        outbox.run(hours=4)
    assert outbox.states() == ["found", "found"] and sorted(pacs.stored.values()) == [1, 1]


def test_one_that_never_reports_is_queried_in_the_end(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "SAME_ASSOCIATION_SECONDS", 0.1)
    outbox, pacs = Outbox(tmp_path, port), Pacs(commits="never", can_find=True)
    with pacs.listening(port):
        outbox.run(hours=0.2)
        assert outbox.states() == ["sent", "sent"]
        outbox.run(hours=4)
    assert outbox.states() == ["found", "found"] and sorted(pacs.stored.values()) == [1, 1]


def test_one_that_offers_neither_stays_sent_and_is_left_in_peace(tmp_path: Path, port: int) -> None:
    outbox, pacs = Outbox(tmp_path, port), Pacs()
    with pacs.listening(port):
        outbox.run(hours=0.2)
    assert outbox.states() == ["sent", "sent"] and outbox.registry.deliveries.to_confirm(outbox.now) == []
    assert "neither storage commitment nor a query" in outbox.deliveries()[0].last_error
