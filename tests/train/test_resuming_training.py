"""A training that is stopped and resumed gives the same scene, bit for bit, and the same record as one that is not."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.errors import Interrupted, SplatError
from splat.run_records import read_training
from splat.train import loop
from splat.train.config import TrainConfig
from splat.train.run import TrainResult
from splat.train.strategies import (
    DefaultStrategy,
    GeoTexDefaultStrategy,
    GeoTexStrategy,
    ImprovedStrategy,
    MCMCStrategy,
    Strategy,
)
from splat.train.strategies.absgrad import AbsGradStrategy
from splat.training import train
from tests.train.blobs import write_blob_capture

STEPS = 160
# Changes at the steps 20, 40, ... (counted from 0), resets at 45 and 90: all before half of the training.
EARLY = {"refine_start_iter": 10, "refine_every": 20}
STRATEGIES: dict[str, Strategy] = {
    "default": DefaultStrategy(**EARLY, reset_every=45, refine_scale2d_stop_iter=30_000, grow_grad2d=1e-5),
    "mcmc": MCMCStrategy(**EARLY),
    "absgrad": AbsGradStrategy(**EARLY, grow_grad2d=1e-5),
    "geotex": GeoTexStrategy(**EARLY, depth="scene", scene_depth_iter=10, grow_grad2d=1e-5),
    "geotex_default": GeoTexDefaultStrategy(**EARLY, depth="scene", scene_depth_iter=10, grow_grad2d=1e-5),
    # stopped between two updates, with gradients of some views added up
    "improved": ImprovedStrategy(second_interval=200, second_interval_iter=900, third_interval_iter=30_000),
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with a mask and with transparent pixels; eleven views, so epochs end at odd steps."""
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder, views=13)
    (folder / "masks").mkdir()
    for index, path in enumerate(sorted((folder / "images").iterdir())):
        image = cv2.imread(str(path))
        alpha = np.full(image.shape[:2], 255, np.uint8)
        alpha[:6], alpha[6:9] = 0, 128
        cv2.imwrite(str(path), np.dstack([image, alpha]))
        mask = np.full(image.shape[:2], 255, np.uint8)
        mask[20:30, index : index + 12] = 0
        cv2.imwrite(str(folder / "masks" / path.name), mask)
    return folder


def config(capture: Path, out: Path, strategy: Strategy) -> TrainConfig:
    base = TrainConfig(
        data=str(capture), out=str(out), max_steps=STEPS, data_factor=1.0, cap_max=400, strategy=strategy
    )
    base.initial.seeds = 200
    base.schedule.eval_every = 30
    base.schedule.save_every = 0
    base.render.num_threads = 2
    if isinstance(strategy, MCMCStrategy):
        base.loss.opacity_reg = base.loss.scale_reg = 0.01
    return base


@pytest.fixture(scope="module")
def whole(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TrainResult]:
    """The training without a stop, once for each strategy."""
    done: dict[str, TrainResult] = {}

    def get(name: str) -> TrainResult:
        if name not in done:
            done[name] = train(config(capture, tmp_path_factory.mktemp("whole") / name, STRATEGIES[name]))
        return done[name]

    return get


def stopped(settings: TrainConfig, step: int, monkeypatch: pytest.MonkeyPatch, crash: bool = False) -> None:
    """Train; press Ctrl-C (or fail hard) during the step after which `step` are done."""
    original = loop.train_step
    calls = 0

    def counted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == step and crash:
            raise MemoryError
        if calls == step:
            assert threading.current_thread() is threading.main_thread()
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", counted)
        with pytest.raises(MemoryError if crash else Interrupted):
            train(settings)


def record(result: TrainResult) -> list[dict[str, str]]:
    """The rows of metrics.csv without the clock."""
    with (result.folder / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def assert_same_scene(whole: TrainResult, parts: TrainResult) -> None:
    for name, value in whole.gaussians.as_dict().items():
        assert torch.equal(value, parts.gaussians.as_dict()[name]), name


def assert_same(whole: TrainResult, parts: TrainResult) -> None:
    assert_same_scene(whole, parts)
    assert record(parts) == record(whole)
    assert [int(row["step"]) for row in record(whole)] == [30, 50, 60, 90, 100, 120, 150, 160]


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("step", [37, 40, 41, 46, 60])
def test_resuming_changes_nothing(
    capture: Path, tmp_path: Path, whole: Callable[[str], TrainResult], name: str, step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Stopped amid an epoch, before and after a change of the Gaussians, after a reset, at a row of the record."""
    expected = whole(name)
    assert len(expected.gaussians) != 200  # the strategy did something
    settings = config(capture, tmp_path / "run", STRATEGIES[name])
    stopped(settings, step, monkeypatch)
    assert_same(expected, train(dataclasses.replace(settings, resume=True)))


@pytest.mark.parametrize("name", ["default", "mcmc"])
def test_a_crash_costs_only_the_steps_since_the_checkpoint(
    capture: Path, tmp_path: Path, whole: Callable[[str], TrainResult], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows written after the last checkpoint are written again, not twice; a second crash changes nothing either."""
    settings = config(capture, tmp_path / "run", STRATEGIES[name])
    settings.schedule.save_every = 25
    stopped(settings, 67, monkeypatch, crash=True)
    settings = dataclasses.replace(settings, resume=True)
    stopped(settings, 45, monkeypatch, crash=True)  # at step 50 + 45
    assert_same(whole(name), train(settings))


def test_both_sessions_keep_what_they_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_blob_capture(tmp_path / "blobs", views=5)
    settings = config(tmp_path / "blobs", tmp_path / "run", MCMCStrategy(**EARLY))
    settings.max_steps = 20
    stopped(settings, 7, monkeypatch)
    first = read_training(tmp_path / "run")
    assert [line for line in first.warnings if "training photos are few" in line] and "write" not in first.seconds
    train(dataclasses.replace(settings, resume=True))
    both = read_training(tmp_path / "run")
    assert both.warnings[: len(first.warnings)] == first.warnings
    assert both.seconds["load"] > first.seconds["load"] and both.seconds["train"] > first.seconds["train"]
    assert both.seconds["write"] > 0


def test_depth_maps_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "blobs"
    write_blob_capture(data, views=5)
    (data / "depth").mkdir()
    maps = [data / "depth" / path.name for path in sorted((data / "images").iterdir())]
    height, width = cv2.imread(str(data / "images" / maps[0].name)).shape[:2]
    for path in maps:
        assert cv2.imwrite(str(path), np.full((height, width), 4000, np.uint16))
    settings = config(data, tmp_path / "run", GeoTexStrategy(**EARLY, depth="capture"))
    stopped(settings, 7, monkeypatch)
    resumed = dataclasses.replace(settings, resume=True)
    assert cv2.imwrite(str(maps[1]), np.full((height, width), 4001, np.uint16))
    with pytest.raises(SplatError, match=r"depth maps of .* are not those that .* began with"):
        train(resumed)
    assert cv2.imwrite(str(maps[1]), np.full((height, width), 4000, np.uint16))
    train(resumed)
