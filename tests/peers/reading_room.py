"""What a radiologist does in OHIF, step by step: open a study, open a series, take over its measurements."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from peers.browser import Window
from playwright.sync_api import Locator, expect
from playwright.sync_api import TimeoutError as NotInTime

YES = "[data-cy=yes-hydrate-btn]"
MEASUREMENTS = "[data-cy=trackedMeasurements-btn]"
SEGMENTS = "[data-cy=panelSegmentation-btn]"
ROW = "[data-cy=data-row]"
THUMBNAILS = "[data-cy=study-browser-thumbnail], [data-cy=study-browser-thumbnail-no-image]"
PANE = "[data-cy=viewport-pane]"

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ReadingRoom:
    """One study open in OHIF at `url`."""

    window: Window
    url: str

    def open_study(self, study_uid: str, series: int) -> Self:
        """Open the study and wait until so many series are listed beside it."""
        page = self.window.page
        page.goto(f"{self.url}/viewer?StudyInstanceUIDs={study_uid}")
        page.get_by_text("Skip all").click()  # the tour of a first visit
        expect(page.locator(THUMBNAILS)).to_have_count(series, timeout=60_000)
        return self

    def open_series(self, series_number: int) -> Self:
        """Double-click a series in the list and wait until it shows."""
        self.entry(series_number).dblclick()
        self.window.page.wait_for_load_state("networkidle")
        return self

    def entry(self, series_number: int) -> Locator:
        """The series' entry in the list on the left."""
        return self.window.page.locator(THUMBNAILS).filter(has_text=f"S:{series_number}")

    def take_over_measurements(self) -> Self:
        """Answer Yes to the question that OHIF asks of a report that it can turn into measurements."""
        self.window.page.locator(YES).click()
        expect(self.window.page.locator(YES)).to_have_count(0)
        return self

    def open_measurements(self) -> Self:
        """Open the panel on the right that lists the measurements."""
        self.window.page.locator(MEASUREMENTS).click()
        return self

    def open_segments(self) -> Self:
        """Open the panel on the right that lists the segments."""
        self.window.page.locator(SEGMENTS).click()
        return self

    def words_of_segment(self, label: str) -> str:
        """Go to a segment; what OHIF says of it where the mouse rests on its name.

        OHIF counts the voxels in the background and says nothing before; then the mouse must come anew.
        """
        name = self.window.page.get_by_text(label, exact=True).first
        told = self.window.page.get_by_text("Voxel Count").first
        name.click()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not told.is_visible() and time.monotonic() < deadline:
            self.window.page.mouse.move(0, 0)
            name.hover()
            with suppress(NotInTime):
                told.wait_for(state="visible", timeout=2000)
        expect(told).to_be_visible()
        return self.text()

    def rename_measurement(self, begins: str, label: str) -> Self:
        """Give the measurement whose label begins so another one, in OHIF's own label editor."""
        page = self.window.page
        self._act(begins, "Rename")
        page.locator("[role=dialog] input").first.fill(label)
        page.locator("[role=dialog]").get_by_role("button", name="Save").click()
        expect(page.locator("[role=dialog]")).to_have_count(0)
        return self

    def delete_measurement(self, begins: str) -> Self:
        """Delete the measurement whose label begins so."""
        self._act(begins, "Delete")
        expect(self.window.page.locator(ROW).filter(has_text=begins)).to_have_count(0)
        return self

    def _act(self, begins: str, what: str) -> None:
        row = self.window.page.locator(ROW).filter(has_text=begins)
        row.hover()
        row.locator("[data-cy=actionsMenuTrigger]").click()
        self.window.page.get_by_role("menuitem", name=what).click()

    def redraw(self) -> Self:
        """Have OHIF draw anew: after a panel opens, a picture that nobody touches keeps its former shape."""
        page = self.window.page
        for width in (1601, 1600):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(1000)
        return self

    def boxes(self, rows: int, columns: int) -> list[tuple[float, float, float, float]]:
        """Rectangles over a picture that fills its pane: (left, top, right, bottom) in its square pixels."""
        page = self.window.page
        pane = page.locator(PANE).locator("canvas").first.bounding_box()
        assert pane is not None
        scale = min(pane["width"] / columns, pane["height"] / rows)
        left = pane["x"] + (pane["width"] - columns * scale) / 2
        top = pane["y"] + (pane["height"] - rows * scale) / 2
        found = [box.bounding_box() for box in page.locator(PANE).locator("svg rect").all()]
        return [
            (
                (box["x"] - left) / scale,
                (box["y"] - top) / scale,
                (box["x"] + box["width"] - left) / scale,
                (box["y"] + box["height"] - top) / scale,
            )
            for box in found
            if box is not None
        ]

    def save_measurements(self) -> Self:
        """Store the measurements as a report of the viewer's own."""
        page = self.window.page
        page.get_by_text("Create SR").first.click()
        page.get_by_role("button", name="Save").last.click()
        return self

    def text(self) -> str:
        """Everything written on the page, in the pictures' overlays too."""
        written: str = self.window.page.locator("body").inner_text()
        return written

    def annotation(self, words: str) -> Locator:
        """Annotations drawn over the images that hold these words (OHIF draws them as SVG)."""
        return self.window.page.locator(PANE).locator("svg text").filter(has_text=words)

    def faults(self) -> list[str]:
        """Uncaught errors, console errors and error boundaries so far."""
        boundary = ["Error Boundary"] if "Something went wrong" in self.text() else []
        return [*self.window.page_errors, *self.window.console_errors, *boundary]
