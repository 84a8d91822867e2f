"""The pages in a real browser: sliders and turntable show the pictures they should, by mouse, keys and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from splat.evaluate.compare import write_comparison
from splat.evaluate.report import write_report
from splat.evaluate.turntable import IMAGE
from splat.files import read_json, write_json
from splat.images import write_image
from tests.browser import chromium, needs_browser
from tests.evaluate.test_report import make_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["chromium"]
pytestmark = needs_browser
RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)


def paint(path: Path, color: tuple[int, int, int]) -> None:
    write_image(path, np.full((60, 80, 3), color, np.uint8))


def run_with(folder: Path, color: tuple[int, int, int]) -> Path:
    """A run whose photo is red and whose render has a colour."""
    make_run(folder, {"a<b>": 20.0})
    paint(folder / "renders/test/000_photo.png", RED)
    paint(folder / "renders/test/000.png", color)
    return folder


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 800, "height": 900})
    page.emulate_media(reduced_motion="reduce")  # the turntable waits for a hand
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert wrong == []


def colors(page: Page, selector: str, *places: float) -> list[tuple[int, int, int]]:
    """The main colour of an element at shares of its width, in its middle row."""
    shot = cv2.imdecode(np.frombuffer(page.locator(selector).first.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    row = shot[shot.shape[0] // 2, :, ::-1].astype(int)
    pixels = [row[round(place * (len(row) - 1))] for place in places]
    known = np.array([RED, GREEN, BLUE])
    nearest = [np.abs(known - pixel).sum(axis=1) for pixel in pixels]
    assert all(distance.min() < 40 for distance in nearest)
    return [(RED, GREEN, BLUE)[int(distance.argmin())] for distance in nearest]


def test_the_slider_shows_the_photo_left_and_the_render_right(page: Page, tmp_path: Path) -> None:
    page.goto(write_report(run_with(tmp_path / "run", BLUE)).as_uri())
    assert colors(page, ".stack", 0.1, 0.4, 0.6, 0.9) == [RED, RED, BLUE, BLUE]
    box = page.locator(".stack").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    assert colors(page, ".stack", 0.1, 0.7, 0.95) == [RED, RED, BLUE]
    page.keyboard.press("Home")
    assert colors(page, ".stack", 0.1, 0.95) == [BLUE, BLUE]
    page.keyboard.press("End")
    assert colors(page, ".stack", 0.05, 0.9) == [RED, RED]


def test_two_runs_and_the_photo_take_sides(page: Page, tmp_path: Path) -> None:
    runs: list[str | Path] = [run_with(tmp_path / "one", GREEN), run_with(tmp_path / "two", BLUE)]
    write_comparison(runs, tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    assert colors(page, ".stack", 0.1, 0.9) == [GREEN, BLUE]
    page.locator("select.left").first.select_option("photo")
    assert colors(page, ".stack", 0.1, 0.9) == [RED, BLUE]
    page.locator("select.right").first.select_option("one")
    assert colors(page, ".stack", 0.1, 0.9) == [RED, GREEN]
    page.locator("select.left").first.select_option("one")
    assert colors(page, ".stack", 0.1, 0.9) == [GREEN, GREEN]


def test_a_hand_turns_the_turntable(page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    run = run_with(tmp_path / "run", BLUE)
    order = [RED, GREEN, BLUE, GREEN, RED]
    sheet = np.zeros((2 * 60, 3 * 80, 3), np.uint8)
    for number, color in enumerate(order):
        top, left = number // 3 * 60, number % 3 * 80
        sheet[top : top + 60, left : left + 80] = color
    write_image(run / IMAGE, sheet)
    block = {"image": IMAGE, "frames": 5, "columns": 3, "width": 80, "height": 60, "seconds": 1.0}
    write_json(run / "metrics.json", {**read_json(run / "metrics.json"), "turntable": block})
    page.goto(write_report(run).as_uri())
    seen = []
    page.locator(".turn input").focus()
    for _ in order:
        seen += colors(page, ".turn .frame", 0.5)
        page.keyboard.press("ArrowRight")
    assert seen == order
    page.keyboard.press("Home")
    page.locator(".turn button").click()  # by itself from here on
    expect(page.locator(".turn input")).to_have_value(re.compile("[2-4]"))


def test_a_page_is_no_wider_than_a_phone(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(write_report(run_with(tmp_path / "run", BLUE)).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_runs_no_foreign_script(chromium: Browser, tmp_path: Path) -> None:
    path = write_report(run_with(tmp_path / "run", BLUE))
    foreign = "<script>document.title = 'foreign'</script><img src=x onerror=\"document.title = 'foreign'\">"
    path.write_text(path.read_text().replace("<h1>", f"{foreign}<h1>", 1))
    page = chromium.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(path.as_uri())
    assert colors(page, ".stack", 0.1, 0.9) == [RED, BLUE]  # ours runs
    assert page.title() != "foreign" and any("Content Security Policy" in text for text in refused)
    page.close()
