"""COLMAP in a process of its own, and which engine's cameras are used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from splat.capture.sfm import child, colmap_child, mapping
from splat.capture.sfm.mapping import GLOBAL, INCREMENTAL, RELAXED, Placed, place_cameras
from splat.errors import SplatError

ENGINES = (INCREMENTAL, RELAXED, GLOBAL)
SCRIPT = """
import json, os, sys, time
sys.stdin.buffer.readline()
{}
"""


def scripted(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """A child that does something else than COLMAP's steps."""
    script = folder / "child.py"
    script.write_text(SCRIPT.format(body))
    monkeypatch.setattr(colmap_child, "__file__", str(script))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('3', flush=True); os.abort()", "COLMAP was ended by SIGABRT: it said nothing"),
        (
            "sys.stderr.write('F20261127 10:00:00.000000 12 database.cc:9] SQLite error: disk full\\n*** stack\\n');"
            "sys.stderr.flush(); os.abort()",
            "COLMAP was ended by SIGABRT: SQLite error: disk full",
        ),
        ("sys.exit('no such photo')", "COLMAP ended with exit code 1: no such photo"),
        ("sys.exit(0)", "COLMAP ended with exit code 0: it said nothing"),
    ],
)
def test_the_end_of_the_child_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    scripted(monkeypatch, tmp_path, body)
    with pytest.raises(SplatError) as caught:
        child.run_step("Placing cameras", 5, "photo", "incremental", {})
    assert str(caught.value).startswith(f"structure from motion failed while placing cameras: {said}")
    assert "\n" not in str(caught.value)


def test_progress_and_result_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted(monkeypatch, tmp_path, "print(2); print('noise'); print(3); print(json.dumps({'result': 7}))")
    assert child.run_step("Counting", 5, "photo", "any", {}) == 7
    assert "Counting: 5/5" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "d.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(SplatError, match="structure from motion failed while placing cameras: COLMAP") as caught:
        mapping.run_engine(INCREMENTAL, tmp_path / "d.db", tmp_path, tmp_path / "model", 3, 3)
    assert "\n" not in str(caught.value)


def test_the_child_ends_with_whoever_started_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    script = "import colmap_child, time; colmap_child.STEPS['wait'] = lambda *_: time.sleep(600); colmap_child.main()"
    folder = str(Path(colmap_child.__file__).parent)
    command = [sys.executable, "-c", f"import sys; sys.argv = ['', 'wait']; sys.path[:0] = [{folder!r}]; {script}"]
    waiting = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=tmp_path)
    assert waiting.stdin is not None
    waiting.stdin.write(b"{}\n")
    waiting.stdin.close()
    assert waiting.wait(timeout=120) == 1


def engines_that_place(monkeypatch: pytest.MonkeyPatch, counts: list[int | None]) -> list[str]:
    """Engines that place so many photos, or fail; returns the list of those that were asked."""
    asked: list[str] = []

    def run(engine: Any, database: Path, images: Path, model: Path, count: int, fewest: int) -> Placed:
        asked.append(engine.name)
        placed = counts[len(asked) - 1]
        if placed is None:
            raise SplatError("it failed")
        return Placed(engine, placed, model)

    monkeypatch.setattr(mapping, "run_engine", run)
    return asked


@pytest.mark.parametrize(
    ("counts", "tried", "photos", "used"),
    [
        ([7, 0, 0], 1, 7, 0),  # enough
        ([2, 8, 0], 3, 8, 1),
        ([2, 8, 9], 3, 9, 2),  # of what the first could not do, the most
        ([2, 10, 0], 2, 10, 1),  # all
        ([2, 3, 10], 3, 10, 2),
        ([4, 3, 4], 3, 4, 0),  # the first of the best
        ([None, 0, 9], 3, 9, 2),
        ([0, 0, 0], 3, 0, 0),
    ],
)
def test_others_are_tried_where_the_first_places_too_few(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    counts: list[int | None],
    tried: int,
    photos: int,
    used: int,
) -> None:
    asked = engines_that_place(monkeypatch, counts)
    best = place_cameras(tmp_path / "d.db", tmp_path, tmp_path, 10, 3)
    assert len(asked) == tried and best.photos == photos and best.engine is ENGINES[used]
    said = " ".join(capsys.readouterr().err.split())
    assert (f"{ENGINES[used].name} places {photos} of 10 photos" in said) == (tried > 1 and photos > 0)
    assert ("it failed" in said) == (None in counts)


def test_the_first_error_comes_through_where_all_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines_that_place(monkeypatch, [None, None, None])
    with pytest.raises(SplatError, match="it failed"):
        place_cameras(tmp_path / "d.db", tmp_path, tmp_path, 10, 3)


@pytest.mark.parametrize("mapper", ["incremental", "global"])
def test_an_engine_that_was_chosen_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapper: str
) -> None:
    asked = engines_that_place(monkeypatch, [2])
    assert place_cameras(tmp_path / "d.db", tmp_path, tmp_path, 10, 3, mapper).photos == 2
    assert asked == [f"{mapper} mapping"]
