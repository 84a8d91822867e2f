from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from splat.edit.history import load_history
from splat.edit.operations import OPERATIONS
from splat.edit.select.geometry import sphere
from splat.errors import SplatError
from splat.view.app import App
from splat.view.panels.edit import CONTROLS, options_of
from tests.browser import needs_browser
from tests.view.pages import FREE, open_tab, settled, wait_for_picture, wait_until
from tests.view.test_page import shows

if TYPE_CHECKING:
    from playwright.sync_api import Browser

USUAL: dict[str, Any] = {
    "fill": True, "deviations": 2.0, "by": "a colour", "color": (255, 0, 16), "hue": 0.0, "lightness": 1.0,
    "keep_pale": True, "opacity": 0.5, "size": 1.0, "offset": (0.0, 0.0, 0.0), "axis": (0.0, 0.0, 1.0), "degrees": 0.0,
    "other": "", "filter": "oil", "amount": 1.0, "steps": 600, "turn": 90.0,
}  # fmt: skip

ASKED = [
    ("remove", {}, {}),
    ("remove", {"fill": False}, {"fill.views": 0}),
    ("extract", {}, {}),
    ("crop", {"deviations": 1.0}, {"deviations": 1.0}),
    ("recolor", {}, {"color": "#ff0010"}),
    ("recolor", {"by": "turning the hue", "hue": 40.0}, {"hue": 40.0}),
    ("opacity", {}, {"factor": 0.5}),
    ("scale", {"size": 2.0}, {"factor": 2.0}),
    ("move", {"offset": (0.5, 0.0, -1.0)}, {"offset": "0.5,0,-1"}),
    ("rotate", {"degrees": 30.0}, {"degrees": 30.0}),
    ("rotate", {"axis": (0.0, 1.0, 0.0), "degrees": 30.0}, {"axis": "0,1,0", "degrees": 30.0}),
    ("duplicate", {"offset": (1.0, 0.0, 0.0), "size": 0.5}, {"offset": "1,0,0", "factor": 0.5}),
    ("replace", {"other": "cup.ply"}, {"other": "cup.ply"}),
    ("restyle", {"amount": 0.5, "steps": 100}, {"filter": "oil", "guide.amount": 0.5, "guide.steps": 100}),
    ("restyle", {"filter": "hue"}, {"filter": "hue", "hue": 90.0}),
]


@pytest.mark.parametrize(("operation", "values", "options"), ASKED)
def test_controls_ask_for_options(operation: str, values: dict[str, Any], options: dict[str, Any]) -> None:
    assert options_of(operation, {**USUAL, **values}) == options


@pytest.mark.parametrize("operation", ["move", "rotate", "duplicate", "replace"])
def test_what_is_missing_is_said(operation: str) -> None:
    with pytest.raises(SplatError, match=r"where to|by how much|by what"):
        options_of(operation, USUAL)
    with pytest.raises(SplatError, match="by how much"):
        options_of("recolor", {**USUAL, "by": "turning the hue"})


def test_every_operation_has_its_controls() -> None:
    assert set(OPERATIONS) - set(CONTROLS) == {"prune", "select"}  # the one is a panel of its own, the other no change
    assert {name for names in CONTROLS.values() for name in names} == set(USUAL)


def greenest(seen: np.ndarray) -> int:
    part = seen[:, FREE].astype(int)
    return int((part[..., 1] - np.maximum(part[..., 0], part[..., 2])).max())


def files_of(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


@pytest.mark.browser
@needs_browser[1]
def test_a_removal_and_its_undo_change_and_restore_picture_and_file(
    chromium: "Browser", viewer: App, balls_run: Path
) -> None:
    before = files_of(balls_run)
    tab, page = open_tab(chromium, viewer)
    tab.get_by_role("tab", name="Edit").click()
    settled(tab, lambda now: greenest(now) > 50 and shows(page, now), "the green ball")
    seen = page.picture(page.camera())
    page.select(sphere(viewer.scene.renderer.scene, [0.6, 0, 0], 0.5))
    tab.get_by_text("300 of 900 Gaussians are selected").wait_for()
    tab.get_by_label("Fill the hole").click()
    tab.get_by_role("button", name="Preview").click()
    tab.get_by_text("900 → 600 Gaussians, nothing is written").wait_for()
    wait_for_picture(page)
    settled(tab, lambda now: greenest(now) < 20, "a preview without the green ball")
    assert not (balls_run / "edits").exists() and len(viewer.scene.renderer.scene) == 900
    tab.get_by_role("button", name="Discard").click()
    settled(tab, lambda now: shows(page, now), "the selection glow again")
    tab.get_by_role("button", name="Apply").click()
    wait_until(lambda: len(viewer.scene.renderer.scene) == 600, "the removal")
    settled(tab, lambda now: greenest(now) < 20, "the green ball gone")
    assert page.selection is None and load_history(balls_run).current == "001-remove-file-selection-0-safetensors"
    tab.get_by_text("900 → 600").wait_for()
    tab.get_by_role("button", name="Undo", exact=True).click()
    wait_until(lambda: len(viewer.scene.renderer.scene) == 900, "the undo")
    settled(tab, lambda now: greenest(now) > 50 and shows(page, now), "the green ball back")
    np.testing.assert_array_equal(page.picture(page.camera()), seen)
    assert files_of(balls_run) == before
    tab.get_by_role("button", name="Redo").click()
    wait_until(lambda: len(viewer.scene.renderer.scene) == 600, "the redo")
    tab.close()


@pytest.mark.browser
@needs_browser[1]
def test_a_cancelled_edit_leaves_nothing(chromium: "Browser", viewer: App, balls_run: Path) -> None:
    tab, page = open_tab(chromium, viewer)
    page.select(sphere(viewer.scene.renderer.scene, [0.6, 0, 0], 0.5))
    words = ["edit", str(balls_run), "restyle", "filter=sepia", f"select.file={page.selection_file()}"]
    page.do([*words, "guide.steps=1000000"])
    wait_until(lambda: (balls_run / "edits").exists(), "the edit to begin")
    tab.get_by_role("button", name="Cancel").click()
    wait_until(lambda: not page.work.running, "the end of it")
    tab.get_by_text("cancelled", exact=True).wait_for()
    assert not list(balls_run.glob("edits/**/*")) and len(viewer.scene.renderer.scene) == 900
    tab.close()
