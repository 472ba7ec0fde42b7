"""One attempt to deliver, against real peers of every temper."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ct_slices import ct_slice
from peers.provider import providing
from pydicom.uid import ComprehensiveSRStorage, CTImageStorage
from pynetdicom import AE, evt
from pynetdicom.events import Event, EventHandlerType

from listener import settings
from listener.calling import Caller
from listener.delivery import Outcome, echo, groups, pause, send
from listener.study import Delivery, DeliveryState

CALLER = Caller("FAINTLINE", 5, settings.Tls())


def delivery(
    path: Path, sop_class: str = CTImageStorage, destination: str = "pacs", key: str = "1.9"
) -> Delivery:
    now = datetime.now(UTC)
    return Delivery(
        1,
        "1.2",
        key,
        "report",
        sop_class,
        path.stem,
        "1.3",
        path,
        destination,
        False,
        DeliveryState.PENDING,
        0,
        now,
        0,
        "",
    )


@pytest.fixture
def result(tmp_path: Path) -> Path:
    dataset = ct_slice()
    path = tmp_path / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@contextmanager
def peer(
    answer: Callable[[Event], int], ae_title: str = "PACS", sop_class: str = CTImageStorage
) -> Iterator[settings.Destination]:
    application = AE(ae_title)
    application.require_called_aet = True
    application.add_supported_context(sop_class)
    application.add_supported_context("1.2.840.10008.1.1")
    handlers: list[EventHandlerType] = [(evt.EVT_C_STORE, answer)]
    with providing(application, handlers) as port:
        yield settings.Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)


def attempt(result: Path, destination: settings.Destination) -> tuple[Outcome, str]:
    (made,) = send([delivery(result)], result.parent, CALLER, destination)
    return made.outcome, made.remark


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x0000, Outcome.SENT),
        (0xB000, Outcome.SENT),
        (0xB006, Outcome.SENT),
        (0xB007, Outcome.SENT),
        (0x0111, Outcome.SENT),
        (0xA700, Outcome.LATER),
        (0xA701, Outcome.LATER),
        (0xA900, Outcome.REFUSED),
        (0xC000, Outcome.REFUSED),
    ],
)
def test_every_answer_has_its_consequence(result: Path, status: int, outcome: Outcome) -> None:
    with peer(lambda _: status) as destination:
        assert attempt(result, destination)[0] is outcome


def test_what_arrives_is_what_was_made(result: Path) -> None:
    arrived = []
    with peer(lambda event: arrived.append(event.dataset.SOPInstanceUID) or 0x0000) as destination:  # type: ignore[func-returns-value]
        attempt(result, destination)
    assert arrived == [result.stem]


def test_a_destination_that_is_down_is_tried_later(result: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        down = settings.Destination(
            name="pacs", ae_title="PACS", host="127.0.0.1", port=taken.getsockname()[1]
        )
        outcome, remark = attempt(result, down)
    assert outcome is Outcome.LATER and "no connection" in remark


def test_a_destination_that_does_not_know_us_is_tried_later(result: Path) -> None:
    with peer(lambda _: 0x0000, ae_title="OTHER") as destination:
        outcome, remark = attempt(result, destination)
    assert outcome is Outcome.LATER and "rejected" in remark


def test_a_refused_class_is_said_and_does_not_hold_the_others_back(result: Path) -> None:
    with peer(lambda _: 0x0000) as destination:
        made = send(
            [delivery(result, ComprehensiveSRStorage), delivery(result)],
            result.parent,
            CALLER,
            destination,
        )
    assert [each.outcome for each in made] == [Outcome.REFUSED, Outcome.SENT]
    assert "Comprehensive SR" in made[0].remark


def test_a_peer_that_accepts_nothing_of_it_is_not_taken_for_one_that_is_down(result: Path) -> None:
    with peer(lambda _: 0x0000) as destination:
        (made,) = send([delivery(result, ComprehensiveSRStorage)], result.parent, CALLER, destination)
    assert made.outcome is Outcome.REFUSED and "Comprehensive SR" in made.remark


def test_a_peer_that_aborts_is_tried_later(result: Path) -> None:
    def abort(event: Event) -> int:
        event.assoc.abort()
        return 0x0000

    with peer(abort) as destination:
        assert attempt(result, destination)[0] is Outcome.LATER


def test_echo_says_what_is_wrong_or_nothing() -> None:
    with peer(lambda _: 0x0000) as destination:
        assert echo(CALLER, destination) is None
    assert echo(CALLER, destination) is not None


def test_the_pause_doubles_up_to_the_longest_and_attempts_never_end() -> None:
    limits = settings.Delivery(first_retry_seconds=30, longest_retry_seconds=1800)
    pauses = [pause(attempts, limits) for attempts in (1, 2, 3, 7, 10_000)]
    assert pauses == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 1800, 1800)]


def test_one_study_and_destination_share_an_association() -> None:
    path = Path("1.dcm")
    made = [delivery(path, destination=name, key=key) for name in "ab" for key in ("1", "2") for _ in "xy"]
    assert [len(group) for group in groups(made).values()] == [2, 2, 2, 2]


def test_a_result_that_cannot_be_read_does_not_hold_the_others_back(result: Path) -> None:
    damaged = result.with_name("damaged.dcm")
    damaged.write_bytes(b"no DICOM at all")
    with peer(lambda _: 0x0000) as destination:
        made = send([delivery(damaged), delivery(result)], result.parent, CALLER, destination)
    assert [each.outcome for each in made] == [Outcome.LATER, Outcome.SENT]
