"""What a radiologist does in OHIF, step by step: open a study, open a series, take over its measurements."""

from dataclasses import dataclass
from typing import Self

from peers.browser import Window
from playwright.sync_api import Locator, expect

YES = "[data-cy=yes-hydrate-btn]"
MEASUREMENTS = "[data-cy=trackedMeasurements-btn]"
THUMBNAILS = "[data-cy=study-browser-thumbnail], [data-cy=study-browser-thumbnail-no-image]"
PANE = "[data-cy=viewport-pane]"


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
