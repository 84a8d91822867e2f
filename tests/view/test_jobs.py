import threading
import time
from pathlib import Path

import pytest

from splat.view.jobs import Ended, Job
from tests.view.pages import wait_until


def run(words: list[str], on_line=lambda line, share: None) -> Ended:
    ended: list[Ended] = []
    Job(words, on_line, ended.append)
    wait_until(lambda: bool(ended), " ".join(words))
    return ended[0]


def test_what_a_command_prints_arrives(balls_run: Path) -> None:
    ended = run(["edit", str(balls_run), "opacity", "select.sphere=0.6,0,0,0.5", "factor=0.5"])
    assert ended.code == 0 and ended.sentence == ""
    assert Path(ended.output[-1]).parent == balls_run / "edits"
    assert any("300" in line for line in ended.said)


def test_a_mistake_is_its_sentence(balls_run: Path) -> None:
    ended = run(["edit", str(balls_run), "opacity", "select.sphere=9,9,9,0.1", "factor=0.5"])
    assert ended.code == 2
    assert "selects nothing" in ended.sentence and not ended.sentence.startswith("error")
    assert not (balls_run / "edits" / "history.json").exists()


def test_progress_arrives_as_shares_and_cancelling_leaves_nothing(balls_run: Path) -> None:
    shares: list[float] = []
    first = threading.Event()

    def heard(line: str, share: float | None) -> None:
        if share is not None:
            shares.append(share)
            first.set()

    ended: list[Ended] = []
    words = ["render", str(balls_run), "path=orbit", "frames=100000", "width=1600", "video=false"]
    job = Job(words, heard, ended.append)
    assert first.wait(60)
    began = time.monotonic()
    job.cancel()
    assert time.monotonic() - began < 30
    wait_until(lambda: bool(ended), "the end")
    assert ended[0].cancelled and ended[0].sentence == "cancelled"
    assert 0 <= shares[0] < 0.1
    assert not job.running


def test_cancelling_what_has_ended_does_nothing(balls_run: Path) -> None:
    ended: list[Ended] = []
    job = Job(["info", str(balls_run)], lambda line, share: None, ended.append)
    wait_until(lambda: bool(ended), "the end")
    job.cancel()
    assert ended[0].code == 0 and len(ended) == 1


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (Ended(0, (), ("error: no",)), ""),
        (Ended(2, (), ("reading", "error: no photo", "more")), "no photo"),
        (Ended(1, (), ("killed",)), "killed"),
        (Ended(-9, (), ()), "ended with code -9"),
        (Ended(130, (), ("error: interrupted",), True), "cancelled"),
    ],
)
def test_sentences(ended: Ended, sentence: str) -> None:
    assert ended.sentence == sentence
