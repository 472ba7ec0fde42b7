"""Any order of arriving, dying, a PACS that comes and goes, a clock that jumps: every study is answered once.

The turns of the worker are given by hand (a result for each set of images, under a UID of its own), so that
many orders can be tried; the door, the registry, the outbox and the PACS at its other end are the real ones.
"""

import hashlib
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ct_slices import ct_slice
from door import take
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from peers import wire
from peers.programs import free_port
from peers.provider import providing
from pydicom.uid import CTImageStorage
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event, EventHandlerType

from listener import settings as configuration
from listener.audit import Audit
from listener.completeness import close_quiet_studies
from listener.delivery import groups
from listener.journal import reconcile
from listener.outbox import Deliverer
from listener.reception import COERCION, SUCCESS
from listener.registry import Registry
from listener.retention import Retention
from listener.settings import Destination, Settings
from listener.spool import Spool
from listener.study import TAKEN, FinishedResult, ReceivedInstance, Study, StudyState

pytestmark = pytest.mark.slow

START = datetime(2030, 1, 1, tzinfo=UTC)
QUIET_S = 60.0
ATTEMPTS = 1000
"""Deaths of the worker are many here; that a study is parked after three is another test's matter."""


class Pacs:
    """A destination that comes and goes; how often each result was stored."""

    def __init__(self) -> None:
        self.port = free_port()
        self.stored: Counter[str] = Counter()
        self._running = ExitStack()
        self.is_up = False

    def up(self) -> None:
        application = AE("PACS")
        application.add_supported_context(CTImageStorage)
        handlers: list[EventHandlerType] = [(evt.EVT_C_STORE, self._store)]
        self._running.enter_context(providing(application, handlers, self.port))
        self.is_up = True

    def down(self) -> None:
        self._running.close()
        self.is_up = False

    def _store(self, event: Event) -> int:
        assert isinstance(event.request, C_STORE)
        self.stored[str(event.request.AffectedSOPInstanceUID)] += 1
        return 0x0000


