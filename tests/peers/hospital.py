"""A PACS and a node that know each other: what a study sent to the one brings back to the other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.node import Node
from peers.orthanc import Orthanc
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from listener.study import TAKEN

REPORT = "SR"
PICTURE = "OT"
"""The modalities of what comes back."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came back for one study: exactly one report, and one series of pictures, the overview first."""

    report: Dataset
    pictures: tuple[Dataset, ...]

    @property
    def picture(self) -> Dataset:
        """The overview."""
        return self.pictures[0]

    @property
    def uids(self) -> set[str]:
        """SOP Instance UIDs of all."""
        return {str(result.SOPInstanceUID) for result in (self.report, *self.pictures)}


@dataclass(frozen=True, slots=True)
class Hospital:
    """The two of them."""

    pacs: Orthanc
    node: Node

    def wait_for_answer(self, study_uid: str, timeout_s: float = 120) -> Answer:
        """Until all results of a study are in the PACS; read back from there."""
        return wait_for_answer(self.pacs, self.node, study_uid, timeout_s)


def wait_for_answer(pacs: Orthanc, node: Node, study_uid: str, timeout_s: float = 120) -> Answer:
    """Until all results that the node makes of a study are in the PACS; from there."""
    deadline = time.monotonic() + timeout_s
    while not _has_sent_all(node, study_uid, pacs):
        if time.monotonic() > deadline or node.is_in(study_uid, "parked"):
            raise AssertionError(f"no results: {node.study(study_uid)}\n{node.log_text()[-3000:]}")
        time.sleep(0.3)
    return answer(pacs, study_uid)


def _has_sent_all(node: Node, study_uid: str, pacs: Orthanc) -> bool:
    """Whether the node says that this PACS has taken everything, and the PACS has something to show."""
    row = node.study(study_uid)
    to_it = [d for d in row.deliveries if node.destinations[d.destination] == pacs.dicom_port] if row else []
    return bool(to_it) and all(d.state in TAKEN for d in to_it) and pacs.count(study_uid, REPORT) > 0


def answer(pacs: Orthanc, study_uid: str) -> Answer:
    """What the PACS holds for a study now: one report and one series of pictures, or an AssertionError."""
    reports = pacs.instances_of(study_uid, REPORT)
    pictures = pacs.instances_of(study_uid, PICTURE)
    assert len(reports) == 1, f"{len(reports)} reports"
    assert pictures, "no picture"
    assert {picture.SOPClassUID for picture in pictures} == {SecondaryCaptureImageStorage}
    assert len({picture.SeriesInstanceUID for picture in pictures}) == 1
    return Answer(reports[0], tuple(sorted(pictures, key=lambda picture: int(picture.InstanceNumber))))


@contextmanager
def hospital(folder: Path, other_destinations: dict[str, int] | None = None) -> Iterator[Hospital]:
    """Both running, and ended with the block; the node delivers to the PACS and to the others."""
    node = Node(folder / "node", dict(other_destinations or {}))
    pacs = Orthanc(folder / "pacs", node.port)
    node.destinations["pacs"] = pacs.dicom_port
    try:
        pacs.start()
        node.start()
        yield Hospital(pacs, node)
    finally:
        node.kill_all()
        pacs.stop()
