"""Ctrl-C while cameras are being found: a clean end, and what was found is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from capture_scenes import room_photo, room_poses, write_photo

from splat import workers
from splat.capture import load_capture
from splat.errors import Interrupted

REPOSITORY = Path(__file__).resolve().parents[2]
K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])
MOMENTS = ("finding features", "matching photos", "placing cameras")

# The command line, which gets SIGINT in the moment that the first argument names: after the first photos or pairs, and
# no more of them come before it has been heard.
STOPPED = """
import os, signal, sys, time
from splat import cli
from splat.capture.sfm import child, counted, features

moment, words = sys.argv[1], sys.argv[2:]
run_counted = counted.run_counted

def run_stopped(description, total, unit, work):
    def part(cancel, advance):
        def once(count):
            advance(count)
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                time.sleep(0.01)
                advance(0)  # raises an error when the signal has come

        work(cancel, once if description.lower() == moment else advance)

    run_counted(description, total, unit, part)

features.run_counted = child.run_counted = run_stopped
counted.PATIENCE = 600  # however slow the machine is
sys.exit(cli.main(words))
"""


def write_room(folder: Path) -> Path:
    for index, pose in enumerate(room_poses(8)):
        write_photo(folder / f"{index:02d}.png", room_photo(pose, K, 400, 300))
    return folder


def interrupt(room: Path, cache: Path, moment: str) -> tuple[int, str]:
    """Exit code and stderr of a training that gets SIGINT in that moment."""
    words = ["train", str(room), f"out={cache}/run", "max_steps=2", "data_factor=8", "capture.num_threads=2"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SPLAT_CACHE": str(cache)}
    command = [sys.executable, "-c", STOPPED, moment, *words]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    return done.returncode, done.stderr


def test_every_moment_ends_cleanly_and_the_next_call_goes_on(tmp_path: Path, fresh: Path) -> None:
    room = write_room(tmp_path / "room")
    for moment in MOMENTS:
        code, said = interrupt(room, fresh, moment)
        assert code == 130 and "Aborted" not in said and "Traceback" not in said, (moment, code, said)
        assert said.strip().splitlines()[-1] == f"stopped while {moment}; the same command goes on from there"
        assert list(fresh.glob("sfm/*/work/database.db"))
    continued = load_capture(room, num_threads=2, points="capture")
    assert not list(fresh.glob("sfm/*/work"))
    anew = load_capture(room, num_threads=2, points="capture", cache_dir=str(tmp_path / "other cache"))
    assert len(continued.frames) == len(anew.frames) == 8
    for one, other in zip(continued.frames, anew.frames):
        np.testing.assert_allclose(one.camera.viewmat, other.camera.viewmat, atol=1e-3)


def test_a_worker_that_does_not_stop_does_not_hold_up_the_command_line() -> None:
    """The process leaves although a library's thread sleeps on, and says all that it had to say."""
    code = """
import sys, time
from splat import cli, workers
def answer(words):
    workers.Worker(lambda: time.sleep(3600)).start()
    print("last words")
    return 130
cli.answer = answer
sys.exit(cli.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, cwd=REPOSITORY)
    assert (done.returncode, done.stdout) == (130, "last words\n")


def test_callers_get_an_exception_and_the_worker_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from splat.capture.sfm import counted

    monkeypatch.setattr(counted, "PATIENCE", 0.1)
    done = threading.Event()

    def work(cancel: object, advance: object) -> None:
        signal.raise_signal(signal.SIGINT)  # reaches the main thread
        done.wait()

    with pytest.raises(Interrupted, match="stopped while counting"):
        counted.run_counted("Counting", 1, "photo", work)
    assert len(workers.running()) == 1
    threading.Timer(0.3, done.set).start()
    counted.run_counted("Counting", 1, "photo", lambda cancel, advance: advance(2))  # waits for the earlier one
    assert "Counting: 1/1" in capsys.readouterr().err  # a step that counts twice goes no farther than the end
    assert workers.running() == []
