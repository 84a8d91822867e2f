"""Selecting in the page: three balls, a red one on the left, a green one on the right, a blue one behind the red."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from splat.view.app import App
from splat.view.page import Page
from splat.view.selecting.kept import kept
from splat.view.selecting.pointing import BRUSH, CLICK, HELP, POLYGON, RECTANGLE
from tests.browser import needs_browser
from tests.view.pages import choose, control, open_tab, press, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = needs_browser
RED, GREEN, BLUE = range(300), range(300, 600), range(600, 900)


def on_screen(tab: Tab, page: Page, world: tuple[float, float, float]) -> tuple[float, float]:
    """Where a point of the scene is in the tab."""
    camera = page.camera()
    at, _ = camera.project(torch.tensor([world], dtype=torch.float64))
    height = tab.viewport_size["height"] if tab.viewport_size else camera.height
    x, y = (at[0] * height / camera.height).tolist()
    return x, y


def take_tool(tab: Tab, name: str) -> None:
    """Take a tool into the hand, in the browser too."""
    choose(tab, "Tool", name)
    tab.get_by_text(HELP[name]).wait_for()


def counts(page: Page) -> list[int]:
    """How many Gaussians of each ball are selected."""
    mask = page.selection.mask if page.selection is not None else torch.zeros(900, dtype=torch.bool)
    return [int(mask[ball.start : ball.stop].sum()) for ball in (RED, GREEN, BLUE)]


def test_pointing_combining_and_stepping_back(chromium: Browser, viewer: App, balls_run: Path) -> None:
    tab, page = open_tab(chromium, viewer)
    tab.get_by_role("tab", name="Edit").click()
    take_tool(tab, CLICK)
    tab.mouse.click(*on_screen(tab, page, (0.6, 0, 0)))
    wait_until(lambda: counts(page) == [0, 300, 0], "the green ball")
    tab.get_by_text("300 of 900 Gaussians (33.3 %)").wait_for()

    choose(tab, "A new selection", "add")
    take_tool(tab, RECTANGLE)
    x, y = on_screen(tab, page, (-0.6, 0, 0))
    tab.mouse.move(x - 60, y - 60)
    tab.mouse.down()
    tab.mouse.move(x + 60, y + 60, steps=5)
    tab.mouse.up()
    wait_until(lambda: counts(page)[0] > 0, "the red ball")
    red, green, blue = counts(page)
    assert 100 < red < 250 and green == 300 and blue < 30  # of the red ball the side that is seen

    choose(tab, "A new selection", "replace")
    press(tab, "Undo the last selection")
    wait_until(lambda: counts(page) == [0, 300, 0], "the step back")
    press(tab, "Invert")
    wait_until(lambda: counts(page) == [300, 0, 300], "the rest")
    press(tab, "Largest piece")
    wait_until(lambda: sorted(counts(page)) == [0, 0, 300], "one ball")
    press(tab, "Clear")
    wait_until(lambda: page.selection is None, "nothing")
    press(tab, "Grow")
    tab.get_by_text("nothing is selected; select something first").first.wait_for()
    tab.close()


def test_a_brush_and_a_polygon_and_what_is_kept(chromium: Browser, viewer: App) -> None:
    tab, page = open_tab(chromium, viewer)
    tab.get_by_role("tab", name="Edit").click()
    take_tool(tab, BRUSH)
    tab.mouse.click(*on_screen(tab, page, (0.6, 0, 0)))
    wait_until(lambda: counts(page)[1] > 0, "a stroke")
    first = counts(page)[1]
    tab.mouse.click(*on_screen(tab, page, (0.6, -0.3, 0)))
    wait_until(lambda: counts(page)[1] > first, "another stroke, which adds up")

    take_tool(tab, POLYGON)
    x, y = on_screen(tab, page, (-0.6, 0, 0))
    for number, (dx, dy) in enumerate(((-45, -45), (45, -45), (45, 45), (-45, 45)), start=1):
        tab.mouse.click(x + dx, y + dy)
        tab.get_by_text(f"{number} corner").wait_for()
    press(tab, "Close the polygon")
    wait_until(lambda: 40 < counts(page)[0] < 200 and counts(page)[1] == 0, "the red ball, seen inside")

    tab.get_by_text("Kept selections", exact=True).click()
    control(tab, "Name").fill("Front")
    tab.keyboard.press("Tab")
    press(tab, "Keep the selection")
    wait_until(lambda: kept(page.scene) == ["selections/front.safetensors"], "the file")
    before = counts(page)
    press(tab, "Clear")
    wait_until(lambda: page.selection is None, "nothing")
    press(tab, "Select the kept one")
    wait_until(lambda: counts(page) == before, "what was kept")
    tab.close()


def test_box_ball_opacity_and_size(chromium: Browser, viewer: App) -> None:
    tab, page = open_tab(chromium, viewer)
    tab.get_by_role("tab", name="Edit").click()
    take_tool(tab, CLICK)
    tab.mouse.click(*on_screen(tab, page, (0.6, 0, 0)))
    wait_until(lambda: counts(page) == [0, 300, 0], "the green ball")
    choose(tab, "Tool", "none: move the camera")
    wait_until(lambda: page.hand.tool is None, "an empty hand")
    tab.get_by_text("Box or ball", exact=True).click()
    press(tab, "Put it around the selection")
    tab.get_by_text("select.box=0.2").wait_for()  # the strays' hundredth is left out
    press(tab, "Select what is inside")
    wait_until(lambda: 250 < counts(page)[1] < 300, "what is in the box")
    choose(tab, "Shape", "ball")
    tab.get_by_text("select.sphere=").wait_for()
    tab.get_by_text("Opacity and size", exact=True).click()
    press(tab, "Select by size")
    wait_until(lambda: counts(page) == [300, 300, 300], "all sizes")
    press(tab, "Select by opacity")
    tab.get_by_text("opacity(0,0.1) selects nothing").first.wait_for()
    assert counts(page) == [300, 300, 300]
    tab.close()
