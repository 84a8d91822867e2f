"""Progress is a plain log when piped and a live bar in a terminal; stdout stays clean."""

import os
import pty
import subprocess
import sys

import pytest

from splat import console

WORK = """
import sys, time
from splat import console
console.PLAIN_PAUSE = 0.0
with console.progress("Training", 40, unit="step") as bar:
    for step in range(40):
        bar.advance(loss=0.03125, psnr=25.6123, gaussians=120000)
    console.info("[saved] /tmp/a b/[x].ply")
print("result")
"""


def test_piped_progress_is_plain_lines_on_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    lines = done.stderr.splitlines()
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    assert len(lines) == 11  # nine tenths, the message, the end
    assert lines[0].startswith("Training: 4/40 (10 %), ")
    assert "loss 0.03125, PSNR 25.61, Gaussians 120,000" in lines[0] and lines[0].endswith(" left")
    assert lines[-2] == "[saved] /tmp/a b/[x].ply"
    assert lines[-1].startswith("Training: 40/40, ") and "took" in lines[-1]


def test_terminal_gets_a_live_bar() -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=slave, env=environment) as child:
        os.close(slave)
        seen = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux reports the closed terminal as an error
                break
            if not chunk:
                break
            seen += chunk
        assert child.stdout is not None and child.stdout.read() == b"result\n"
    os.close(master)
    assert child.returncode == 0
    text = seen.decode()
    assert "\x1b[" in text and "40/40" in text and "Gaussians 120,000" in text and "[saved] /tmp/a b/[x].ply" in text
    assert "elapsed" not in text  # no plain lines between


def test_failed_work_is_not_reported_as_finished(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="broken"), console.progress("Training", 10) as bar:
        bar.advance(3)
        raise ValueError("broken")
    assert "took" not in capsys.readouterr().err
    with console.progress("Again", 2) as bar:
        bar.advance(2)
    assert "Again: 2/2" in capsys.readouterr().err


def test_steps_of_an_earlier_run_do_not_count_for_the_speed() -> None:
    bar = console.Progress("Training", 1000, "step", completed=900)
    bar.start -= 10
    bar._recent[0] = (bar.start, 900)
    bar.advance(50)
    assert bar.rate() == pytest.approx(5, rel=0.01)
    assert bar.seconds_left() == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(("seconds", "text"), [(7.26, "7.3 s"), (245, "4:05"), (3723, "1:02:03")])
def test_duration(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


def test_library_chatter_keeps_what_the_user_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "DEBUG")
    monkeypatch.delenv("GLOG_minloglevel", raising=False)
    console.quiet_libraries()
    assert os.environ["OPENCV_LOG_LEVEL"] == "DEBUG" and os.environ.pop("GLOG_minloglevel") == "3"


def test_counts_in_words() -> None:
    said = [console.count(number, "photo") for number in (0, 1, 2, 1200)]
    assert said == ["no photos", "1 photo", "2 photos", "1,200 photos"]


def test_warnings_are_recorded_though_they_were_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_warned", set())
    console.warn("a")
    with console.recorded_warnings() as outer:
        console.warn("a")
        with console.recorded_warnings() as inner:
            console.warn("b")
            console.warn("a")
            console.warn("b")
        console.warn("c")
    console.warn("d")
    assert outer == ["a", "b", "c"] and inner == ["b", "a"]
