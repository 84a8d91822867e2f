"""Selecting in words: the whole thing that they name, as edits find it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from splat.edit.select.text import TextQuery, select_by_text
from splat.errors import SplatError
from splat.view.selecting.taking import Taking

if TYPE_CHECKING:
    from splat.view.page import Page


def build_words(page: Page, taking: Taking) -> None:
    """Put the controls into the tab; none for a scene file, which knows no words."""
    if page.scene.run is None:
        return
    gui = page.gui
    with gui.add_folder("By words", expand_by_default=False):
        text = gui.add_text("Things", "", hint='such as: red mug; several with " | " between them')
        button = gui.add_button("Select by words")
        said = gui.add_markdown("")

    @button.on_click
    @page.answering
    def _(event: object) -> None:
        run, words = page.scene.run, page.text(text.value)
        if run is None or not words:
            raise SplatError("what is selected? type a word or two, such as: red mug")
        began = time.monotonic()
        said.content = "looking for it, which takes some seconds…"
        try:
            found = select_by_text(page.scene.renderer, run, TextQuery(words))
        finally:
            said.content = ""
        taking.take(found)
        said.content = f"{found.count:,} Gaussians, {time.monotonic() - began:.1f} s"
