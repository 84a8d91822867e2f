"""What a tab offers. A panel is a module with `build(page)`, which puts controls into the tab and says what they do."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splat.view.page import Page

# tab: its panels, from top to bottom; each is a folder of the page
TABS: dict[str, tuple[str, ...]] = {
    "Look": ("picture", "photos", "measure"),
    "Ask": ("ask",),
    "Edit": ("select", "edit", "clean", "history"),
    "Make": ("weather", "path", "export"),
}


def build_panels(page: Page) -> None:
    """Put all panels into a tab of the browser."""
    tabs = page.gui.add_tab_group()
    for title, names in TABS.items():
        with tabs.add_tab(title):
            for name in names:
                page.answering(import_module(f"splat.view.panels.{name}").build)(page)  # without one that is broken
