"""The edits that were made, which of them are in force, and going back and forward among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.edit import history as histories
from splat.edit.history import EditHistory, load_history
from splat.errors import SplatError
from splat.running import Held, held
from splat.view.editing import show_in_force
from splat.view.marked import code
from splat.view.opened import open_scene
from splat.view.trail import FileTrail

if TYPE_CHECKING:
    from splat.view.page import Page

MOST = 30  # edits that are listed, the newest


def build(page: Page) -> None:
    """Put the panel into the tab."""
    gui = page.gui
    with gui.add_folder("History"):
        said = gui.add_markdown("")
        undo = gui.add_button("Undo", hint="back to the scene before the last edit; nothing is lost")
        redo = gui.add_button("Redo")
        back = gui.add_button("Undo all edits", hint="back to the scene as it was trained; redo brings each back")

    def refresh() -> None:
        scene, trail = page.scene, page.app.trail
        if scene.run is None:
            said.content = trail_in_words(trail)
            ways = trail.at > 0, trail.at + 1 < len(trail.files)
        else:
            history = load_history(scene.place)
            said.content = history_in_words(history)
            ways = history.current is not None, bool(history.undone)
        undo.disabled, redo.disabled = not ways[0], not ways[1]
        back.disabled = not ways[0]

    undo.on_click(page.answering(lambda event: travel(page, "undo")))
    redo.on_click(page.answering(lambda event: travel(page, "redo")))
    back.on_click(page.answering(lambda event: travel(page, "undo all")))
    page.on("scene", refresh)
    refresh()


def travel(page: Page, word: str) -> None:
    """Undo, redo or undo all.

    Raises:
        SplatError: nothing to undo or redo, or an edit is being made now.
    """
    app = page.app
    page.work.check_free()
    if page.scene.run is None:
        at = app.trail.at
        path = app.trail.step({"undo": -1, "redo": 1, "undo all": -at}[word])
        try:
            scene = open_scene(path, app.options.backend)
        except SplatError:
            app.trail.at = at
            raise
        app.show(scene)
        return
    try:
        with held(page.scene.root / "edits", "edit"):
            moved = gone(load_history(page.scene.source), word)
    except Held:
        raise SplatError("an edit of this run is being made; wait until it is done") from None
    page.tell(f"now at {moved.current or 'the trained scene'}", good=True, seconds=4.0)
    show_in_force(app)


def gone(history: EditHistory, word: str) -> EditHistory:
    """The history after `undo`, `redo` or `undo all`, which it is written as.

    Raises:
        SplatError: there is nothing to undo or redo.
    """
    if word == "redo":
        return histories.redo(history)
    history = histories.undo(history)
    while word == "undo all" and history.current is not None:
        history = histories.undo(history)
    return history


def history_in_words(history: EditHistory) -> str:
    """The edits as a list in Markdown, the newest first; which of them is shown is bold."""
    edits, in_force = history.edits(), history.in_force()
    if not edits:
        return "No edits yet: this is the scene as it was trained."
    lines = []
    for entry in reversed(edits[-MOST:]):
        name = code(entry["name"])
        state = "" if entry["name"] in in_force else ", undone" if entry["name"] in history.undone else ", left aside"
        said = f"{name} {entry['gaussians_before']:,} → {entry['gaussians_after']:,}{state}"
        lines.append(f"- **{said}** ← shown" if entry["name"] == history.current else f"- {said}")
    if len(edits) > MOST:
        lines.append(f"- … and {len(edits) - MOST} more")
    lines.append("- **the trained scene** ← shown" if history.current is None else "- the trained scene")
    return "\n".join(lines)


def trail_in_words(trail: FileTrail) -> str:
    """The files that the viewer went through, likewise."""
    if not trail.files:
        return "A file has no history: each edit writes another file beside it, and undo goes back to the one before."
    names = [code(path.name) for path in trail.files]
    lines = [f"- **{name}** ← shown" if index == trail.at else f"- {name}" for index, name in enumerate(names)]
    return "\n".join(reversed(lines))
