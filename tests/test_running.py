"""Who works in a folder: one process at a time, others are told or wait, and the dead count for nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from splat import running
from splat.errors import SplatError
from splat.files import read_json
from tests.edit.scenes import write_run

REPOSITORY = Path(__file__).resolve().parent.parent


def edit(run: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "splat", "edit", str(run), "opacity", "factor=0.5", "backend=cpu", *words]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_edits_at_once_follow_each_other(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    both = [edit(run, "select.sphere=-0.6,0,0,0.5", f"name={name}") for name in ("left", "right")]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    history = read_json(run / "edits" / "history.json")
    first, second = history["edits"]
    assert history["current"] == second and {first[4:], second[4:]} == {"left", "right"}
    assert read_json(run / "edits" / first / "edit.json")["parent"] is None
    assert read_json(run / "edits" / second / "edit.json")["parent"] == first
    assert sorted(path.name for path in (run / "edits").iterdir()) == [first, second, "history.json"]


def test_an_edit_waits_and_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    with running.held(run / "edits", "edit"):
        process = edit(run, "select.sphere=-0.6,0,0,0.5")
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line == f"waiting: {run / 'edits'}: another edit is running now (process {os.getpid()})\n"
        assert process.poll() is None and [path.name for path in (run / "edits").iterdir()] == [running.NAME]
    assert process.communicate()[1] and process.returncode == 0
    assert len(read_json(run / "edits" / "history.json")["edits"]) == 1


def test_other_work_than_training_keeps_a_run_where_it_is(tmp_path: Path) -> None:
    for place, work in (("edits", "edit"), ("language/clip", "distill")):
        with running.held(tmp_path / place, work):
            with pytest.raises(
                running.Held, match=rf"{place}: another {work} is running now \(process {os.getpid()}\)"
            ):
                running.refuse_running(tmp_path)
            refusal = pytest.raises(running.Held, match=rf"another {work} is running now.*wait for it")
            with refusal, running.held(tmp_path / place, work):
                pass
        running.refuse_running(tmp_path)
    assert list(tmp_path.iterdir()) == []  # folders that were only made to be held are gone again


def test_of_many_that_find_a_dead_ones_sign_one_gets_the_folder(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with running.held(tmp_path, wait=True):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    dead = {"pid": os.getpid(), "host": running.Holder.here().host, "started": 1.0}  # an earlier process of this number
    (tmp_path / running.NAME).write_text(json.dumps(dead))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"pid": "x"}', '{"pid": 1e99}', '{"pid": -1, "host": "h", "started": 0}', "\x80"]
)
def test_a_sign_that_names_nobody_counts_while_it_is_new(content: str, tmp_path: Path) -> None:
    file = tmp_path / running.NAME
    file.write_bytes(content.encode("latin-1"))
    assert running.holder_of(tmp_path) is not None  # being written
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert running.holder_of(tmp_path) is None
    with running.held(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="who may write anywhere cannot be refused")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / running.NAME).write_text("{}")
    os.utime(tmp_path / running.NAME, (0, 0))
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SplatError, match=r"cannot write .*Permission denied"), running.held(tmp_path):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_place_where_no_folder_can_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SplatError, match=r"cannot write .*choose another out="), running.held(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "mine"
