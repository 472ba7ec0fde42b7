"""The results in OHIF, as a radiologist opens them: the picture, the report, its measurements, and no error.

The screenshots are kept under `build/screenshots` to be looked at.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.browser import window
from peers.case_load import Sent
from peers.ohif import viewer
from peers.orthanc import require_dicomweb
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
        browser.screenshot(SCREENSHOTS / f"{name}-report.png")
        expect(room.annotation("Area").first).to_be_attached(timeout=30_000)
        assert room.faults() == []
