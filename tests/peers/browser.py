"""Debian's Chromium, headless with software WebGL, driven by Playwright; keeps what goes wrong in a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from peers.programs import find_program
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@dataclass
class Window:
    """One page, and what went wrong in it: uncaught errors and console errors, in order."""

    page: Page
    page_errors: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)

    def _listen(self) -> None:
        self.page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        self.page.on("console", self._keep)

    def _keep(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Error Boundary" in message.text:
            self.console_errors.append(message.text)

    def screenshot(self, path: Path) -> None:
        """Write what a person would see as PNG."""
        self.page.screenshot(path=path)


@contextmanager
def window(width: int = 1600, height: int = 1000) -> Iterator[Window]:
    """An empty page of a fresh browser."""
    program = find_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        try:
            made = Window(browser.new_page(viewport={"width": width, "height": height}))
            made.page.set_default_timeout(60_000)
            made._listen()
            yield made
        finally:
            browser.close()
