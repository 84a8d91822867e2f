"""A real browser for tests: the system's Chromium without a window, drawing WebGL by software.

A module of such tests imports `chromium` and `needs_browser`, and sets `pytestmark = needs_browser`.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)


def _missing() -> str:
    """Why there is no browser here; empty where there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright: pip install playwright"
    return "" if PROGRAM else f"needs the system's Chromium on the PATH ({', '.join(NAMES)})"


needs_browser = [pytest.mark.browser, pytest.mark.skipif(bool(_missing()), reason=_missing())]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser of its own for each module of tests; every page of it is closed with it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        yield browser
        browser.close()


def picture(page: Page, pause: int = 250, most: int = 120) -> np.ndarray:
    """[H, W, 3] float64 RGB 0..1 of a page, once it stays the same for `pause` milliseconds."""
    last = b""
    for _ in range(most):
        now = page.screenshot()
        if now == last:
            return np.asarray(Image.open(io.BytesIO(now)).convert("RGB")) / 255
        last = now
        page.wait_for_timeout(pause)
    raise AssertionError(f"the page still moves after {most * pause / 1000:g} seconds")
