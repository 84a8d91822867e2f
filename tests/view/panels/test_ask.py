"""Asking in the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from splat.view.app import App, ViewOptions
from splat.view.page import Page
from splat.view.serving import open_app
from tests.browser import needs_browser
from tests.language.test_distill_query import CENTRES, distill, write_three_balls
from tests.view.pages import control, open_tab, press, settled, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The viewer of three balls, two of them a red mug and a toy to the run's field."""
    run = write_three_balls(tmp_path_factory.mktemp("asked"))
    assert distill(run) == 0
    app = open_app([run], ViewOptions(port=0, backend="cpu"))
    yield app
    app.stop()


def warmth(page: Page, seen: np.ndarray, ball: int) -> float:
    """How red rather than blue a screenshot is about a ball's middle."""
    camera = page.camera()
    at, _ = camera.project(torch.tensor([CENTRES[ball]], dtype=torch.float64))
    x, y = (at[0] * seen.shape[0] / camera.height).round().int().tolist()
    part = seen[y - 3 : y + 4, x - 3 : x + 4].astype(float).mean(axis=(0, 1))
    return float(part[0] - part[2])


def test_words_light_up_what_they_name_and_select_it(chromium: Browser, asked: App) -> None:
    tab, page = open_tab(chromium, asked)
    tab.get_by_role("tab", name="Ask").click()
    control(tab, "Words").fill("red mug | toy")
    tab.keyboard.press("Tab")
    press(tab, "Ask")
    tab.get_by_text("of 120 Gaussians, as the rule selects").wait_for()
    settled(
        tab,
        lambda seen: warmth(page, seen, 0) > 50 and max(warmth(page, seen, 1), warmth(page, seen, 2)) < 0,
        "the mug warm and the others cold",
    )
    assert page.shown.picture == "relevancy" and tab.get_by_text("'red mug': relevancy 0.9").count() == 1
    press(tab, "Select these")
    wait_until(lambda: page.selection is not None, "the selection")
    assert page.selection is not None and page.selection.count > 30 and int(page.selection.indices.max()) < 40
    assert page.shown.picture == "colours"
    tab.close()


def test_words_that_nobody_knows_and_that_are_not_there(chromium: Browser, asked: App) -> None:
    tab, page = open_tab(chromium, asked)
    tab.get_by_role("tab", name="Ask").click()
    for words, said in (("unicorn", "'unicorn'"), ("dragon", "nothing in the scene matches 'dragon'")):
        control(tab, "Words").fill(words)
        tab.keyboard.press("Tab")
        press(tab, "Ask")
        tab.get_by_text(said).first.wait_for()
    press(tab, "Select these")
    tab.get_by_text("selects nothing").first.wait_for()
    assert page.selection is None
    tab.close()


def test_a_run_that_knows_no_words_offers_to_learn_them(chromium: Browser, viewer: App) -> None:
    tab, _ = open_tab(chromium, viewer)
    tab.get_by_role("tab", name="Ask").click()
    assert tab.get_by_role("button", name="Learn words (distill)").is_visible()
    assert not tab.get_by_role("button", name="Ask", exact=True).is_visible()
    tab.close()
