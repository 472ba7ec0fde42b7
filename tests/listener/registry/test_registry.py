"""The registry: every step a study can take, and those it must not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from listener.registry import Registry
from listener.registry.schema import metadata
from listener.results.identity import MANUFACTURER, MODEL_NAME
from listener.study import (
    DeliveryState,
    FinishedResult,
    InstanceHeader,
    ReceivedInstance,
    Study,
    StudyState,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
QUIET = timedelta(seconds=60)
LATER = NOW + 2 * QUIET


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


def instance(number: int, study: str = "1.2", at: datetime = NOW, maker: str = "Maker") -> ReceivedInstance:
    header = InstanceHeader(CT, f"1.2.3.{number}", study, "1.2.3", "CT", maker, MODEL_NAME)
    return ReceivedInstance(header, f"1.2.3.{number}.dcm", "1.2.840.10008.1.2", at)


def record(registry: Registry, *received: ReceivedInstance) -> None:
    registry.arrivals.record(received)


def queued(registry: Registry) -> Study:
    record(registry, instance(1))
    ((study, _),) = registry.studies.quiet(QUIET, LATER)
    assert registry.studies.close(study, StudyState.QUEUED, "", NOW)
    return only(registry)


def only(registry: Registry) -> Study:
    (study,) = registry.studies.all()
    return study


def results(key: str, *recipients: str, study: str = "1.2", is_urgent: bool = False) -> list[FinishedResult]:
    return [
        FinishedResult(
            study, key, kind, "1.2.840", f"{key}.{number}", "1.3", Path(f"{kind}.dcm"), recipients, is_urgent
        )
        for number, kind in enumerate(("report", "overview"))
    ]


def test_the_migrations_build_exactly_the_tables_of_the_code(registry: Registry) -> None:
    with registry._database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_again_changes_nothing(registry: Registry) -> None:
    record(registry, instance(1))
    registry.migrate()
    assert only(registry).instances == 1


def test_a_study_is_quiet_only_after_the_pause(registry: Registry) -> None:
    record(registry, instance(1))
    assert registry.studies.quiet(QUIET, NOW + QUIET / 2) == []
    ((study, sop_classes),) = registry.studies.quiet(QUIET, LATER)
    assert study.instances == 1 and sop_classes == {CT}


def test_a_new_instance_starts_the_pause_again_and_a_duplicate_does_not(registry: Registry) -> None:
    record(registry, instance(1))
    record(registry, instance(2, at=NOW + QUIET), instance(1, at=LATER))
    assert only(registry).last_received_at == NOW + QUIET
    assert registry.studies.quiet(QUIET, NOW + 1.5 * QUIET) == []


def test_a_study_is_never_closed_under_an_association_that_carries_it(registry: Registry) -> None:
    record(registry, instance(1))
    registry.arrivals.association_carries("a", "1.2")
    assert registry.studies.quiet(QUIET, LATER) == []
    registry.arrivals.association_closed("a")
    assert len(registry.studies.quiet(QUIET, LATER)) == 1


def test_what_a_dead_receiver_had_open_does_not_hold_a_study(registry: Registry) -> None:
    record(registry, instance(1))
    registry.arrivals.association_carries("a", "1.2")
    registry.arrivals.forget_associations()
    assert len(registry.studies.quiet(QUIET, LATER)) == 1


def test_a_clock_set_back_by_a_day_delays_a_study_by_no_more_than_the_pause(registry: Registry) -> None:
    record(registry, instance(1))
    yesterday = NOW - timedelta(days=1)
    assert registry.studies.quiet(QUIET, yesterday) == []
    assert len(registry.studies.quiet(QUIET, yesterday + QUIET)) == 1


DAY = timedelta(days=1)


def test_a_clock_set_forward_by_a_day_closes_no_study_early(registry: Registry) -> None:
    record(registry, instance(1))
    registry.waits.clock_was_set(DAY.total_seconds(), NOW + DAY)
    assert registry.studies.quiet(QUIET, NOW + DAY + QUIET / 2) == []
    assert len(registry.studies.quiet(QUIET, NOW + DAY + QUIET)) == 1


def test_an_instance_that_came_after_the_clock_was_set_is_left_as_it_is(registry: Registry) -> None:
    record(registry, instance(1, at=NOW + DAY))
    registry.waits.clock_was_set(DAY.total_seconds(), NOW + DAY)
    assert only(registry).last_received_at == NOW + DAY


def test_a_clock_set_back_by_a_day_delays_no_turn(registry: Registry) -> None:
    study = queued(registry)
    registry.studies.requeue(study, "again", NOW + QUIET)
    registry.waits.clock_was_set(-DAY.total_seconds(), NOW - DAY)
    assert registry.studies.due(NOW - DAY) == []
    assert len(registry.studies.due(NOW - DAY + QUIET)) == 1


def test_a_clock_set_back_while_nobody_looked_delays_a_turn_by_the_longest_pause(registry: Registry) -> None:
    registry.studies.requeue(queued(registry), "again", NOW + DAY)
    registry.waits.limit(NOW + QUIET)
    assert len(registry.studies.due(NOW + QUIET)) == 1


def test_a_late_instance_opens_a_study_again_for_another_turn(registry: Registry) -> None:
    before = queued(registry)
    record(registry, instance(2))
    after = only(registry)
    assert after.state is StudyState.RECEIVING and after.revision == before.revision + 1
    assert registry.studies.begin_screening("1.2", before.revision, 3, NOW) is None


def test_our_own_result_coming_back_opens_nothing(registry: Registry) -> None:
    queued(registry)
    record(registry, instance(9, maker=MANUFACTURER))
    study = only(registry)
    assert study.state is StudyState.QUEUED and study.instances == 1


def test_a_study_of_nothing_but_our_own_results_shows_no_other_class(registry: Registry) -> None:
    record(registry, instance(9, maker=MANUFACTURER))
    ((_, sop_classes),) = registry.studies.quiet(QUIET, LATER)
    assert sop_classes == set()


def test_a_turn_whose_process_dies_is_counted_and_the_study_is_parked_in_the_end(registry: Registry) -> None:
    queued(registry)
    for died in range(3):
        (study,) = registry.studies.due(LATER)
        assert registry.studies.begin_screening("1.2", study.revision, 3, LATER) is not None
        assert registry.studies.begin_screening("1.2", study.revision, 3, LATER) is None
        assert (only(registry).state is StudyState.PARKED) == (died == 2)
    assert "3 times" in only(registry).reason


def test_a_study_that_killed_its_process_goes_behind_those_that_wait(registry: Registry) -> None:
    study = queued(registry)
    registry.studies.begin_screening("1.2", study.revision, 3, LATER)
    assert registry.studies.begin_screening("1.2", study.revision, 3, LATER) is None
    assert registry.studies.due(NOW) == []
    again = only(registry)
    assert again.state is StudyState.QUEUED and again.attempts == 1 and again.due_at == LATER


def test_a_turn_that_failed_for_want_of_disk_is_not_counted(registry: Registry) -> None:
    study = queued(registry)
    for _ in range(5):
        begun = registry.studies.begin_screening("1.2", study.revision, 3, LATER)
        assert begun is not None
        registry.studies.postpone(begun, "no space left", NOW)
        study = only(registry)
        assert study.state is StudyState.QUEUED and study.attempts == 0


def test_a_failed_study_is_tried_again_later_and_parked_with_the_reason(registry: Registry) -> None:
    queued(registry)
    for attempt in range(1, 4):
        (study,) = registry.studies.due(LATER)
        assert registry.studies.begin_screening("1.2", study.revision, 3, LATER) is not None
        registry.studies.screening_failed(study, "no memory", 3, LATER)
        assert (only(registry).state is StudyState.PARKED) == (attempt == 3)
    assert only(registry).reason == "no memory"


def test_a_parked_study_gets_a_fresh_turn_on_request(registry: Registry) -> None:
    study = queued(registry)
    registry.studies.park(study, "two patients")
    assert registry.studies.unpark("1.2", LATER)
    again = only(registry)
    assert again.state is StudyState.QUEUED and again.attempts == 0 and again.revision > study.revision
    assert not registry.studies.unpark("1.2", LATER)


def test_results_are_delivered_to_every_destination_once(registry: Registry) -> None:
    study = queued(registry)
    for _ in range(2):
        registry.deliveries.screening_finished(study, results("9", "a", "b"), "none found", NOW)
    assert len(registry.deliveries.due(NOW)) == 4
    assert only(registry).state is StudyState.SCREENED
    for delivery in registry.deliveries.due(NOW):
        registry.deliveries.delivered(delivery, NOW, "")
    registry.deliveries.screening_finished(study, results("9", "a", "b"), "none found", LATER)
    assert registry.deliveries.due(LATER) == []


def test_an_attempt_noted_twice_counts_once(registry: Registry) -> None:
    registry.deliveries.screening_finished(queued(registry), results("9", "a"), "", NOW)
    delivery = registry.deliveries.due(NOW)[0]
    registry.deliveries.delivered(delivery, NOW, "")
    registry.deliveries.failed(delivery, "lost", LATER)
    (noted,) = [d for d in registry.deliveries.of_study("1.2") if d.id == delivery.id]
    assert noted.state is DeliveryState.SENT and noted.attempts == 1


def test_a_failed_delivery_waits_for_its_time_and_a_refused_one_for_a_person(registry: Registry) -> None:
    registry.deliveries.screening_finished(queued(registry), results("9", "a"), "", NOW)
    later, refused = registry.deliveries.due(NOW)
    registry.deliveries.failed(later, "down", LATER)
    registry.deliveries.failed(refused, "does not accept", None)
    assert registry.deliveries.due(NOW) == []
    assert [delivery.id for delivery in registry.deliveries.due(LATER)] == [later.id]
    assert registry.deliveries.retry("1.2", NOW)
    assert len(registry.deliveries.due(NOW)) == 2


def test_a_new_version_takes_the_place_of_what_was_not_yet_sent(registry: Registry) -> None:
    study = queued(registry)
    registry.deliveries.screening_finished(study, results("8", "a"), "", NOW)
    registry.deliveries.delivered(registry.deliveries.due(NOW)[0], NOW, "")
    registry.deliveries.screening_finished(study, results("9", "a"), "", LATER)
    assert {delivery.result_key for delivery in registry.deliveries.due(LATER)} == {"9"}
    sent = [d for d in registry.deliveries.of_study("1.2") if d.state is DeliveryState.SENT]
    assert [delivery.result_key for delivery in sent] == ["8"]
