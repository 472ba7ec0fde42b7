"""More of a study comes after its images were taken away: it is told apart from the whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ct_slices import ct_slice
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from screening_node import ScreeningNode

from inference.bundle import Bundle
from listener.audit import Audit
from listener.removed import Lack, lack_of, note_removal
from listener.retention import Retention
from listener.settings import Retention as Kept
from listener.study import EarlierReport

NOTHING = Lack(0, frozenset())


def result(folder: Path, key: str) -> None:
    (folder / key).mkdir(parents=True)
    (folder / key / "findings.json").write_text("{}")


def test_nothing_is_lacking_where_nothing_was_removed_or_all_is_back(tmp_path: Path) -> None:
    assert lack_of(tmp_path / "none", {"a"}) == NOTHING
    result(tmp_path, "first")
    note_removal(tmp_path, {"a", "b"})
    assert lack_of(tmp_path, ["a", "b", "c"]) == NOTHING


def test_a_result_stands_as_long_as_an_image_of_it_is_gone(tmp_path: Path) -> None:
    result(tmp_path, "first")
    note_removal(tmp_path, {"a", "b"})
    assert lack_of(tmp_path, {"b", "late"}) == Lack(1, frozenset({"first"}))
    result(tmp_path, "second")
    assert lack_of(tmp_path, {"late", "later"}) == Lack(2, frozenset({"first"}))
    note_removal(tmp_path, {"late"})
    assert lack_of(tmp_path, {"later"}) == Lack(3, frozenset({"first", "second"}))
    assert lack_of(tmp_path, {"a", "b", "later"}) == Lack(1, frozenset({"second"}))


class Node(ScreeningNode):
    """One whose results are taken at once, and that keeps nothing that is done."""

    def deliver(self) -> None:
        for delivery in self.registry.deliveries.due(datetime.now(UTC)):
            self.registry.deliveries.delivered(delivery, datetime.now(UTC), "")

    def clear(self) -> None:
        settings = self.settings.model_copy(update={"retention": Kept(days=1)})
        retention = Retention(settings, self.registry, Audit(settings.audit_folder))
        assert retention(datetime.now(UTC) + timedelta(days=2)) == 1

    def reports(self) -> list[Dataset]:
        """Those of the study, in the order in which they were made."""
        sent = self.registry.deliveries.of_study(self.study().study_instance_uid)
        paths = [d.path for d in sorted(sent, key=lambda d: d.id) if d.kind == "report"]
        return [dcmread(self.settings.results / path) for path in paths if self.has(path)]

    def has(self, path: Path) -> bool:
        return (self.settings.results / path).exists()

    def earlier(self) -> list[EarlierReport]:
        return self.registry.deliveries.earlier_reports(self.study().study_instance_uid, ["report"])


@pytest.fixture
def node(tmp_path: Path, bundle: Bundle) -> Node:
    return Node(tmp_path, bundle)


def test_late_images_of_a_cleared_study_are_answered_as_such_and_supersede_nothing(node: Node) -> None:
    study, series = generate_uid(), generate_uid()
    first, *late = [ct_slice(study, series) for _ in range(3)]
    node.receive(first)
    node.turn()
    node.deliver()
    node.clear()
    node.receive(late[0])
    assert node.turn().reason.startswith("late images only, 1 screened before were removed: not analysed")
    (report,) = node.reports()
    assert "ONLY about images that came late: 1 other image" in report.to_json()
    assert "supersedes" not in report.to_json() and "PredecessorDocumentsSequence" not in report
    node.deliver()
    node.receive(late[1])
    node.turn()
    _, second = node.reports()
    predecessors = str(second.PredecessorDocumentsSequence)
    assert "ONLY about images that came late" in second.to_json()
    assert str(report.SOPInstanceUID) in predecessors
    assert node.earlier()[0].sop_instance_uid not in predecessors


def test_a_study_that_is_sent_again_whole_gives_the_same_result_and_no_other(node: Node) -> None:
    study, series = generate_uid(), generate_uid()
    whole = [ct_slice(study, series) for _ in range(3)]
    node.receive(*whole)
    node.turn()
    node.deliver()
    before = [report.SOPInstanceUID for report in node.reports()]
    deliveries = node.registry.deliveries.of_study(study)
    node.clear()
    assert node.reports() == []
    node.receive(*whole)
    assert node.turn().reason.startswith("not analysed")
    assert [report.SOPInstanceUID for report in node.reports()] == before
    assert node.registry.deliveries.of_study(study) == deliveries
