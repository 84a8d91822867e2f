"""The history of a run's edits, when somebody else wrote its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splat.cli import main
from splat.edit.history import EditHistory, edit_record, load_history, redo, undo
from splat.errors import SplatError
from splat.files import read_json, write_json
from tests.edit.scenes import write_run
from tests.fuzz import damaged, survives


def record(parent: str | None = None) -> dict[str, Any]:
    return {"parent": parent, "operation": "remove", "gaussians_before": 9, "gaussians_after": 6}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two edits, of which the second is undone."""
    for name, parent in (("001-a", None), ("002-b", "001-a")):
        write_json(tmp_path / "run" / "edits" / name / "edit.json", record(parent))
    write_json(tmp_path / "run" / "edits" / "history.json", {"current": "001-a", "undone": ["002-b"]})
    write_json(tmp_path / "outside" / "edit.json", record())
    return tmp_path / "run"


def test_a_history_as_it_should_be(run: Path) -> None:
    history = load_history(run)
    assert history == EditHistory(run, "001-a", ("002-b",)) and history.in_force() == ["001-a"]
    assert redo(history).in_force() == ["002-b", "001-a"]
    assert undo(undo(load_history(run))) == EditHistory(run, None, ("002-b", "001-a"))
    assert read_json(run / "edits" / "history.json")["edits"] == ["001-a", "002-b"]


@pytest.mark.parametrize(
    "name", ["../../outside", "/etc", "..", ".", "", "a\0b", "a/../../x", "a\\b", "x" * 300, "\ud800"]
)
@pytest.mark.parametrize("key", ["current", "undone"])
def test_a_history_leads_nowhere_else(run: Path, key: str, name: str) -> None:
    value = {"current": None, "undone": []} | {key: name if key == "current" else ["002-b", name]}
    (run / "edits" / "history.json").write_text(json.dumps(value))
    with pytest.raises(SplatError, match=r"history\.json: (current|undone: 1)") as caught:
        load_history(run)
    assert "\n" not in str(caught.value)


def test_a_parent_leads_nowhere_else(run: Path) -> None:
    write_json(run / "edits" / "001-a" / "edit.json", record("../../outside"))
    with pytest.raises(
        SplatError, match=r"edit\.json: parent is '\.\./\.\./outside'; it must be the name of one folder"
    ):
        undo(load_history(run))
    assert read_json(run / "edits" / "history.json")["current"] == "001-a"


def test_an_edit_that_is_gone_is_named(run: Path) -> None:
    write_json(run / "edits" / "history.json", {"current": "001-a", "undone": ["007-gone"]})
    with pytest.raises(SplatError, match="the edit 007-gone is gone"):
        load_history(run)
    write_json(run / "edits" / "history.json", {"current": "001-a"})
    write_json(run / "edits" / "001-a" / "edit.json", record("000-gone"))
    with pytest.raises(SplatError, match="the edit 000-gone is gone"):
        undo(load_history(run))


def test_edits_that_are_not_in_force_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    for name, parent in (("001-a", None), ("002-b", None), ("003-c", "002-b"), ("004-d", "003-c")):
        write_json(run / "edits" / name / "edit.json", record(parent))
    write_json(run / "edits" / "history.json", {"current": "003-c", "undone": ["004-d"]})
    assert main(["edit", str(run), "list"]) == 0
    ends = [line.rpartition("Gaussians")[2].strip() for line in capsys.readouterr().out.splitlines()]
    assert ends == ["(not in force)", "", "", "(undone)"]


def test_damaged_histories_are_one_line(run: Path) -> None:
    """Every text that comes out of these by a few changed bytes or values is read, or refused in one line."""

    def read() -> None:
        history = load_history(run)
        history.edits()
        redo(history) if history.undone else None
        undo(load_history(run)) if history.current else None

    for file in (run / "edits" / "history.json", run / "edits" / "001-a" / "edit.json"):
        good = file.read_bytes()
        for content in damaged(good, seed=1, count=150):
            file.write_bytes(content)
            (run / "edits" / "history.json").write_bytes(content if file.name == "history.json" else HISTORY)
            survives(read, content)
        file.write_bytes(good)
    assert edit_record(run / "edits" / "002-b")["parent"] == "001-a"


HISTORY = json.dumps({"current": "001-a", "undone": ["002-b"]}).encode()
