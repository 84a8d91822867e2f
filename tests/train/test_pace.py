"""A budget of time: what steps cost, how many fit, and that a training ends in time though the plan was wrong."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from splat.api import train as api_train
from splat.cli import main
from splat.errors import SplatError
from splat.records import Record
from splat.train import estimate, loop
from splat.train.config import TrainConfig
from splat.train.folder import plain_plan
from splat.train.hooks import HookContext, TrainingHook
from splat.train.pace import CHECKS, Pace, next_check, recorded_pace
from splat.train.plan import Machine, Plan, make_plan, plan_for_share, recorded_plan
from splat.train.run import train
from splat.train.strategies import ImprovedStrategy
from tests.train.blobs import write_blob_capture
from tests.train.test_resuming_training import stopped

LEVEL = Pace(seconds=10.0, full=0.02, coarse=0.01, start=1000, cap=1000, coarse_until=0.0)
GROWING = Pace(seconds=60.0, full=0.02, coarse=0.01, start=10_000, cap=20_000, coarse_until=0.5)


def test_steps_that_all_cost_the_same() -> None:
    assert LEVEL.between(0, 500, 500) == pytest.approx(10.0)
    assert LEVEL.between(100, 150, 500) == pytest.approx(1.0)
    half = dataclasses.replace(LEVEL, coarse_until=0.5)
    assert half.between(0, 500, 500) == pytest.approx(250 * 0.01 + 250 * 0.02)
    assert half.between(250, 500, 500) == pytest.approx(250 * 0.02)
    assert LEVEL.planned()[1] == 500 and half.planned()[1] == int(10 / 0.015)


def test_steps_that_grow() -> None:
    """Twice the Gaussians from the half on: 0.35 of a step stays, 0.65 doubles; between, the count grows as a root."""
    late = dataclasses.replace(GROWING, coarse_until=0.0)
    assert late.between(500, 1000, 1000) == pytest.approx(500 * 0.02 * (0.35 + 0.65 * 2))
    mean_count = 1 + 2 / 3  # of 1 + sqrt(t) over 0..1
    assert late.between(0, 500, 1000) == pytest.approx(500 * 0.02 * (0.35 + 0.65 * mean_count), rel=2e-3)


@pytest.mark.parametrize("pace", [LEVEL, GROWING])
def test_the_parts_of_a_training_add_up_and_what_fits_fits(pace: Pace) -> None:
    whole = pace.between(0, 900, 900)
    assert pace.between(0, 333, 900) + pace.between(333, 900, 900) == pytest.approx(whole, rel=5e-3)
    for step, left in ((0, 30.0), (400, 7.0), (0, 0.5)):
        length = pace.fitting(step, left)
        assert pace.between(step, length, length) <= left < pace.between(step, length + 1, length + 1)
    assert pace.fitting(100, -1.0) == 101  # the time is up: one step more, and the end


def simulated(pace: Pace, cost: Callable[[int, int], float]) -> tuple[float, int, Pace]:
    """Seconds and steps of a training whose steps really cost `cost(step, max_steps)`, looked at as `run` does."""
    pace, length = pace.planned()
    step, spent = 0, 0.0
    while step < length:
        check = next_check(step, length)
        spent += sum(cost(number, length) for number in range(step, check))
        step = check
        if step < length:
            pace, length = pace.corrected(step, spent)
    return spent, step, pace


@pytest.mark.parametrize("times", [0.2, 0.5, 0.9, 1.0, 1.3, 2.0, 4.0])
def test_a_machine_of_another_speed_ends_in_time(times: float) -> None:
    def cost(step: int, length: int) -> float:
        return times * GROWING.between(step, step + 1, length)

    spent, steps, _ = simulated(GROWING, cost)
    assert spent == pytest.approx(GROWING.seconds, rel=0.05)
    assert steps == pytest.approx(GROWING.planned()[1] / times, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_other_work_on_the_machine_comes_and_goes(seed: int) -> None:
    """Steps take up to three times as long, in stretches of any length."""
    generator = torch.Generator().manual_seed(seed)
    stretches = [1 + 2 * float(torch.rand((), generator=generator)) for _ in range(1000)]

    def cost(step: int, length: int) -> float:
        return stretches[step // 50] * GROWING.between(step, step + 1, length)

    assert simulated(GROWING, cost)[0] == pytest.approx(GROWING.seconds, rel=0.1)


def test_a_scene_that_does_not_grow_ends_in_time() -> None:
    spent, *_ = simulated(GROWING, lambda step, length: 0.015)
    assert spent == pytest.approx(GROWING.seconds, rel=0.05)


def test_the_length_is_looked_at_until_near_the_end() -> None:
    steps = list(itertools.takewhile(lambda step: step < 1000, _checks(1000)))
    assert steps == [math.ceil(share * 1000) for share in CHECKS]
    assert next_check(999, 1000) == 1000 and next_check(0, 1) == 1


def _checks(length: int) -> Any:
    step = 0
    while True:
        step = next_check(step, length)
        yield step


def test_a_plan_is_read_as_it_was_written() -> None:
    pace = GROWING.planned()[0].corrected(50, 4.0)[0]
    plan = Plan(1.5, pace.lengths[-1][1], 20_000, 10_000, agreed=0.4, pace=pace)
    assert len(pace.lengths) == 2 and recorded_plan(plain_plan(plan), "here") == plan
    old = {"data_factor": 1.0, "max_steps": 5, "cap_max": 5, "seeds": 0}  # of a version without budgets
    assert recorded_plan(old, "here").pace is None


@pytest.mark.parametrize(
    ("name", "value"), [("full", 0.0), ("seconds", "x"), ("lengths", []), ("lengths", [[1]]), ("start", -1)]
)
def test_a_damaged_pace_is_one_line(name: str, value: Any) -> None:
    held = plain_plan(Plan(1.0, 5, 5, 0, pace=GROWING.planned()[0]))["pace"]
    with pytest.raises(SplatError, match=f"plan.*{name if name != 'lengths' else ''}"):
        recorded_pace(Record({**held, name: value}, "config.yaml: plan: pace"))


def test_less_time_means_fewer_gaussians_and_the_users_cap_stays() -> None:
    machine = Machine("cpu", 2, 8e9)
    usual = make_plan(TrainConfig(), machine, 1.0, 500)
    short, coarse = plan_for_share(usual, TrainConfig(), machine, 0.1)
    long, fine = plan_for_share(usual, TrainConfig(), machine, 4.0)
    assert short.cap_max < usual.cap_max < long.cap_max and coarse > 0 == fine
    assert short.seeds == short.cap_max // 2 and long.seeds == long.cap_max // 2
    asked = plan_for_share(usual, TrainConfig(cap_max=usual.cap_max), machine, 0.1)[0]
    assert (asked.cap_max, asked.seeds) == (usual.cap_max, usual.seeds)
    small = Machine("cpu", 2, 5e7)  # its memory limits a long training too
    usual = make_plan(TrainConfig(), small, 1.0, 500)
    assert plan_for_share(usual, TrainConfig(), small, 4.0)[0].cap_max == usual.cap_max


class Clock:
    """Every reading is an eighth of a second after the one before: sums of it are exact."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 0.125
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "time", Clock())
    monkeypatch.setattr(loop, "waited", lambda device: 0.0)
    monkeypatch.setattr(estimate, "time", Clock())


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder)
    return folder


