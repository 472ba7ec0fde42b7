"""What becomes of results once a destination has taken them: asked, found, committed, or sent again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.registry import Registry
from listener.study import Delivery, DeliveryState, FinishedResult, InstanceHeader, ReceivedInstance, Study

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    made.migrate()
    yield made
    made.close()


def study(registry: Registry, uid: str = "1.2") -> Study:
    header = InstanceHeader("1.2.840", f"{uid}.9", uid, f"{uid}.1", "CT", "", "")
    registry.arrivals.record([ReceivedInstance(header, f"{uid}.dcm", "", NOW)])
    return next(found for found in registry.studies.all() if found.study_instance_uid == uid)


def finish(
    registry: Registry, key: str, at: datetime = NOW, uid: str = "1.2", is_urgent: bool = False
) -> None:
    finished = [
        FinishedResult(
            uid, key, kind, "1.2.840", f"{uid}.{key}.{n}", "1.3", Path(f"{kind}.dcm"), ("pacs",), is_urgent
        )
        for n, kind in enumerate(("report", "overview"))
    ]
    registry.deliveries.screening_finished(study(registry, uid), finished, "", at)


def sent(registry: Registry, key: str = "9") -> list[Delivery]:
    finish(registry, key)
    for delivery in registry.deliveries.due(NOW):
        registry.deliveries.delivered(delivery, NOW, "", check_at=NOW)
    return registry.deliveries.to_confirm(NOW)


def states(registry: Registry) -> list[str]:
    return [delivery.state.value for delivery in registry.deliveries.of_study("1.2")]


def test_a_commitment_is_noted_by_its_transaction_and_an_unknown_one_is_not(registry: Registry) -> None:
    waiting = sent(registry)
    registry.deliveries.asked(waiting, "1.99", LATER)
    assert registry.deliveries.to_confirm(NOW) == []
    kept = [delivery.sop_instance_uid for delivery in waiting]
    assert not registry.deliveries.committed("1.98", kept, {}, NOW)
    assert states(registry) == ["sent", "sent"]
    assert registry.deliveries.committed("1.99", kept, {}, NOW)
    assert states(registry) == ["committed", "committed"]
    assert registry.deliveries.to_confirm(LATER) == []


def test_what_a_destination_does_not_keep_is_sent_again_and_the_rest_is_not(registry: Registry) -> None:
    kept, lost = sent(registry)
    registry.deliveries.asked([kept, lost], "1.99", LATER)
    failed = {lost.sop_instance_uid: "no such object instance"}
    assert registry.deliveries.committed("1.99", [kept.sop_instance_uid], failed, NOW)
    assert sorted(states(registry)) == ["committed", "pending"]
    (again,) = registry.deliveries.due(NOW)
    assert (again.id, again.attempts, again.last_error) == (lost.id, 2, "no such object instance")


def test_an_unanswered_question_is_asked_again_in_its_time(registry: Registry) -> None:
    registry.deliveries.asked(sent(registry), "1.99", LATER)
    assert [delivery.checks for delivery in registry.deliveries.to_confirm(LATER)] == [1, 1]


def test_a_commitment_that_comes_after_a_query_found_it_still_counts(registry: Registry) -> None:
    waiting = sent(registry)
    registry.deliveries.asked(waiting, "1.99", LATER)
    registry.deliveries.found(waiting)
    assert states(registry) == ["found", "found"]
    registry.deliveries.committed("1.99", [waiting[0].sop_instance_uid], {}, NOW)
    assert sorted(states(registry)) == ["committed", "found"]


def test_a_confirmed_result_is_never_made_pending(registry: Registry) -> None:
    waiting = sent(registry)
    registry.deliveries.found(waiting)
    registry.deliveries.lost(waiting, "late doubt", NOW)
    registry.deliveries.asked(waiting, "1.99", NOW)
    assert not registry.deliveries.retry("1.2", NOW)
    finish(registry, "9", LATER)
    assert states(registry) == ["found", "found"]


def test_urgent_results_overtake_those_that_waited_longer(registry: Registry) -> None:
    for number in range(3):
        finish(registry, "9", NOW + timedelta(minutes=number), uid=f"1.{number + 2}")
    finish(registry, "9", LATER, uid="1.7", is_urgent=True)
    order = [delivery.study_instance_uid for delivery in registry.deliveries.due(LATER)]
    assert order == ["1.7", "1.7", "1.2", "1.2", "1.3", "1.3", "1.4", "1.4"]


def test_only_a_report_that_went_out_is_a_predecessor(registry: Registry) -> None:
    finish(registry, "8")
    assert registry.deliveries.earlier_reports("1.2", ["report"]) == []
    sent(registry, "9")
    (earlier,) = registry.deliveries.earlier_reports("1.2", ["report"])
    assert earlier.sop_instance_uid == "1.2.9.0" and earlier.created_at == NOW
    assert registry.deliveries.destinations_of("1.2") == {"pacs"}


def test_versions_come_in_the_order_in_which_they_were_to_be_sent_whatever_the_clock_said(
    registry: Registry,
) -> None:
    sent(registry, "9")
    for key, at in (("8", NOW - timedelta(days=1)), ("7", NOW - timedelta(days=2)), ("9", LATER)):
        finish(registry, key, at)
        for delivery in registry.deliveries.due(NOW):
            registry.deliveries.delivered(delivery, NOW, "")
    assert registry.deliveries.versions("1.2") == ["9", "8", "7"]
    earlier = registry.deliveries.earlier_reports("1.2", ["report"])
    assert [report.result_key for report in earlier] == ["9", "8", "7"]


def test_a_state_has_a_meaning_of_its_own() -> None:
    assert len({state.value for state in DeliveryState}) == len(DeliveryState)
