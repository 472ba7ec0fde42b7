"""The shadow screens what was screened, keeps it to itself, and gives way to everything else."""

import json
import shutil
from pathlib import Path

import pytest
from ct_slices import ct_slice
from screening_node import ScreeningNode

from inference.bundle import Bundle
from listener.settings import Worker, load_settings
from listener.shadow import screen_one
from listener.shadow_findings import listing, shadow_file


@pytest.fixture
def node(tmp_path: Path, bundle: Bundle) -> ScreeningNode:
    return ScreeningNode(tmp_path, bundle)


def kept(node: ScreeningNode) -> dict[str, bytes]:
    """Every file beside the results, and they themselves."""
    files = (path for path in node.settings.results.rglob("*") if path.is_file())
    return {str(path.relative_to(node.settings.results)): path.read_bytes() for path in files}


def test_it_adds_one_file_beside_the_results_and_sends_nothing(node: ScreeningNode, bundle: Bundle) -> None:
    node.receive(ct_slice())
    study = node.turn().study_instance_uid
    before, due = kept(node), node.registry.deliveries.of_study(study)
    assert screen_one(node.settings, node.registry, bundle)
    after = kept(node)
    (added,) = after.keys() - before.keys()
    assert Path(added).name == shadow_file(Path(), bundle.identity.weights_sha256).name
    assert {name: after[name] for name in before} == before
    assert node.registry.deliveries.of_study(study) == due
    assert not screen_one(node.settings, node.registry, bundle), "the same study is not screened twice"
    assert list(listing(node.settings.results)) == [
        "1 results seen by a shadow: 0 differ, 0 could not be screened by it"
    ]


def test_it_waits_while_a_study_waits(node: ScreeningNode, bundle: Bundle) -> None:
    node.receive(ct_slice())
    node.screen()
    node.receive(ct_slice())
    assert not screen_one(node.settings, node.registry, bundle)
    node.screen()
    assert screen_one(node.settings, node.registry, bundle)


def test_what_it_cannot_screen_is_said_and_not_tried_again(node: ScreeningNode, bundle: Bundle) -> None:
    node.receive(ct_slice())
    study = node.turn().study_instance_uid
    before = kept(node)
    shutil.rmtree(node.settings.spool / study, ignore_errors=True)
    for folder in node.settings.spool.iterdir():
        shutil.rmtree(folder)
    assert screen_one(node.settings, node.registry, bundle)
    assert {name: kept(node)[name] for name in before} == before
    assert "1 could not be screened" in list(listing(node.settings.results))[-1]
    assert not screen_one(node.settings, node.registry, bundle)


def test_a_study_that_took_the_process_with_it_is_passed_over(node: ScreeningNode, bundle: Bundle) -> None:
    node.receive(ct_slice())
    node.screen()
    (findings,) = node.settings.results.glob("*/*/findings.json")
    shadow_file(findings.parent, bundle.identity.weights_sha256).write_text(
        json.dumps({"not_screened": "the shadow's process ended on this study", "findings": []})
    )
    assert not screen_one(node.settings, node.registry, bundle)
    assert "process ended" in next(listing(node.settings.results))


def test_differences_are_told_by_level(tmp_path: Path) -> None:
    def finding(level: str | None, grade: int) -> dict[str, object]:
        return {"level": level, "assessed": True, "grade": grade}

    folder = tmp_path / "1.2.3" / "key"
    folder.mkdir(parents=True)
    sent = {"not_analysed": None, "findings": [finding("L1", 2), finding("L2", 0)]}
    (folder / "findings.json").write_text(json.dumps(sent))
    found = {"not_analysed": None, "findings": [finding("L1", 1), finding("L2", 0), finding(None, 0)]}
    shadow_file(folder, "a" * 64).write_text(json.dumps(found))
    assert list(listing(tmp_path)) == [
        "1.2.3  L1: grade 2, shadow grade 1",
        "1.2.3  unnumbered vertebra 3: not assessed, shadow grade 0",
        "1 results seen by a shadow: 1 differ, 0 could not be screened by it",
    ]


def test_it_is_off_by_default_and_its_place_is_taken_from_the_settings_file(tmp_path: Path) -> None:
    assert Worker().shadow is None
    (tmp_path / "node.toml").write_text('[worker]\nshadow = "next"\n')
    assert load_settings(tmp_path / "node.toml").worker.shadow == tmp_path / "next"
