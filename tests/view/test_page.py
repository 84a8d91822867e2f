import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splat.edit.history import editing, load_history, undo
from splat.view.app import App
from splat.view.jobs import Job
from splat.view.page import Page
from splat.view.shown import Shown, draw
from tests.browser import needs_browser
from tests.view.pages import FREE, open_tab, screenshot, settled, wait_for_picture, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser


def shows(page: Page, seen: np.ndarray) -> bool:
    """Whether a screenshot has the exact picture of what a tab shows, but for what JPEG leaves of it."""
    wanted = draw(page.scene, page.camera(), page.shown)[:, FREE].astype(int)
    return float(np.abs(seen[:, FREE].astype(int) - wanted).mean()) < 2


def test_the_exact_picture_on_the_page_is_that_of_our_renderer(chromium: "Browser", viewer: App) -> None:
    tab, page = open_tab(chromium, viewer)
    assert page.camera().height == 480
    settled(tab, lambda seen: shows(page, seen), "the same as the renderer")
    tab.close()


def test_the_browsers_own_splats_are_where_the_exact_picture_has_them(chromium: "Browser", viewer: App) -> None:
    tab, page = open_tab(chromium, viewer)
    wanted = draw(viewer.scene, page.camera(), Shown())[:, FREE].astype(int)
    tab.mouse.move(150, 400)
    tab.mouse.down()
    tab.mouse.move(151, 400)  # as long as the button is down the camera may move
    viewer.painter.remove(page)  # no exact picture takes the place of the browser's
    page.moved()

    def like(seen: np.ndarray) -> bool:
        part = seen[:, FREE].astype(int)
        lit = (wanted.max(axis=2) > 60) & (part.max(axis=2) > 60)
        either = (wanted.max(axis=2) > 60) | (part.max(axis=2) > 60)
        return lit.sum() > 0.85 * either.sum() and float(np.abs(part - wanted)[lit].mean()) < 40

    settled(tab, like, "splats drawn by the browser")
    tab.close()


def test_two_tabs_do_not_disturb_each_other(chromium: "Browser", viewer: App) -> None:
    first, one = open_tab(chromium, viewer)
    second, other = open_tab(chromium, viewer)
    settled(second, lambda seen: shows(other, seen), "the scene")
    one.show(picture="opacity")
    wait_for_picture(one)
    settled(first, lambda seen: shows(one, seen), "grey")
    assert other.shown.picture == "colours" and shows(other, screenshot(second))
    first.close()
    wait_until(lambda: len(viewer.pages) == 1, "the first tab to go")
    other.show(picture="depth")
    wait_for_picture(other)
    second.close()


def test_an_edit_of_the_command_line_is_seen_and_so_is_its_undo(
    chromium: "Browser", viewer: App, balls_run: Path
) -> None:
    loop = threading.Thread(target=viewer.wait, daemon=True)
    loop.start()
    tab, page = open_tab(chromium, viewer)
    before = settled(tab, lambda seen: shows(page, seen), "the scene")
    words = ["edit", str(balls_run), "extract", "select.sphere=0.6,0,0,0.5"]
    Job(words, lambda line, share: None, lambda ended: None)
    wait_until(lambda: len(viewer.scene.renderer.scene) == 300, "the edit")
    assert viewer.scene.place == load_history(balls_run).place != balls_run
    settled(tab, lambda seen: _reddest(seen) < _reddest(before) - 50, "the red ball gone")
    with editing(balls_run):
        undo(load_history(balls_run))
    wait_until(lambda: len(viewer.scene.renderer.scene) == 900, "the undo")
    settled(tab, lambda seen: _reddest(seen) > _reddest(before) - 5, "the red ball back")
    tab.close()


def _reddest(seen: np.ndarray) -> int:
    part = seen[:, FREE].astype(int)
    return int((part[..., 0] - part[..., 1]).max())


def test_what_goes_wrong_in_a_command_is_a_sentence_on_the_page(chromium: "Browser", viewer: App) -> None:
    tab, page = open_tab(chromium, viewer)
    page.do(["edit", str(viewer.scene.root), "opacity", "select.sphere=9,9,9,0.1", "factor=2"])
    wait_until(lambda: not page.work.running, "the command")
    tab.get_by_text("selects nothing").wait_for(timeout=20_000)
    tab.close()
