"""Every attack of `peers.attacks` on the running node: each is answered as it should be; the node goes on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from peers.attacks import CASES, Case
from peers.node import Node, node
from peers.programs import wait_until
from peers.wire import SENTINEL, Target

pytestmark = [pytest.mark.peers, pytest.mark.slow]

QUICK = [case for case in CASES if not case.seconds]
SLOW = [case for case in CASES if case.seconds]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of its own, without destinations."""
    with node(tmp_path_factory.mktemp("attacked"), {}) as made:
        yield made


@pytest.fixture(scope="module")
def receiver(attacked: Node) -> psutil.Process:
    """Its receiver, which must be the same one at the end."""
    Target(attacked.port).serves()
    (process,) = attacked.processes_of("receiver")
    return process


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", QUICK, ids=lambda case: f"{case.group}: {case.name}")
def test_an_attack_is_answered_as_it_should_be(attacked: Node, receiver: psutil.Process, case: Case) -> None:
    target = Target(attacked.port)
    case.run(target)
    target.serves()
    assert receiver.is_running()


def test_what_never_goes_on_is_ended_in_time(attacked: Node, receiver: psutil.Process) -> None:
    target = Target(attacked.port)
    with ThreadPoolExecutor(len(SLOW)) as at_once:
        list(at_once.map(lambda case: case.run(target), SLOW))
    target.serves()
    assert receiver.is_running()


def test_after_all_of_it_nothing_is_left_behind(attacked: Node, receiver: psutil.Process) -> None:
    wait_until(lambda: receiver.num_threads() < 40, "threads of the attackers are gone", 90)
    wait_until(lambda: receiver.num_fds() < 40, "descriptors of the attackers are gone", 90)
    assert receiver.memory_info().rss < 300 << 20
    assert not list((attacked.spool / ".incoming").iterdir()), "temporary files were left"
    assert not list(Path("/tmp").glob("escaped*"))


def test_the_log_names_no_patient_and_takes_no_line_from_outside(attacked: Node) -> None:
    said = attacked.log_text()
    assert SENTINEL.split("^")[0] not in said and "SENTINEL-4711" not in said
    assert not [line for line in said.splitlines() if line.startswith("forged line")]
    assert "\x1b[2J" not in said and "secret" not in said
