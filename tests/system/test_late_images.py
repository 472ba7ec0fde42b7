"""Images that come after the rest of their study was screened, delivered and removed: a real node says so."""

import shutil
from pathlib import Path

import pydicom
import pytest
from peers import dcmtk
from peers.node import Node
from peers.programs import free_port, wait_until
from peers.studies import tiny_ct
from pydicom.dataset import Dataset

pytestmark = [pytest.mark.peers, pytest.mark.slow]

AT_ONCE = {"FAINTLINE_RETENTION__DAYS": "1e-9"}
LATE = "ONLY about images that came late: 4 other images"


def reports(pacs: Path, number: int) -> list[Dataset]:
    """All that the PACS has, once it is so many, in the order in which they came."""

    def all_of_them() -> list[Path]:
        files = sorted(pacs.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [file for file in files if pydicom.dcmread(file, force=True).get("Modality") == "SR"]

    wait_until(lambda: len(all_of_them()) == number, f"{number} reports", 120)
    return [pydicom.dcmread(file) for file in all_of_them()]


def clear(node: Node, study_uid: str) -> None:
    """Start the node for as long as it takes to remove what is done; storescp confirms nothing."""

    def is_asked() -> bool:
        deliveries = node.known(study_uid).deliveries
        return all("neither storage commitment nor a query" in each.last_error for each in deliveries)

    wait_until(is_asked, "the destination was asked", 60)
    node.stop()
    node.environment |= AT_ONCE
    node.restart()
    wait_until(lambda: "study cleared" in node.log_text(), "the images are removed", 90)
    node.stop()
    node.environment.clear()
    node.restart()


def test_late_images_of_a_cleared_study_are_not_answered_as_the_study(tmp_path: Path) -> None:
    study, late = tiny_ct(tmp_path / "study", "late-images", slices=6), tmp_path / "late"
    late.mkdir()
    for path in study.paths[4:]:
        shutil.move(path, late)
    port, pacs = free_port(), tmp_path / "pacs"
    node = Node(tmp_path / "node", {"pacs": port})
    try:
        with dcmtk.storescp(pacs, "PACS", ("+xa", "-uf"), port):
            node.start()
            assert dcmtk.dcmsend(node.address, study.folder).returncode == 0
            reports(pacs, 1)
            clear(node, study.uid)
            assert dcmtk.dcmsend(node.address, late).returncode == 0
            first, second = reports(pacs, 2)
            assert LATE in second.to_json() and LATE not in first.to_json()
            assert "PredecessorDocumentsSequence" not in second
            row = node.wait_for_state(study.uid, "done")
            assert row.reason.startswith("late images only, 4 screened before were removed: ")
            shutil.copytree(late, study.folder, dirs_exist_ok=True)
            assert dcmtk.dcmsend(node.address, study.folder).returncode == 0
            *_, third = reports(pacs, 3)
            assert LATE not in third.to_json()
            assert str(second.SOPInstanceUID) in str(third.PredecessorDocumentsSequence)
    finally:
        node.kill_all()
