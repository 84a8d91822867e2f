"""A training that is watched gives the same scene, waits, stops and saves when it is told to, and draws in its time."""

from __future__ import annotations

import dataclasses
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from splat.cli import main
from splat.errors import Interrupted
from splat.train.config import TrainConfig
from splat.train.hooks import HookContext, HookMaker, Reins, TrainingHook
from splat.train.run import TrainResult
from splat.train.state import TrainState
from splat.train.strategies import DefaultStrategy
from splat.training import train
from splat.view.live.curves import CURVES, MOST, Curves
from splat.view.live.hook import LiveHook
from splat.view.live.turns import SAVED, TabTurns, TimeShare
from splat.view.live.watch import Watch
from tests.browser import needs_browser
from tests.train.blobs import write_blob_capture
from tests.view.line import open_line
from tests.view.pages import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STEPS = 60


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder, views=7)
    return folder


def config(capture: Path, out: Path) -> TrainConfig:
    made = TrainConfig(data=str(capture), out=str(out), max_steps=STEPS, data_factor=1.0, cap_max=200)
    made.strategy = DefaultStrategy(refine_start_iter=10, refine_every=10, reset_every=25)
    made.initial.seeds = 100
    made.schedule.eval_every, made.schedule.save_every = 20, 0
    return made


