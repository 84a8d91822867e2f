"""The warning before a training that takes very long."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from splat.commands.app import conf_folder
from splat.train.plan import FAST_STEPS, LONG_SECONDS, Plan, too_long


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
