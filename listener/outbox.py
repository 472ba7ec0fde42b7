"""One turn of the outbox: an attempt to send a study's results to a destination, or to have them confirmed.

What came of it stands in the registry, for the next turn to find.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from pydicom.uid import generate_uid

from listener.audit import EXPORTED, MINOR_FAILURE, SUCCESS, TRANSFERRED, Audit, AuditEvent
from listener.calling import Caller
from listener.commitment import CommitmentReport
from listener.confirmation import Confirmation, Word, confirm
from listener.delivery import Attempt, Outcome, pause, send
from listener.notify import post, send_hl7
from listener.registry import Registry, persistently
from listener.settings import Destination, Peer, Settings, Webhook
from listener.study import Delivery

log = structlog.get_logger()

Clock = Callable[[], datetime]

FIRST_CHECK_SECONDS = 1.0
"""How long after it was sent a destination is first asked: not before all of a study's results are there."""
MISSING_CHECKS = 4
"""A query that does not find a result is repeated so often before the result is sent again."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Deliverer:
    """Makes one attempt to send one study's results to one destination."""

    def __init__(self, settings: Settings, registry: Registry, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._registry = registry
        self._clock = clock
        self._audit = Audit(settings.audit_folder, settings.audit)
        self._refused: set[tuple[str, str]] = set()

    def __call__(self, argument: str) -> None:
        """Send what is still pending; note what became of each."""
        name, result_key = argument.split(":", 1)
        peer, pending = self._settings.peer(name), self._registry.deliveries.pending(name, result_key)
        if peer is None or not pending:
            return
        attempts = self._attempts(pending, peer)
        for attempt in attempts:
            self._log(attempt)
            self._note_persistently(attempt, peer)
        self._record(attempts, peer)

    def _record(self, attempts: list[Attempt], peer: Peer) -> None:
        """One audit message for what went over one association, or failed to."""
        sent = sum(attempt.outcome is Outcome.SENT for attempt in attempts)
        us, study = self._settings.receiver.ae_title, attempts[0].delivery.study_instance_uid
        outcome = SUCCESS if sent == len(attempts) else MINOR_FAILURE
        what = f"{sent} of {len(attempts)} results taken by {peer.name}"
        kind, to = EXPORTED, peer.name
        if isinstance(peer, Destination):
            kind, to = TRANSFERRED, peer.ae_title
        at = "" if isinstance(peer, Webhook) else peer.host
        self._audit.record(AuditEvent(kind, outcome, us, "", what, (study,), to, at))

    def _note_persistently(self, attempt: Attempt, peer: Peer) -> None:
        """What was sent must not be sent again because the registry was locked."""
        persistently(lambda: self._note(attempt, peer))

    def _attempts(self, pending: list[Delivery], peer: Peer) -> list[Attempt]:
        timeout, folder = self._settings.delivery.timeout_seconds, self._settings.results
        if isinstance(peer, Destination):
            return send(pending, folder, Caller.of(self._settings), peer)
        if isinstance(peer, Webhook):
            return [post(delivery, folder / delivery.path, peer, timeout) for delivery in pending]
        return [send_hl7(delivery, folder / delivery.path, peer, timeout) for delivery in pending]

    def _log(self, attempt: Attempt) -> None:
        """A class that a destination does not accept is a warning once, not with every study."""
        delivery = attempt.delivery
        refusal = (delivery.destination, delivery.sop_class_uid)
        is_news = attempt.outcome is Outcome.REFUSED and refusal not in self._refused
        if is_news:
            self._refused.add(refusal)
        (log.warning if is_news else log.info)(
            "delivery attempted",
            study_instance_uid=delivery.study_instance_uid,
            destination=delivery.destination,
            kind=delivery.kind,
            outcome=attempt.outcome.name.lower(),
            remark=attempt.remark,
        )

    def _note(self, attempt: Attempt, peer: Peer) -> None:
        delivery, now, outbox = attempt.delivery, self._clock(), self._registry.deliveries
        if attempt.outcome is Outcome.SENT:
            confirm_it = isinstance(peer, Destination) and peer.confirm
            check_at = now + timedelta(seconds=FIRST_CHECK_SECONDS) if confirm_it else None
            outbox.delivered(delivery, now, attempt.remark, check_at)
        elif attempt.outcome is Outcome.LATER:
            outbox.failed(delivery, attempt.remark, _later(delivery, self._settings, now))
        else:
            outbox.failed(delivery, attempt.remark, None)


class Confirmer:
    """Asks one destination about the results of one study that it took."""

    def __init__(self, settings: Settings, registry: Registry, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._registry = registry
        self._clock = clock

    def __call__(self, argument: str) -> None:
        """Ask about what is due; note what the destination says of each."""
        destination_name, result_key = argument.split(":", 1)
        destination, outbox = self._settings.peer(destination_name), self._registry.deliveries
        now = self._clock()
        sent = outbox.unconfirmed(destination_name, result_key, now)
        if not isinstance(destination, Destination) or not sent:
            return
        transaction_uid = str(generate_uid(prefix=None))
        patience = 2.0 ** min(10, *(delivery.checks for delivery in sent))
        wait = self._settings.delivery.confirmation_seconds * patience
        outbox.asked(sent, transaction_uid, now + timedelta(seconds=wait))
        caller = Caller.of(self._settings)
        for confirmation in confirm(sent, caller, destination, transaction_uid, self._committed):
            self._note(confirmation)

    def _committed(self, report: CommitmentReport) -> bool:
        outbox = self._registry.deliveries
        return outbox.committed(report.transaction_uid, report.kept, report.failed, self._clock())

    def _note(self, confirmation: Confirmation) -> None:
        delivery, outbox, now = confirmation.delivery, self._registry.deliveries, self._clock()
        log.info(
            "confirmation asked for",
            study_instance_uid=delivery.study_instance_uid,
            destination=delivery.destination,
            kind=delivery.kind,
            answer=confirmation.word.name.lower(),
            remark=confirmation.remark,
        )
        if confirmation.word is Word.FOUND:
            outbox.found([delivery])
        elif confirmation.word is Word.UNABLE:
            outbox.left_unconfirmed([delivery], confirmation.remark)
        elif confirmation.word is Word.MISSING and delivery.checks + 1 >= MISSING_CHECKS:
            outbox.lost([delivery], confirmation.remark, now)
        elif confirmation.word in (Word.MISSING, Word.SILENT):
            outbox.asked([delivery], None, _later(delivery, self._settings, now))


def _later(delivery: Delivery, settings: Settings, now: datetime) -> datetime:
    return now + pause(delivery.attempts + delivery.checks + 1, settings.delivery)
