"""Edits in words: the field of a run selects, travels into the edited scene, and says what it does not find."""

from __future__ import annotations

from pathlib import Path

import pytest

from splat.cli import main
from splat.edit.history import load_history
from splat.files import read_json
from splat.formats import read_scene
from splat.language.field import load_field
from tests.language import test_distill_query
from tests.language.test_distill_query import distill

run = test_distill_query.run


def edit(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> Path:
    assert main(["edit", str(run), *words, "backend=cpu"]) == 0
    return Path(capsys.readouterr().out.splitlines()[-1])


def test_edits_in_words_chain(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run) == 0
    first = edit(capsys, run, "remove", "blue vase")
    assert first.name == "001-remove-blue-vase" and read_json(first / "edit.json")["text"] == "blue vase"
    assert len(read_scene(first / "scene.ply")) == 80
    whole, rest = load_field(run), load_field(first)
    assert len(rest.codes) == 80 and (rest.codes[40:] - whole.codes[80:]).abs().max() < 0.01
    second = edit(capsys, run, "extract", "toy | red mug", "name=two")
    assert len(read_scene(second / "scene.ply")) == 80
    third = edit(capsys, run, "duplicate", "red mug", "offset=0,0,3")
    scene = read_scene(third / "scene.ply")
    assert len(scene) == 120 and (scene.means[80:, 2] > 1.5).all()
    assert len(read_scene(edit(capsys, run, "remove", "red mug", "force=true") / "scene.ply")) == 40  # both of them


def test_nothing_matches(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(run), "remove", "red mug"]) == 2
    assert "no language field yet" in capsys.readouterr().err
    assert distill(run) == 0
    capsys.readouterr()
    assert main(["edit", str(run), "remove", "dragon"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "nothing matches 'dragon'" in message and "nothing is changed" in message
    assert "the nearest objects are at (" in message and 1 <= message.count("at (") <= 3
    assert "needs more than 0.4" in message
    assert load_history(run).current is None and not (run / "edits").exists()


def test_an_interrupted_edit_leaves_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from splat.edit import history

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(history, "save_selection", interrupted)  # scene.ply is written by then
    assert main(["edit", str(run), "recolor", "select.where=all", "color=red", "force=true", "backend=cpu"]) == 130
    left = [path.name for path in [*run.glob("edits/*"), *run.glob(".*")]]
    assert left == [] and load_history(run).current is None


def test_words_that_say_nothing_change_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run) == 0
    capsys.readouterr()
    for text in ("the", "...", "🍎", "a of the", " ", "blue vase | the"):
        for more in ([], ["select.box=-9,-9,-9,9,9,9", "force=true"]):  # nor with a selection beside them
            assert main(["edit", str(run), "remove", text, *more, "backend=cpu"]) == 2
            (message,) = capsys.readouterr().err.splitlines()
            assert "there is nothing to look for; nothing is changed" in message
    assert load_history(run).current is None
