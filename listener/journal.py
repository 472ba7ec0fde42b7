"""Notes of the C-STORE provider in; registry rows out, in batches, in order.

The answer to a sender need not wait for the registry: the spool already holds the instance, and a receiver
that starts reconciles the registry with it.
"""

import threading
from collections import deque
from datetime import UTC, datetime

import structlog

from listener.commitment import CommitmentReport
from listener.errors import DamagedFile, RegistryUnavailable
from listener.registry import Registry
from listener.spool import Spool
from listener.study import ReceivedInstance

log = structlog.get_logger()

_RETRY_SECONDS = 1.0
_MOST_AT_ONCE = 1000
_GATHERING_SECONDS = 0.2
"""A note waits so long for others: a transaction of a hundred rows costs hardly more than one of one."""


class Journal:
    """Writes notes to the registry from one thread of its own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._notes: deque[ReceivedInstance | str] = deque()
        self._awake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def received(self, instance: ReceivedInstance) -> None:
        """Note a durable instance."""
        self._add(instance)

    def opened(self, association: str, study_instance_uid: str) -> None:
        """Note that an association carries a study; returns once the registry knows."""
        self._registry.arrivals.association_carries(association, study_instance_uid)

    def closed(self, association: str) -> None:
        """Note that an association ended, after all that it brought."""
        self._add(association)

    def committed(self, report: CommitmentReport) -> bool:
        """Note what a destination says of results that it took; returns once the registry knows."""
        now = datetime.now(UTC)
        return self._registry.deliveries.committed(report.transaction_uid, report.kept, report.failed, now)

    def stop(self) -> None:
        """Write what is left and end the thread."""
        self._stopping.set()
        self._awake.set()
        self._thread.join(timeout=10)

    def _add(self, note: ReceivedInstance | str) -> None:
        self._notes.append(note)
        if not self._awake.is_set():
            self._awake.set()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._awake.wait()
            self._stopping.wait(_GATHERING_SECONDS)
            self._awake.clear()  # before the look: what comes after it sets it again
            is_last = self._stopping.is_set()
            while batch := [self._notes.popleft() for _ in range(min(len(self._notes), _MOST_AT_ONCE))]:
                self._write(batch)

    def _write(self, batch: list[ReceivedInstance | str]) -> None:
        """Write instances before the ends of the associations that brought them; try until it succeeds."""
        while True:
            try:
                received = [note for note in batch if isinstance(note, ReceivedInstance)]
                if received:
                    self._registry.arrivals.record(received)
                for note in batch:
                    if isinstance(note, str):
                        self._registry.arrivals.association_closed(note)
                return
            except RegistryUnavailable:
                log.warning("the registry cannot be written, trying again", notes=len(batch))
                threading.Event().wait(_RETRY_SECONDS)


def reconcile(spool: Spool, registry: Registry) -> int:
    """Bring into the registry what the spool holds and it does not; return how many instances.

    A file that cannot be read was cut short by a power cut before it was acknowledged, or the disk fails: it
    is set aside, so that the sender can bring the instance again.
    """
    missing = set(spool.names()) - registry.arrivals.known_names()
    now = datetime.now(UTC)
    found = []
    for study_instance_uid, name in sorted(missing):
        try:
            header, transfer_syntax_uid = spool.read_back(study_instance_uid, name)
        except DamagedFile as error:
            log.error("a damaged file of the spool was set aside", file=str(error))
            spool.set_aside(study_instance_uid, name)
            continue
        found.append(ReceivedInstance(header, name, transfer_syntax_uid, now))
    for start in range(0, len(found), _MOST_AT_ONCE):
        registry.arrivals.record(found[start : start + _MOST_AT_ONCE])
    return len(found)
