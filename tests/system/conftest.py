"""One hospital for the whole run, fresh nodes for the tests that kill them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from peers.hospital import Hospital, hospital
from peers.node import Node, node
from peers.orthanc import Orthanc
from peers.studies import Study, verse_scan, write_ct


@pytest.fixture(scope="session")
def shared_hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """A PACS and a node that every test may use and none may stop."""
    with hospital(tmp_path_factory.mktemp("hospital")) as both:
        yield both


@pytest.fixture(scope="session")
def pacs(shared_hospital: Hospital) -> Orthanc:
    """The shared PACS: where fresh nodes deliver."""
    return shared_hospital.pacs


@pytest.fixture
def fresh_node(pacs: Orthanc, tmp_path: Path) -> Iterator[Node]:
    """A node of the test's own that delivers to the shared PACS; free to be killed."""
    with node(tmp_path / "node", pacs.dicom_port) as made:
        yield made


@pytest.fixture
def hospitals(tmp_path: Path) -> Iterator[Callable[[], Hospital]]:
    """Makes a hospital of the test's own, whose PACS may be stopped."""
    with ExitStack() as running:
        yield lambda: running.enter_context(hospital(tmp_path / "hospital"))


@pytest.fixture
def spine_ct(real_data: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Study:
    """A small real spine CT (VerSe 006: L4, L5) under UIDs of the test's own: takes a while to screen."""
    return write_ct(verse_scan(real_data, "006"), tmp_path / "spine", request.node.name)
