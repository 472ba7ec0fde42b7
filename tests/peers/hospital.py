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

REPORT = "SR"
PICTURE = "OT"
"""The modalities of what comes back."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came back for one study: exactly one report and one picture."""

    report: Dataset
    picture: Dataset

    @property
    def uids(self) -> set[str]:
        """SOP Instance UIDs of both."""
        return {str(self.report.SOPInstanceUID), str(self.picture.SOPInstanceUID)}


@dataclass(frozen=True, slots=True)
class Hospital:
    """The two of them."""

    pacs: Orthanc
    node: Node

    def wait_for_answer(self, study_uid: str, timeout_s: float = 120) -> Answer:
        """Until the report and the picture of a study are in the PACS; both, read back from there."""
        return wait_for_answer(self.pacs, self.node, study_uid, timeout_s)


def wait_for_answer(pacs: Orthanc, node: Node, study_uid: str, timeout_s: float = 120) -> Answer:
    """Until the report and the picture that the node makes of a study are in the PACS; both, from there."""
    deadline = time.monotonic() + timeout_s
    while not all(pacs.count(study_uid, modality) for modality in (REPORT, PICTURE)):
        if time.monotonic() > deadline or node.is_in(study_uid, "parked"):
            raise AssertionError(f"no results: {node.study(study_uid)}\n{node.log_text()[-3000:]}")
        time.sleep(0.3)
    return answer(pacs, study_uid)


def answer(pacs: Orthanc, study_uid: str) -> Answer:
    """What the PACS holds for a study now; AssertionError unless it is one report and one picture."""
    reports = pacs.instances_of(study_uid, REPORT)
    pictures = pacs.instances_of(study_uid, PICTURE)
    assert len(reports) == 1, f"{len(reports)} reports"
    assert len(pictures) == 1, f"{len(pictures)} pictures"
    assert pictures[0].SOPClassUID == SecondaryCaptureImageStorage
    return Answer(reports[0], pictures[0])


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
