"""Selecting Gaussians: in words, in the picture, by shapes and ranges; and what becomes of a selection then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.edit.select import geometry
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.view.selecting.combining import Steps, in_words
from splat.view.selecting.kept import keep, kept, load_kept
from splat.view.selecting.pointing import build_pointing
from splat.view.selecting.ranges import build_ranges
from splat.view.selecting.shapes import build_shapes
from splat.view.selecting.taking import Taking
from splat.view.selecting.words import build_words

if TYPE_CHECKING:
    from splat.view.page import Page

NONE_KEPT = "none yet"


def build(page: Page) -> None:
    """Put the panel into the tab."""
    with page.gui.add_folder("Selection"):
        said = page.gui.add_markdown(in_words(None, len(page.scene.renderer.scene)))
        taking = Taking(page)
        build_words(page, taking)
        build_pointing(page, taking)
        build_shapes(page, taking)
        build_ranges(page, taking)
        build_changes(page)
        build_kept(page, taking)

    def changed() -> None:
        said.content = in_words(page.selection, len(page.scene.renderer.scene))

    page.on("selection", changed)
    page.on("scene", changed)


def build_changes(page: Page) -> None:
    """The part that changes what is selected."""
    gui, steps = page.gui, Steps()
    with gui.add_folder("Change it"):
        invert, clear, undo = (gui.add_button(label) for label in ("Invert", "Clear", "Undo the last selection"))
        distance = gui.add_number("Distance", 0.0, min=0.0, hint="0: three times the usual one between neighbours")
        grow, shrink, piece = (gui.add_button(label) for label in ("Grow", "Shrink", "Largest piece"))

    def reach() -> float | None:
        return float(distance.value) or None

    def inverted() -> None:
        present = page.selection
        page.select(geometry.everything(page.scene.renderer.scene) if present is None else ~present)

    invert.on_click(page.answering(lambda event: inverted()))
    clear.on_click(page.answering(lambda event: page.select(None)))
    undo.on_click(page.answering(lambda event: page.select(steps.back())))

    @grow.on_click
    @page.answering
    def _(event: object) -> None:
        page.select(geometry.grow(page.scene.renderer.scene, present(page), reach()))

    @shrink.on_click
    @page.answering
    def _(event: object) -> None:
        page.select(geometry.shrink(page.scene.renderer.scene, present(page), reach()))

    @piece.on_click
    @page.answering
    def _(event: object) -> None:
        page.select(geometry.connected(page.scene.renderer.scene, present(page)))

    page.on("selection", lambda: steps.changed(page.selection))
    page.on("scene", steps.clear)


def build_kept(page: Page, taking: Taking) -> None:
    """The part that keeps selections as files."""
    gui = page.gui
    with gui.add_folder("Kept selections", expand_by_default=False):
        name = gui.add_text("Name", "", hint="of the file in the folder selections/ of the run")
        save = gui.add_button("Keep the selection")
        files = gui.add_dropdown("Kept", (NONE_KEPT,))
        load = gui.add_button("Select the kept one")

    def renew() -> None:
        files.options = tuple(kept(page.scene)) or (NONE_KEPT,)

    @save.on_click
    @page.answering
    def _(event: object) -> None:
        path = keep(page.scene, page.selection, page.text(name.value))
        renew()
        page.tell(f"written: {path}", good=True)

    @load.on_click
    @page.answering
    def _(event: object) -> None:
        renew()
        if files.value == NONE_KEPT:
            raise SplatError("no selection is kept yet; select something, give it a name and keep it")
        taking.take(load_kept(page.scene, files.value))

    page.on("scene", renew)
    page.on("selection", renew)
    renew()


def present(page: Page) -> Selection:
    """What is selected.

    Raises:
        SplatError: nothing is.
    """
    if page.selection is None:
        raise SplatError("nothing is selected; select something first")
    return page.selection
