"""The values that options may have: every declared bound holds, for the command line and for library callers."""

from __future__ import annotations

import copy
import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splat.cli import load, main
from splat.commands import SUMMARIES
from splat.commands.keys import Key, keys_of
from splat.errors import SplatError
from splat.options import Range, check, option
from splat.train.config import TrainConfig
from splat.train.strategies import STRATEGIES

UNBOUNDED = {"degrees"}  # an orbit may turn either way, and more than once


def numeric_options() -> list[tuple[type, str, Key]]:
    """Every number that any command or strategy takes, with the dataclass that has it."""
    found = []
    for name in SUMMARIES:
        command = load(name)
        found += [(command.config, "", key) for key in keys_of(command.config)]
        for group, options in command.schemas.items():
            found += [(schema, f"{group}={name}: ", key) for name, schema in options.items() for key in keys_of(schema)]
    return [(config, label, key) for config, label, key in found if key.kind in (int, float)]


OPTIONS = numeric_options()


def with_value(config: type, name: str, value: Any) -> Any:
    """A default configuration with one value set."""
    made = owner = config()
    *path, leaf = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, leaf, value)
    return made


def outside(key: Key) -> list[float]:
    """The nearest values that are not allowed, and those that never are."""
    step = 1 if key.kind is int else 1e-6
    allowed = key.range
    found: list[float] = [] if key.kind is int else [math.nan, math.inf, -math.inf]
    found += [allowed.minimum - step] if allowed.minimum is not None else []
    found += [allowed.maximum + step] if allowed.maximum is not None else []
    found += [bound for bound in (allowed.above, allowed.below) if bound is not None]
    return [value for value in found if allowed.also is None or value != allowed.also]


@pytest.mark.parametrize(("config", "key"), [pytest.param(c, k, id=f"{label}{k.name}") for c, label, k in OPTIONS])
def test_every_number_has_a_range_that_holds(config: type, key: Key) -> None:
    check(config())
    assert str(key.range) or key.name in UNBOUNDED, f"{key.name} has no range"
    for value in outside(key):
        with pytest.raises(SplatError) as caught:
            check(with_value(config, key.name, value))
        assert str(caught.value).startswith(f"{key.name}={value}: must be ")
        assert str(key.range) in str(caught.value)
    for bound in (key.range.minimum, key.range.maximum, key.range.also):
        if bound is not None:
            check(with_value(config, key.name, bound))


def test_there_are_options_to_check() -> None:
    names = {label + key.name for _, label, key in OPTIONS}
    assert {"max_steps", "loss.ssim_lambda", "optim.means", "fps", "strategy=mcmc: noise_lr"} <= names


@pytest.mark.parametrize(
    ("bounds", "words", "good", "bad"),
    [
        (Range(minimum=1), "at least 1", [1, 10**9], [0, -5, math.inf, math.nan]),
        (Range(minimum=0, maximum=3), "0 to 3", [0, 3], [-1, 4]),
        (Range(above=0, below=1), "above 0 and below 1", [1e-9, 0.5], [0, 1, -0.1]),
        (Range(above=0, maximum=1), "above 0 and at most 1", [1], [0, 1.01]),
        (Range(minimum=2, also=0), "0 or at least 2", [0, 2, 8], [1, -1]),
        (Range(), "", [-1e300], [math.nan, math.inf, -math.inf]),
    ],
)
def test_ranges_in_words_and_numbers(bounds: Range, words: str, good: list[float], bad: list[float]) -> None:
    assert str(bounds) == words
    assert [value for value in good + bad if bounds.allows(value)] == good
    assert not bounds.allows(10**400)  # more than a float can hold


@dataclass
class Inner:
    rate: float | None = option(None, "a rate", above=0)


