"""One hospital for the whole run, and one more node for the tests that kill it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.case_load import Sent, send_everything
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


@pytest.fixture(scope="session")
def mortal_node(pacs: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A second node that delivers to the same PACS: free to be killed, left running by every test."""
    with node(tmp_path_factory.mktemp("mortal"), {"pacs": pacs.dicom_port}) as made:
        yield made


@pytest.fixture
def spine_ct(real_data: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Study:
    """A small real spine CT (VerSe 006: L4, L5) under UIDs of the test's own: takes a while to screen."""
    return write_ct(verse_scan(real_data, "006"), tmp_path / "spine", request.node.name)


@pytest.fixture(scope="session")
def sent(shared_hospital: Hospital, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """The real studies, sent to the shared hospital's node."""
    return send_everything(shared_hospital, real_data, tmp_path_factory.mktemp("studies"))