class Hospital(RuleBasedStateMachine):
    """A node's parts on a clock of their own, a sender's belief, and a PACS."""

    @initialize()
    def begin(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._pacs = Pacs()
        pacs = Destination(
            name="pacs", ae_title="PACS", host="127.0.0.1", port=self._pacs.port, confirm=False
        )
        self._settings = Settings(
            folder=Path(self._folder.name),
            destinations=(pacs,),
            delivery=configuration.Delivery(timeout_seconds=2),
            retention=configuration.Retention(days=3, disk_percent=0),
        )
        self._settings.results.mkdir()
        self._true_time, self._set_by = START, timedelta()
        self._sent: dict[str, wire.Instance] = {}
        self._conflicts = 0
        self._notes: list[ReceivedInstance] = []
        self._versions: set[str] = set()
        self._live()

    def _live(self) -> None:
        """A new life of every process."""
        self._spool = Spool(self._settings.spool)
        self._registry = Registry(self._settings.registry_url)
        self._registry.migrate()
        self._spool.sweep()
        reconcile_at = self._now
        reconcile(self._spool, self._registry)
        self._registry.waits.limit(reconcile_at + timedelta(hours=1))
        self._deliver = Deliverer(self._settings, self._registry, lambda: self._now)
        audit = Audit(self._settings.audit_folder)
        self._clear = Retention(self._settings, self._registry, audit)

    @property
    def _now(self) -> datetime:
        return self._true_time + self._set_by

    # What a sender does

    def carries(self, study_instance_uid: str) -> None:
        self._registry.arrivals.association_carries("a", study_instance_uid)

    def received(self, instance: ReceivedInstance) -> None:
        self._notes.append(replace(instance, received_at=self._now))

    def _store(self, instance: wire.Instance, share: float = 1) -> int | None:
        return take(self._spool, self, instance, share)

    @rule(study=st.sampled_from(("1.2.1", "1.2.2")), number=st.integers(1, 4), end=st.booleans())
    def store(self, study: str, number: int, end: bool) -> None:
        """A new instance, a late one, or one that is known."""
        instance = wire.Instance(study=study, uid=f"{study}.{number}")
        assert self._store(instance) == SUCCESS
        self._sent[instance.uid] = instance
        if end:
            self.the_association_ends()

    @precondition(lambda self: self._sent)
    @rule(content=st.binary(min_size=42, max_size=42))
    def store_another_under_a_known_uid(self, content: bytes) -> None:
        known = next(iter(self._sent.values()))
        folder = self._spool.study_folder(known.study)
        other = wire.Instance(study=known.study, uid=known.uid, pixels=content)
        if (folder / f"{known.uid}.dcm").exists():  # not cleared meanwhile
            assert self._store(other) == COERCION

    @rule(share=st.floats(0, 0.99))
    def break_off(self, share: float) -> None:
        assert self._store(wire.Instance(study="1.2.1"), share) is None

    @rule()
    def the_association_ends(self) -> None:
        self._write_the_notes()
        self._registry.arrivals.association_closed("a")

    def _write_the_notes(self) -> None:
        self._registry.arrivals.record(self._notes)
        self._notes.clear()

    # What befalls the node

    @rule()
    def everything_dies_and_lives_again(self) -> None:
        self._notes.clear()
        self._registry.close()
        self._live()
        self._registry.arrivals.forget_associations()
        assert self._registry.arrivals.known_names() == set(self._spool.names())

    @rule(jump=st.sampled_from((-86400, -3600, 3600, 86400)))
    def the_clock_jumps(self, jump: int) -> None:
        self._set_by += timedelta(seconds=jump)
        self._registry.waits.clock_was_set(jump, self._now)

    @rule()
    def the_pacs_comes_or_goes(self) -> None:
        (self._pacs.down if self._pacs.is_up else self._pacs.up)()

    # What the node does

    @rule(seconds=st.sampled_from((1, 61, 2000)))
    def time_passes(self, seconds: int) -> None:
        self._true_time += timedelta(seconds=seconds)
        close_quiet_studies(self._registry, QUIET_S, self._now)

    @rule(dies=st.booleans())
    def the_worker_takes_a_turn(self, dies: bool) -> None:
        under_way = self._registry.studies.in_state(StudyState.SCREENING)
        for study in [*under_way, *self._registry.studies.due(self._now)]:
            begun = self._registry.studies.begin_screening(
                study.study_instance_uid, study.revision, ATTEMPTS, self._now
            )
            if begun is not None and not dies:
                self._finish(begun)

    def _finish(self, study: Study) -> None:
        """The result of what there is to see now: the same for the same images."""
        names = sorted(path.name for path in self._spool.files(study.study_instance_uid))
        digest = hashlib.sha256(" ".join([study.study_instance_uid, *names]).encode()).hexdigest()
        uid = f"2.25.{int(digest[:30], 16)}"
        path = Path(study.study_instance_uid) / digest / "report.dcm"
        (self._settings.results / path).parent.mkdir(parents=True, exist_ok=True)
        ct_slice(study=study.study_instance_uid, sop=uid).save_as(
            self._settings.results / path, enforce_file_format=True
        )
        result = FinishedResult(
            study.study_instance_uid, digest, "report", CTImageStorage, uid, "1.9", path, ("pacs",), False
        )
        self._registry.deliveries.screening_finished(study, [result], "", self._now)
        self._versions.add(uid)

    @rule()
    def results_are_sent(self) -> None:
        for destination, key in groups(self._registry.deliveries.due(self._now)):
            self._deliver(f"{destination}:{key}")

    @rule()
    def what_is_old_is_removed(self) -> None:
        self._clear(self._now)

    # What must be true in the end

    def teardown(self) -> None:
        if not hasattr(self, "_pacs"):
            return
        try:
            self._settle()
            self._check()
        finally:
            self._pacs.down()
            self._registry.close()
            self._folder.cleanup()

    def _settle(self) -> None:
        """Let everything run its course."""
        if not self._pacs.is_up:
            self._pacs.up()
        self.the_association_ends()
        for _ in range(4):
            self.time_passes(2000)
            self.the_worker_takes_a_turn(dies=False)
            self.results_are_sent()

    def _check(self) -> None:
        studies = {study.study_instance_uid: study for study in self._registry.studies.all()}
        assert {instance.study for instance in self._sent.values()} == set(studies)
        assert {study.state for study in studies.values()} <= {StudyState.SCREENED}
        for uid in studies:
            deliveries = self._registry.deliveries.of_study(uid)
            assert deliveries and all(delivery.state in TAKEN for delivery in deliveries)
        assert set(self._pacs.stored) <= self._versions
        assert set(self._pacs.stored.values()) <= {1}, "a result was sent twice"
        assert self._registry.arrivals.known_names() == set(self._spool.names())
        assert not list((self._settings.spool / ".incoming").iterdir())


TestHospital = Hospital.TestCase
TestHospital.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
