"""The viewer's page in headless Chromium, driven by the labels that people read; for tools of this folder."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

# WebGL by software, since machines that make pictures have no GPU
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 180.0  # seconds for anything that the page is waited for
SETTLE = 4.0  # seconds until the exact picture of a resting camera is on the screen


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window.

    Raises:
        SystemExit: it is not installed.
    """
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise SystemExit(f"needs the system's Chromium on the PATH ({', '.join(NAMES)})")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


class Tab:
    """One tab with the viewer."""

    def __init__(
        self, chromium: Browser, address: str, width: int = 1280, height: int = 800, patient: bool = True
    ) -> None:
        self.page = chromium.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.goto(address)
        self.page.wait_for_selector("canvas")
        self.page.get_by_role("tab", name="Look").wait_for()
        if patient:
            time.sleep(SETTLE)
            self.quiet()

    def close(self) -> None:
        """Close the tab."""
        self.page.close()

    def quiet(self) -> None:
        """Take away what was said so far."""
        for button in self.page.locator(".mantine-Notification-closeButton").all():
            with contextlib.suppress(Exception):  # it went by itself meanwhile
                button.click(timeout=10_000)

    def open(self, tab: str, folder: str | None = None) -> None:
        """Go to a tab of the panel, and unfold a folder there."""
        self.page.get_by_role("tab", name=tab).click()
        if folder is not None:
            self.page.get_by_text(folder, exact=True).first.click()  # the title, before a button of that name

    def press(self, button: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=button, exact=True).last.click()

    def control(self, label: str, which: int = -1) -> Locator:
        """An input beside a label of the panel; some of viser's labels name no element of the page."""
        row = self.page.get_by_text(label, exact=True).last.locator("xpath=ancestor::div[.//input][1]")
        return row.locator("input").nth(which)

    def fill(self, label: str, value: str) -> None:
        """Type into a field, or the value of a slider."""
        self.control(label).fill(value)
        self.control(label).press("Enter")

    def choose(self, label: str, option: str) -> None:
        """Choose from a list."""
        self.control(label, 0).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def tick(self, label: str) -> None:
        """Turn a tick box."""
        self.control(label, 0).click()

    def walk(self) -> None:
        """Turn the camera a little."""
        mouse = self.page.mouse
        mouse.move(300, 500)
        mouse.down()
        mouse.move(360, 480, steps=8)
        mouse.up()
        time.sleep(SETTLE)

    def ask(self, word: str, select: bool = True) -> None:
        """Ask for a word, and select what answers."""
        self.open("Ask")
        self.fill("Words", word)
        self.press("Ask")
        self.page.get_by_role("button", name="Select these").wait_for()
        if select:
            self.press("Select these")

    def fade(self) -> None:
        """Make what is selected fainter, as an edit."""
        self.open("Edit")
        self.choose("Do", "opacity")
        self.press("Apply")
        self.page.get_by_text("opacity is done").first.wait_for()
        self.quiet()

    def undo(self) -> None:
        """Take the last edit back."""
        self.open("Edit")
        self.press("Undo")
        self.page.get_by_text("now at ").first.wait_for()
        self.quiet()

    def picture(self, path: Path) -> None:
        """Write what the tab shows as a JPEG, once the exact picture is there."""
        time.sleep(SETTLE)
        self.quiet()
        time.sleep(0.5)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, type="jpeg", quality=82)
