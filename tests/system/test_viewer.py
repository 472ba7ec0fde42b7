"""The results in OHIF, as a radiologist opens them: the picture, the report, its measurements, and no error.

The screenshots are kept under `build/screenshots` to be looked at.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import dcmtk
from peers.browser import window
from peers.case_load import Sent
from peers.ohif import viewer
from peers.orthanc import require_dicomweb
from peers.programs import wait_until
from peers.reading_room import ReadingRoom
from peers.reports import groups_of
from playwright.sync_api import expect

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.real_data, pytest.mark.browser]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def ohif(sent: Sent) -> Iterator[str]:
    """OHIF over the shared PACS."""
    require_dicomweb()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with viewer(sent.hospital.pacs.url) as url:
        yield url


@pytest.mark.parametrize("name", ["verse008", "lidc_0314", "head"])
def test_the_results_open_beside_the_ct_and_become_measurements(sent: Sent, ohif: str, name: str) -> None:
    answer = sent.answer(name)
    with window() as browser:
        room = ReadingRoom(browser, ohif).open_study(sent.studies[name].uid, series=3)
        room.open_series(answer.picture.SeriesNumber)
        expect(browser.page.get_by_text("Loading")).to_have_count(0)
        browser.screenshot(SCREENSHOTS / f"{name}-picture.png")
        room.open_series(answer.report.SeriesNumber).take_over_measurements().open_measurements()
        groups = groups_of(answer.report)
        expect(browser.page.get_by_text(f"Measurements ({len(groups)})")).to_be_visible()
        for group in groups:
            expect(browser.page.get_by_text(group.comment, exact=True)).to_have_count(1)
        expect(room.annotation("Area").first).to_be_attached(timeout=30_000)
        room.redraw()
        browser.screenshot(SCREENSHOTS / f"{name}-report.png")
        if name == "lidc_0314":
            (left, top), _, (right, bottom), *_ = groups[0].corners
            assert any(
                box == pytest.approx((left, top, right, bottom), abs=2) for box in room.boxes(512, 512)
            )
        assert room.faults() == []


def test_a_report_that_ohif_saves_is_understood_as_an_answer(sent: Sent, ohif: str, tmp_path: Path) -> None:
    here, pacs, study = sent.hospital.node, sent.hospital.pacs, sent.studies["verse008"]
    answer = sent.answer("verse008")
    with window() as browser:
        room = ReadingRoom(browser, ohif).open_study(study.uid, series=3)
        room.open_series(answer.report.SeriesNumber).take_over_measurements().open_measurements()
        room.rename_measurement("L2: suspected", "L2: Genant 1").save_measurements()
        wait_until(lambda: pacs.count(study.uid, "SR") == 2, "OHIF stored its report")
    saved = next(sr for sr in pacs.instances_of(study.uid, "SR") if sr.SOPInstanceUID not in answer.uids)
    pacs.delete_instance(str(saved.SOPInstanceUID))  # other tests count the reports
    saved.save_as(tmp_path / "answer.dcm")
    assert dcmtk.dcmsend(here.address, tmp_path).returncode == 0
    wait_until(lambda: any(v["source_uid"] == saved.SOPInstanceUID for v in here.verdicts()), "the verdict")
    (verdict,) = [v for v in here.verdicts() if v["source_uid"] == saved.SOPInstanceUID]
    assert (verdict["level"], verdict["found_grade"], verdict["grade"]) == ("L2", 2, 1)
    assert verdict["reader_role"] == "unverified reader"
    assert here.is_in(study.uid, "done"), "an answer is no reason to screen again"
