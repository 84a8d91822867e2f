"""The files of `conf/` as a configuration of training, without Hydra: what a notebook gets for `strategy="mcmc"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from splat.errors import SplatError
from splat.options import flat, nearest, put, wrong_choice
from splat.shipped import conf_folder
from splat.train.strategies import STRATEGIES
from splat.training import HookedTrainConfig

STRATEGY, APPEARANCE, POSES = "auto", "none", "auto"  # as in conf/train.yaml


def training_config(
    preset: str = "auto",
    strategy: str | None = None,
    weather: str = "none",
    appearance: str | None = None,
    poses: str | None = None,
    transients: str = "none",
) -> HookedTrainConfig:
    """What `splat train preset=... strategy=... weather=... appearance=... poses=... transients=...` trains with.

    Args:
        preset: a file of conf/preset.
        strategy: a file of conf/strategy; None for the preset's, which is usually `auto`.
        weather: a file of conf/weather.
        appearance: a file of conf/appearance; None for the preset's, which is usually `none`.
        poses: a file of conf/poses; None for the preset's, which is usually `auto`.
        transients: a file of conf/transients.

    Raises:
        SplatError: a name that there is not.
    """
    chosen = _file("preset", preset)
    overridden = {group: name for entry in chosen.get("defaults", []) for group, name in entry.items()}
    strategy = strategy or overridden.get("override /strategy", STRATEGY)
    appearance = appearance or overridden.get("override /appearance", APPEARANCE)
    poses = poses or overridden.get("override /poses", POSES)
    groups = {"strategy": strategy, "weather": weather, "appearance": appearance, "poses": poses}
    groups["transients"] = transients
    settings = [*(_file(group, name) for group, name in groups.items()), chosen]
    config = HookedTrainConfig(strategy=STRATEGIES[strategy]())
    for content in settings:
        for name, value in _dotted(content).items():
            put(config, name, value)
    return config


def with_options(config: Any, options: Mapping[str, Any]) -> Any:
    """The configuration, changed in place, with these values by names with dots.

    Raises:
        SplatError: a name that it has not; names the nearest one.
    """
    known = flat(config)
    for name, value in options.items():
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else ""
            raise SplatError(f"there is no option {name}{hint}")
        put(config, name, value)
    return config


def _file(group: str, name: str) -> dict[str, Any]:
    folder = conf_folder() / group
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise SplatError(wrong_choice(group, name, names))
    content: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def _dotted(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by their names with dots; the list of defaults is none of them."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= _dotted(value, f"{prefix}{name}.")
        elif f"{prefix}{name}" != "defaults":
            found[prefix + name] = value
    return found
