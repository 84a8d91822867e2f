"""The viewer's page in a browser, for tests."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from splat.view.app import App
from splat.view.page import Page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator
    from playwright.sync_api import Page as Tab

PATIENCE = 90.0  # seconds; WebGL by software is slow
SIZE = (1100, 480)
FREE = slice(0, 690)  # columns of a screenshot that controls do not cover


def open_tab(browser: Browser, app: App) -> tuple[Tab, Page]:
    """A new tab with the viewer, once it shows the exact picture; and what the viewer knows of it."""
    before = set(app.pages)
    tab = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
    tab.goto(f"http://127.0.0.1:{app.server.get_port()}")
    tab.wait_for_selector("canvas", timeout=1000 * PATIENCE)
    wait_until(lambda: bool(set(app.pages) - before), "the tab to connect")
    page = app.pages[(set(app.pages) - before).pop()]
    wait_for_picture(page)
    for button in tab.locator(".mantine-Notification-closeButton").all():  # viser's about WebGL by software
        button.click()
    return tab, page


def wait_for_picture(page: Page) -> None:
    """Wait until the whole exact picture of what is shown now was sent."""
    wait_until(lambda: page.schedule.due(0) is None, "the exact picture")


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that the viewer does meanwhile."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}"
        time.sleep(0.05)


def screenshot(tab: Tab) -> np.ndarray:
    """[H, W, 3] uint8 RGB of the tab."""
    return np.asarray(Image.open(io.BytesIO(tab.screenshot())).convert("RGB"))


def settled(tab: Tab, like: Callable[[np.ndarray], bool], what: str) -> np.ndarray:
    """The first screenshot that is as it should be: pictures take a while from the viewer to the screen."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = screenshot(tab)
        if like(seen):
            return seen
        assert time.monotonic() < end, f"waited {PATIENCE:g} s to see {what}"
        time.sleep(0.2)


def control(tab: Tab, label: str) -> Locator:
    """The input beside a label of the controls."""
    beside = tab.get_by_text(label, exact=True).locator("xpath=ancestor::div[.//input][1]")
    return beside.locator("input").first


def choose(tab: Tab, label: str, option: str) -> None:
    """Choose from a dropdown."""
    control(tab, label).click()
    tab.get_by_role("option", name=option, exact=True).click()


def press(tab: Tab, button: str) -> None:
    """Press a button of the controls."""
    tab.get_by_role("button", name=button, exact=True).click()
