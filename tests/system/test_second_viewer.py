"""The pictures in dwv, which shares no code with OHIF: what it shows is what was drawn."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from peers.browser import window
from peers.case_load import Sent
from peers.dwv import showing
from PIL import Image

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.real_data, pytest.mark.browser]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_dwv_shows_each_picture_as_it_was_drawn(sent: Sent, number: int) -> None:
    picture = sent.answer("verse008").pictures[number]
    buffer = BytesIO()
    picture.save_as(buffer, enforce_file_format=True)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with showing(buffer.getvalue()) as url, window(1188, 1020) as browser:
        browser.page.goto(url)
        browser.page.wait_for_function("document.title == 'rendered'")
        browser.page.wait_for_timeout(500)
        browser.screenshot(SCREENSHOTS / f"dwv-{number}.png")
        assert browser.page_errors == []
    shown = np.asarray(Image.open(SCREENSHOTS / f"dwv-{number}.png").convert("RGB"), dtype=float)
    drawn = picture.pixel_array.astype(float)
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < 3, "dwv shows something else"
