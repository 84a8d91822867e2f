"""What is drawn: colours, depth and the like, of one scene or two, and how large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.view.comparing import frames_in_words
from splat.view.controls import put
from splat.view.marked import plain
from splat.view.shown import COMPARED, PICTURES

if TYPE_CHECKING:
    from splat.view.page import Page


def build(page: Page) -> None:
    """Put the panel into the tab."""
    gui = page.gui
    with gui.add_folder("Picture"):
        title = gui.add_markdown(heading(page))
        kind = gui.add_dropdown("Shows", PICTURES, initial_value=page.shown.picture)
        lines = gui.add_slider("Lines", 120, 2160, 60, page.lines, hint="height of exact pictures, in pixels")
        walks = gui.add_checkbox(
            "Browser draws while moving", page.browser_walks, hint="off: exact pictures all the time, small ones first"
        )
        again = gui.add_button("Back to the first camera")

    @kind.on_update
    @page.answering
    def _(event: object) -> None:
        page.show(picture=kind.value)

    @lines.on_update
    @page.answering
    def _(event: object) -> None:
        page.lines = int(lines.value)
        page.redraw()

    @walks.on_update
    @page.answering
    def _(event: object) -> None:
        page.browser_walks = walks.value
        page.redraw()

    @again.on_click
    @page.answering
    def _(event: object) -> None:
        page.stand_at(page.scene.cameras[0])

    def changed() -> None:
        title.content = heading(page)
        if kind.value != page.shown.picture:
            put(kind, page.shown.picture)

    page.on("scene", changed)
    page.on("shown", changed)
    if len(page.app.scenes) > 1:
        build_comparison(page)


def build_comparison(page: Page) -> None:
    """The part for two scenes."""
    gui = page.gui
    with gui.add_folder("Two scenes"):
        gui.add_markdown(" — ".join(plain(scene.title) for scene in page.app.scenes))
        if warning := frames_in_words(*page.app.scenes):
            gui.add_markdown(warning)
        which = gui.add_dropdown("Compare", COMPARED, initial_value="split")
        split = gui.add_slider("Split at", 0.0, 1.0, 0.01, page.shown.split)
    page.show(compared="split")

    @which.on_update
    @page.answering
    def _(event: object) -> None:
        page.show(compared=which.value)

    @split.on_update
    @page.answering
    def _(event: object) -> None:
        page.show(split=split.value)


def heading(page: Page) -> str:
    """What is open, in words."""
    scene, walking = page.scene, page.app.walking.in_words()
    said = f"**{plain(scene.title)}** · {len(scene.renderer.scene):,} Gaussians"
    return f"{said}\n\n{walking}" if walking else said