@pytest.fixture(scope="module")
def plain(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The scene of a training that nobody watches."""
    out = tmp_path_factory.mktemp("plain") / "run"
    train(config(capture, out))
    return (out / "scene.ply").read_bytes()


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch()
    yield made
    made.close()


class At(TrainingHook):
    """Does something once a step is done."""

    def __init__(self, context: HookContext, step: int, do: Callable[[], object]) -> None:
        self.step, self.do = step, do

    def between_steps(self, state: TrainState, reins: Reins) -> float:
        if state.step == self.step:
            self.do()
        return 0.0


def at(step: int, do: Callable[[], object]) -> HookMaker:
    return lambda context: At(context, step, do)


def kept(watch: Watch, into: list[LiveHook]) -> HookMaker:
    """The watch's hook, which is also put into a list."""

    def make(context: HookContext) -> LiveHook:
        into.append(watch.hook(context))
        return into[-1]

    return make


def test_a_share_of_the_time_is_kept() -> None:
    account, now, taken = TimeShare(0.05), 0.0, 0.0
    while now < 1000:
        took = 0.3 if account.may(now) else 0.0
        account.spend(took)
        taken, now = taken + took, now + took + 0.02
    assert taken / now == pytest.approx(0.05, rel=0.02)
    assert not TimeShare(0.0).may(1.0)
    idle = TimeShare(0.05)
    assert idle.may(0.0) and idle.may(10_000.0)  # nobody looked meanwhile: that is not made up for
    idle.spend(SAVED + 0.05)
    assert not idle.may(10_000.9)
    idle.skip()
    assert not idle.may(10_009.0) and idle.may(10_010.0)


def test_a_moved_camera_is_answered_small_and_then_whole() -> None:
    turns = TabTurns()
    turns.touch(10.0)
    assert turns.due(10.1, step=5) is None  # still moving
    assert turns.due(10.2, step=5) == "answer" and turns.scale("answer") == 0.25
    turns.drawn(10.3, turns.stamp, step=5, scale=0.25, seconds=0.01)
    assert turns.due(10.3, step=5) == "renewal" and turns.scale("renewal") == 1.0
    turns.drawn(10.4, turns.stamp, step=5, scale=1.0, seconds=0.1)
    assert turns.due(10.4, step=5) is None and turns.due(10.4, step=6) == "renewal"
    turns.touch(11.0)
    assert turns.due(11.2, step=6) == "answer" and turns.scale("answer") == 0.75  # 0.1 s x 0.75² < 1/15 s


def test_curves_stay_short_and_true() -> None:
    curves, steps = Curves(), 5000
    for step in range(1, steps + 1):
        measured = {"loss": 0.5, "psnr": step / 100} if step > 10 else {}
        curves.add(step, measured, gaussians=3 * step, now=step / 20)
    assert steps / 2 / MOST <= curves.every and len(curves.rows) <= MOST
    for name in CURVES:
        xs, ys = curves.curve(name)
        assert len(xs) == len(ys) <= MOST
        if name == "gaussians":
            assert (ys == 3 * xs).all() and xs[-1] > steps - curves.every
        if name == "loss":
            assert ys == pytest.approx(0.5)
        if name == "psnr":
            assert ys == pytest.approx(xs / 100)
        if name == "steps_per_second":
            assert ys == pytest.approx(20.0)
        if name == "test_psnr":
            assert len(xs) == 0
    assert math.isfinite(curves.steps_per_second)


def test_without_a_tab_nothing_is_drawn_and_the_scene_is_the_same(
    capture: Path, tmp_path: Path, watch: Watch, plain: bytes
) -> None:
    hooks: list[LiveHook] = []
    train(config(capture, tmp_path / "run"), [kept(watch, hooks)])
    assert (tmp_path / "run" / "scene.ply").read_bytes() == plain
    assert hooks[0].gallery.pictures == 0 and len(hooks[0].curves.rows) == STEPS


def test_waiting_is_no_training(capture: Path, tmp_path: Path, watch: Watch, plain: bytes) -> None:
    def wait() -> None:
        watch.board.wait(True)
        threading.Timer(3.0, watch.board.wait, [False]).start()

    began = time.monotonic()
    result = train(config(capture, tmp_path / "run"), [at(30, wait), watch.hook])
    assert (tmp_path / "run" / "scene.ply").read_bytes() == plain
    assert result.train_seconds < time.monotonic() - began - 2.9


def test_stop_writes_a_checkpoint_to_go_on_from(capture: Path, tmp_path: Path, watch: Watch, plain: bytes) -> None:
    made = config(capture, tmp_path / "run")
    with pytest.raises(Interrupted, match=r"stopped at step 33; continue with: splat train .* resume=true"):
        train(made, [at(33, watch.board.stop.set), watch.hook])
    watch.board.stop.clear()
    train(dataclasses.replace(made, resume=True), [watch.hook])
    assert (tmp_path / "run" / "scene.ply").read_bytes() == plain


def test_stop_ends_a_training_that_waits(capture: Path, tmp_path: Path, watch: Watch) -> None:
    def wait() -> None:
        watch.board.wait(True)
        threading.Timer(0.3, watch.board.stop.set).start()

    with pytest.raises(Interrupted, match="stopped at step 20"):
        train(config(capture, tmp_path / "run"), [at(20, wait), watch.hook])


def test_a_checkpoint_is_written_when_asked_for(capture: Path, tmp_path: Path, watch: Watch, plain: bytes) -> None:
    train(config(capture, tmp_path / "run"), [at(17, watch.board.save.set), watch.hook])
    saved = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert saved == ["step_00000017.safetensors", f"step_{STEPS:08d}.safetensors"]
    assert (tmp_path / "run" / "scene.ply").read_bytes() == plain


def test_a_page_that_fails_does_not_stop_the_training(
    capture: Path, tmp_path: Path, watch: Watch, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("no room for a picture")

    hooks: list[LiveHook] = []
    monkeypatch.setattr(watch.board, "show", fail)
    monkeypatch.setattr(watch, "tabs", lambda: ["somebody"])
    with monkeypatch.context() as patch:
        said: list[str] = []
        patch.setattr(watch.board, "say", said.append)
        train(config(capture, tmp_path / "run"), [kept(watch, hooks)])
    assert said == ["the page shows no more of the training: RuntimeError: no room for a picture"]
    assert (tmp_path / "run" / "scene.ply").read_bytes() == plain
    monkeypatch.undo()


def test_several_trainings_are_not_watched(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(capture), "view=true", "seed=1,2", "--multirun"]) == 2
    assert "view=true watches one training; leave it out with --multirun" in capsys.readouterr().err
    assert not list((tmp_path / "runs").rglob("config.yaml"))  # only what Hydra writes down of the jobs


def test_a_port_that_is_taken_is_said_before_anything_is_read(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["train", str(capture), f"out={tmp_path / 'run'}", "view=true", f"view_port={port}"]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(rf"error: view_port={port} is taken, by another viewer perhaps; view_port=\d+ is free\n", said)
    assert not (tmp_path / "run").exists()


class Trained(threading.Thread):
    """A training beside the test, which drives the page."""

    def __init__(self, settings: TrainConfig, makers: list[HookMaker]) -> None:
        super().__init__(daemon=True)
        self.settings, self.makers = settings, makers
        self.result: TrainResult | None = None

    def run(self) -> None:
        self.result = train(self.settings, self.makers)


@pytest.mark.parametrize("_", [pytest.param(None, marks=needs_browser)])
def test_somebody_watches_and_pauses_in_a_browser(
    _: None, chromium: Browser, capture: Path, tmp_path: Path, watch: Watch, plain: bytes
) -> None:
    hooks: list[LiveHook] = []
    board = watch.board
    training = Trained(
        config(capture, tmp_path / "run"),
        [at(1, lambda: board.wait(True)), at(40, lambda: board.wait(True)), kept(watch, hooks)],
    )
    page = chromium.new_page(viewport={"width": 640, "height": 480})
    page.set_default_timeout(120_000)
    failures: list[str] = []
    page.on("pageerror", lambda problem: failures.append(str(problem)))
    training.start()
    page.goto(watch.address)
    page.get_by_text(f"Waiting at step 1 of {STEPS}").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text(f"Waiting at step 40 of {STEPS}").wait_for()
    page.get_by_text("Loss", exact=True).wait_for()
    page.get_by_text("PSNR of test views, dB").wait_for()  # measured at steps 20 and 40
    page.locator(".u-over").first.wait_for()
    deadline = time.monotonic() + 60
    while hooks[0].gallery.pictures == 0 and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert hooks[0].gallery.pictures > 0
    page.get_by_role("button", name="Checkpoint now").click()
    page.get_by_text("A checkpoint of step 40 is written.").wait_for()
    page.get_by_role("button", name="Go on").click()
    training.join(120)
    assert training.result is not None
    watch.over("Training is over.")
    page.get_by_text("Training is over.").wait_for()
    page.close()
    assert (tmp_path / "run" / "scene.ply").read_bytes() == plain
    assert failures == []


def test_a_tab_that_was_closed_before_the_training_knew_of_it_is_not_drawn_for(watch: Watch) -> None:
    with open_line(watch.server):
        wait_until(lambda: bool(watch.tabs()), "the tab to connect")
        client = watch.tabs()[0].client
    wait_until(lambda: not watch.tabs(), "the tab to go")
    watch._connect(client)
    assert not watch.tabs()
