"""The warning before a training that takes very long."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from splat.capture import images
from splat.capture.lens import Lens
from splat.cli import main
from splat.commands.conf import conf_folder
from splat.errors import SplatError
from splat.train.config import TrainConfig
from splat.train.plan import (
    FAST_STEPS,
    LEAST_VISITS,
    LONG_SECONDS,
    Machine,
    Plan,
    few_visits,
    make_plan,
    plan_factor,
    too_long,
)
from splat.train.state import fitted_strategy
from splat.train.strategies import MCMCStrategy


def plan(max_steps: int = 30_000, data_factor: float = 1.0) -> Plan:
    return Plan(data_factor=data_factor, max_steps=max_steps, cap_max=100_000, seeds=0)


def test_no_word_under_two_hours() -> None:
    assert too_long(LONG_SECONDS, plan()) is None


def test_what_it_names_brings_the_time_under_two_hours() -> None:
    seconds = 10 * 3600.0
    said = too_long(seconds, plan(data_factor=1.5))
    assert said is not None and said.startswith("this will take about 10:00:00; ")
    assert "preset=fast (about 20:00 or less)" in said
    steps, factor = re.search(r"max_steps=(\d+)", said), re.search(r"data_factor=([\d.]+)", said)
    assert steps and factor
    assert 1800 < seconds * int(steps[1]) / 30_000 <= 3600
    assert 1800 < seconds * (1.5 / float(factor[1])) ** 2 <= 3600


def test_steps_that_would_not_help_are_not_named() -> None:
    said = too_long(100 * 3600.0, plan(max_steps=1000))
    assert said is not None and "preset" not in said and "max_steps" not in said and "data_factor=10" in said


def test_fast_is_what_the_preset_says() -> None:
    preset = yaml.safe_load(Path(conf_folder() / "preset" / "fast.yaml").read_text())
    assert preset["max_steps"] == FAST_STEPS


@pytest.mark.parametrize(("width", "height", "factor"), [(3200, 1000, 2.0), (1200, 3000, 1.0), (1600, 1600, 1.0)])
def test_on_a_gpu_photos_are_at_most_1600_pixels_wide(width: int, height: int, factor: float) -> None:
    """As in 3DGS, which does not look at the height."""
    assert plan_factor(TrainConfig(), Machine("cuda", 16, 8e9), width, height) == factor


def test_the_preset_of_the_paper_trains_over_black() -> None:
    preset = yaml.safe_load(Path(conf_folder() / "preset" / "paper.yaml").read_text())
    assert preset["loss"] == {"background": "black"} and preset["schedule"] == {"sh_degree_interval": 1000}


def test_the_scene_fits_into_half_of_the_free_memory() -> None:
    """A Gaussian has 59 numbers of four bytes, each with a gradient and two moments; room for four such copies."""
    free = 2 * 10_000 * 4 * (59 * 4 * 4)
    for device in ("cpu", "cuda"):
        assert make_plan(TrainConfig(), Machine(device, 4, free), 1.0, 500).cap_max == 10_000
    assert make_plan(TrainConfig(), Machine("cpu", 4, 1e12), 1.0, 500).cap_max == 80_000
    assert make_plan(TrainConfig(cap_max=20_000), Machine("cpu", 4, free), 1.0, 500).cap_max == 20_000  # as asked for


def test_captures_of_a_usual_number_of_photos_have_the_usual_plan() -> None:
    for photos in (None, 20, 25, 43, 63, 100, 166):
        found = make_plan(TrainConfig(), Machine("cpu", 2, 8e9), 1.0, 500, photos)
        assert (found.max_steps, found.cap_max, found.seeds) == (5_000, 40_000, 20_000)


def test_many_photos_are_visited_often_enough() -> None:
    """264 photos of which every 8th is held out: 21.6 visits in the usual 5,000 steps, 30 in 6,930."""
    found = make_plan(TrainConfig(), Machine("cpu", 2, 8e9), 1.0, 500, 231)
    assert found.max_steps == 231 * LEAST_VISITS == 6_930
    assert found.cap_max == 47_000 and found.seeds == 23_500  # times sqrt(6930 / 5000)
    most = make_plan(TrainConfig(), Machine("cpu", 2, 8e9), 1.0, 500, 100_000)
    assert most.max_steps == 15_000 and most.cap_max == 69_000
    asked = make_plan(TrainConfig(max_steps=1000, cap_max=9000), Machine("cpu", 2, 8e9), 1.0, 500, 231)
    assert (asked.max_steps, asked.cap_max) == (1000, 9000)
    assert make_plan(TrainConfig(), Machine("cuda", 16, 80e9), 1.0, 500, 231).max_steps == 30_000


def test_few_photos_have_a_short_plan() -> None:
    six, three = (make_plan(TrainConfig(), Machine("cpu", 2, 8e9), 1.0, 500, photos) for photos in (6, 3))
    assert (six.max_steps, six.cap_max, six.seeds) == (1_500, 40_000, 20_000)
    assert (three.max_steps, three.cap_max) == (1_000, 40_000)


def test_too_few_visits_are_said_with_what_would_be_enough() -> None:
    said = few_visits(1_000, 264)
    assert said is not None and said.startswith("1,000 steps come to each of the 264 training photos 3.8 times only")
    assert "max_steps=7920 is 30 times each" in said
    assert few_visits(1_000, 125) is None


def test_a_cap_given_to_the_strategy_alone_is_the_cap() -> None:
    machine = Machine("cpu", 2, 8e9)
    config = TrainConfig(strategy=MCMCStrategy(cap_max=10))
    found = make_plan(config, machine, 1.0, 500)
    assert found.cap_max == 10 and found.seeds == 10
    assert fitted_strategy(config.strategy, found).limit == 10
    assert make_plan(TrainConfig(cap_max=10, strategy=MCMCStrategy(cap_max=10)), machine, 1.0, 500).cap_max == 10
    with pytest.raises(SplatError, match=r"cap_max=20 and strategy\.cap_max=10 contradict each other"):
        make_plan(TrainConfig(cap_max=20, strategy=MCMCStrategy(cap_max=10)), machine, 1.0, 500)


def test_two_caps_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(tmp_path), "cap_max=20", "strategy.cap_max=1000000"]) == 2
    assert "cap_max=20 and strategy.cap_max=1000000 contradict" in capsys.readouterr().err
    assert main(["train", str(tmp_path), "preset=fast", "strategy.cap_max=10"]) == 2  # a preset's cap gives way
    assert "contradict" not in capsys.readouterr().err


@pytest.mark.parametrize("distorted", [False, True])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_memory_for_reading_a_photo_is_that_promised(factor: int, distorted: bool, tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.jpg"), photo)
    lens = Lens("OPENCV", (1000.0, 1000.0, 600.0, 450.0, 0.05, 0.0, 0.0, 0.0), 1200, 900) if distorted else None
    read = images.PhotoPlan(tmp_path / "a.jpg", 1, lens, 1200 // factor, 900 // factor)
    images._kept_maps.clear()
    tracemalloc.start()
    result = images.load_photo(read).nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.02 * (images.reading_bytes(read) + result) <= 1.3 * peak