def config(capture: Path, out: Path, seconds: float = 15) -> TrainConfig:
    base = TrainConfig(data=str(capture), out=str(out), max_seconds=seconds, data_factor=1.0, cap_max=400)
    base.strategy = ImprovedStrategy(refine_start_iter=20, refine_every=10)
    base.initial.seeds = 200
    base.schedule.eval_every = 0
    return base


class Lengths(TrainingHook):
    """Remembers what it was told."""

    def __init__(self, context: HookContext) -> None:
        self.told = [context.max_steps]

    def replanned(self, max_steps: int) -> None:
        self.told.append(max_steps)


@pytest.mark.usefixtures("clock")
def test_a_training_ends_in_time_with_its_schedules_done(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates: list[float] = []
    original = loop.means_lr

    def recorded(config: TrainConfig, scale: float, step: int, max_steps: int) -> float:
        rates.append(original(config, scale, step, max_steps))
        return rates[-1]

    monkeypatch.setattr(loop, "means_lr", recorded)
    hooks: list[Lengths] = []
    result = train(config(capture, tmp_path / "run"), [lambda context: hooks.append(Lengths(context)) or hooks[-1]])
    assert result.train_seconds == pytest.approx(15, rel=0.1)
    assert result.max_steps == len(rates) == pytest.approx(120, rel=0.1)  # an eighth a step, whatever trials said
    assert rates[-1] / rates[0] == pytest.approx(0.01, rel=0.1)
    plan = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["plan"]
    assert plan["max_steps"] == result.max_steps == plan["pace"]["lengths"][-1][1]
    said = f"max_seconds=15 was time for {result.max_steps} steps; the same in steps: max_steps={result.max_steps} "
    assert said + "cap_max=400 initial.seeds=200" in capsys.readouterr().err
    (hook,) = hooks
    assert hook.told == [length for _, length in plan["pace"]["lengths"]] and len(hook.told) > 2


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("step", [20, 70])
def test_resuming_changes_nothing(capture: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the same readings of the clock: what a look finds is part of the checkpoint."""
    whole = train(config(capture, tmp_path / "whole"))
    settings = config(capture, tmp_path / "run")
    stopped(settings, step, monkeypatch)
    parts = train(dataclasses.replace(settings, resume=True))
    for name, value in whole.gaussians.as_dict().items():
        assert torch.equal(value, parts.gaussians.as_dict()[name]), name
    plans = [yaml.safe_load((result.folder / "config.yaml").read_text())["plan"] for result in (whole, parts)]
    assert plans[0] == plans[1]


def test_a_length_in_steps_and_one_in_seconds(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = dataclasses.replace(config(capture, tmp_path / "run"), max_steps=5)
    with pytest.raises(SplatError, match=r"max_steps=5 and max_seconds=15 contradict each other"):
        train(both)
    words = ["train", str(tmp_path / "none"), "max_seconds=2"]
    assert main([*words, "max_steps=5"]) == 2
    assert "max_steps=5 and max_seconds=2 contradict" in capsys.readouterr().err
    assert main([*words, "preset=fast"]) == 2  # a preset's steps give way
    assert "contradict" not in capsys.readouterr().err


@pytest.mark.usefixtures("clock")
def test_in_the_library_a_presets_steps_give_way_too(capture: Path, tmp_path: Path) -> None:
    options = {"initial.seeds": 200, "cap_max": 300}
    run = api_train(capture, out=tmp_path / "run", preset="fast", max_seconds=4, data_factor=1.0, options=options)
    assert run.config["plan"]["max_steps"] == pytest.approx(32, abs=5)