@dataclass
class Outer:
    count: int = option(1, "a count", minimum=1)
    word: str = option("a", "a word", choices=("a", "b"))
    flag: bool = option(False, "a flag")
    inner: Inner = option(Inner, "nested")
    place: list[float] | None = option(None, "a place")
    hidden: Any = field(default=None)  # no option: the owner's business


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": "5"}, "count=5: must be a whole number"),
        ({"count": 2.5}, "count=2.5: must be a whole number"),
        ({"count": True}, "count=True: must be a whole number"),
        ({"count": None}, "count=None: must be a whole number"),
        ({"flag": 1}, "flag=1: must be true or false"),
        ({"place": [1.0, "x"]}, "place=[1.0, 'x']: must be a list, each of it a number"),
        ({"place": [1.0, math.inf]}, "place=[1.0, inf]: must be a list, each of it a number"),
        ({"word": "bb"}, "word=bb: there is no such choice; did you mean b? (a, b)"),
        ({"inner": Inner(rate=0)}, "inner.rate=0: must be above 0"),
        ({"inner": Inner(rate="fast")}, "inner.rate=fast: must be a number or null"),  # type: ignore[arg-type]
    ],
)
def test_wrong_kinds_of_values(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SplatError, match="^" + re.escape(message) + "$"):
        check(dataclasses.replace(Outer(), **changes))


def test_numbers_of_numpy_and_paths_are_fine() -> None:
    check(Outer(count=np.int64(3), inner=Inner(rate=np.float32(0.5)), hidden=object()))  # type: ignore[arg-type]
    check(TrainConfig(data=Path("photos"), max_steps=np.int32(5)))  # type: ignore[arg-type]


def test_a_strategys_own_options_are_checked_in_a_training() -> None:
    config = TrainConfig(strategy=STRATEGIES["mcmc"]())
    check(config)
    wrong = copy.deepcopy(config)
    wrong.strategy.refine_every = 0  # type: ignore[attr-defined]
    with pytest.raises(SplatError, match=r"^strategy\.refine_every=0: must be at least 1$"):
        check(wrong)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "photos", "max_steps=-5"], "max_steps=-5: must be at least 1"),
        (["train", "photos", "cap_max=0"], "cap_max=0: must be at least 1"),
        (["train", "photos", "optim.means=-1"], "optim.means=-1.0: must be at least 0"),
        (["train", "photos", "optim.means=nan"], "optim.means=nan: must be at least 0"),
        (["train", "photos", "loss.ssim_lambda=1.5"], "loss.ssim_lambda=1.5: must be 0 to 1"),
        (["train", "photos", "initial.opacity=1"], "initial.opacity=1.0: must be above 0 and below 1"),
        (["train", "photos", "schedule.sh_degree=4"], "schedule.sh_degree=4: must be 0 to 3"),
        (["train", "photos", "test_every=1"], "test_every=1: must be 0 or at least 2"),
        (["train", "photos", "data_factor=0"], "data_factor=0.0: must be at least 1"),
        (["train", "photos", "render.far_plane=inf"], "render.far_plane=inf: must be above 0"),
        (
            ["train", "photos", "strategy=mcmc", "strategy.grow_factor=0.5"],
            "strategy.grow_factor=0.5: must be at least 1",
        ),
        (["evaluate", "run", "train_views=-1"], "train_views=-1: must be at least 0"),
        (["render", "run", "frames=0"], "frames=0: must be at least 1"),
    ],
)
def test_nonsense_on_the_command_line_leaves_nothing_behind(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {message}\n" and captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_library_callers_get_the_same_check(tmp_path: Path) -> None:
    from splat.training import train

    with pytest.raises(SplatError, match=r"^max_steps=0: must be at least 1$"):
        train(TrainConfig(data="nowhere", out=str(tmp_path / "run"), max_steps=0))
    assert list(tmp_path.iterdir()) == []


def test_help_shows_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "opacity of a new Gaussian (gsplat: init_opa); above 0 and below 1" in words
    assert "a capture's own split wins; 0 or at least 2" in words
