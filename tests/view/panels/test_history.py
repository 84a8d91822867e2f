from pathlib import Path

import pytest

from splat.cli import main
from splat.edit.history import load_history
from splat.errors import SplatError
from splat.view.app import App, ViewOptions
from splat.view.editing import show_in_force
from splat.view.panels.history import gone, history_in_words, trail_in_words
from splat.view.serving import open_app
from splat.view.trail import FileTrail


def edited(run: Path, x: float) -> Path:
    """The run after one ball more is gone."""
    words = ["edit", str(run), "remove", f"select.sphere={x},0,0,0.5", "fill.views=0", f"name=ball {x}", "backend=cpu"]
    assert main(words) == 0
    return load_history(run).place


def test_edits_are_listed_with_what_is_shown(balls_run: Path) -> None:
    assert "No edits" in history_in_words(load_history(balls_run))
    edited(balls_run, 0.6)
    edited(balls_run, -0.6)
    assert history_in_words(load_history(balls_run)).splitlines() == [
        "- **`002-ball-0-6` 600 → 300** ← shown",
        "- `001-ball-0-6` 900 → 600",
        "- the trained scene",
    ]
    gone(load_history(balls_run), "undo")
    assert history_in_words(load_history(balls_run)).splitlines() == [
        "- `002-ball-0-6` 600 → 300, undone",
        "- **`001-ball-0-6` 900 → 600** ← shown",
        "- the trained scene",
    ]


def test_undo_all_goes_to_the_trained_scene_and_redo_comes_back(balls_run: Path) -> None:
    edited(balls_run, 0.6)
    last = edited(balls_run, -0.6)
    history = gone(load_history(balls_run), "undo all")
    assert history.current is None and load_history(balls_run).place == balls_run
    with pytest.raises(SplatError, match="nothing to undo"):
        gone(load_history(balls_run), "undo all")
    gone(load_history(balls_run), "redo")
    assert gone(load_history(balls_run), "redo").place == last


def test_of_the_folder_of_an_edit_the_run_is_shown_once_something_is_done(balls_run: Path) -> None:
    folder = edited(balls_run, 0.6)
    app: App = open_app([folder], ViewOptions(port=0, backend="cpu"))
    try:
        edited(balls_run, -0.6)
        app.reload()
        assert len(app.scene.renderer.scene) == 600  # the edit that was opened stays what it is
        show_in_force(app)
        assert len(app.scene.renderer.scene) == 300 and app.scene.source == balls_run
    finally:
        app.stop()


def test_files_are_listed_likewise() -> None:
    trail = FileTrail()
    assert "no history" in trail_in_words(trail)
    trail.add(Path("a.ply"), Path("b.ply"))
    assert trail_in_words(trail).splitlines() == ["- **`b.ply`** ← shown", "- `a.ply`"]
