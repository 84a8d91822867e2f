from pathlib import Path
from typing import TYPE_CHECKING

from splat.edit.history import edit_record, load_history
from splat.edit.select.selection import load_selection
from splat.view.app import App, ViewOptions
from splat.view.serving import open_app
from tests.browser import chromium, needs_browser  # noqa: F401
from tests.edit.scenes import write_run
from tests.view.pages import open_tab, wait_until
from tests.view.test_cleaning import dirty

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = needs_browser


def slide(tab: "Tab", label: str, value: str) -> None:
    """Type the value of a slider; its label names no element of the page."""
    row = tab.locator("label", has_text=label).locator("xpath=ancestor::div[.//input][1]")
    row.locator("input").last.fill(value)
    row.locator("input").last.press("Enter")


def test_what_glows_is_counted_and_goes(chromium: "Browser", tmp_path: Path) -> None:  # noqa: F811
    run = write_run(tmp_path / "dirty", dirty())
    app: App = open_app([run], ViewOptions(port=0, backend="cpu"))
    try:
        tab, page = open_tab(chromium, app)
        tab.set_default_timeout(60_000)
        tab.get_by_role("tab", name="Edit").click()
        tab.get_by_text("Clean up", exact=True).first.click()
        slide(tab, "Isolated: times usual", "3")
        tab.get_by_text("4 of 909 Gaussians would go").wait_for()
        assert page.selection is not None and page.selection.indices.tolist() == [905, 906, 907, 908]
        slide(tab, "Views fewer than", "1")
        tab.get_by_text("unseen: ").wait_for()  # once the views were asked, beside
        glowing = page.selection.mask
        assert int(glowing.sum()) > 4
        tab.get_by_role("button", name="Clean up").last.click()
        wait_until(lambda: app.scene.place != run, "the clean-up")
        folder = load_history(run).place
        assert (load_selection(folder / "selection.safetensors", 909).mask == glowing).all()
        assert len(app.scene.renderer.scene) == edit_record(folder)["gaussians_after"] == 909 - int(glowing.sum())
        wait_until(lambda: page.selection is None, "all sliders off")
        tab.close()
    finally:
        app.stop()
