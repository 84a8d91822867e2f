"""`resume=true`: a run goes on with the settings in its own config.yaml, so that a short command is enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splat.errors import SplatError
from splat.options import changeable, check, flat, put
from splat.run_records import read_config
from splat.train.folder import check_name
from splat.train.strategies import STRATEGIES
from splat.training import HookedTrainConfig

GROUPS = ("preset", "experiment")  # what these set shows in the keys themselves


def continued(config: HookedTrainConfig, folder: Path, given: set[str]) -> HookedTrainConfig:
    """The settings of an interrupted run, with those of the user's own that may change.

    Args:
        config: what the words of this command line make.
        folder: the run folder.
        given: the keys that stand on the command line, so that a default that was typed counts too.

    Raises:
        SplatError: when the run's settings cannot be read, or the user wants another one that decides the result.
    """
    record = read_config(folder)
    try:
        recorded = recorded_settings(record, config)
    except SplatError as problem:
        raise SplatError(f"{folder / 'config.yaml'}: train: {problem}") from problem
    plan = record.get("plan") or {}
    wanted, before, default = flat(config), flat(recorded), flat(HookedTrainConfig())
    asked = {name for name, value in wanted.items() if name in given or name not in default or value != default[name]}
    if ("strategy" in given or type(config.strategy) is not type(HookedTrainConfig().strategy)) and (
        type(config.strategy) is not type(recorded.strategy)
    ):
        raise SplatError(_conflict(folder, "strategy", _strategy_name(config), _strategy_name(recorded)))
    free = changeable(config)
    for name in sorted(asked - set(GROUPS)):
        if name in ("resume", "overwrite") or (name in free and wanted[name] is not None):
            put(recorded, name, wanted[name])
        elif name in before and wanted[name] != before[name]:
            planned = plan.get(name) if before[name] is None else before[name]
            if wanted[name] is not None and wanted[name] != planned:
                raise SplatError(_conflict(folder, name, wanted[name], planned))
    recorded.resume, recorded.out, recorded.name = True, str(folder), config.name
    if not config.data:
        recorded.data = recorded_data(recorded.data, record)
    return recorded


def recorded_settings(record: Mapping[str, Any], config: HookedTrainConfig) -> HookedTrainConfig:
    """The configuration that a run was started with.

    Raises:
        SplatError: when config.yaml holds values that no training can have.
    """
    strategy = STRATEGIES.get(str(record.get("strategy")), type(config.strategy))
    made = HookedTrainConfig(strategy=strategy())
    _fill(made, record.get("train") or {})
    check(made)
    return made


def recorded_data(data: str, record: Mapping[str, Any]) -> str:
    """Where the photos of a run are: as the user called them, or, from another folder, by their full path."""
    if data and not Path(data).exists():
        return str((record.get("capture") or {}).get("data") or data)
    return data


def guessed_folder(config: HookedTrainConfig) -> Path | None:
    """The run folder as far as it shows without reading the capture; None where it does not.

    Raises:
        SplatError: when the name is more than one folder's.
    """
    check_name(config.name)
    if config.out:
        return Path(config.out)
    if not config.data:
        return None
    data = Path(config.data).resolve()
    return Path("runs") / (data.stem if data.is_file() else data.name) / config.name


def _fill(config: Any, values: Mapping[str, Any]) -> None:
    for field in dataclasses.fields(config):
        if field.name not in values:
            continue  # the run is older than the option
        current, value = getattr(config, field.name), values[field.name]
        if dataclasses.is_dataclass(current):
            if isinstance(value, Mapping):
                _fill(current, value)
        else:
            setattr(config, field.name, value)


def _strategy_name(config: HookedTrainConfig) -> str:
    return next((name for name, schema in STRATEGIES.items() if schema is type(config.strategy)), "another one")


def _conflict(folder: Path, name: str, wanted: Any, before: Any) -> str:
    shown = "null" if before is None else before
    return (
        f"{name}={wanted} cannot begin in the middle of a run: {folder} is trained with {name}={shown}; "
        f"leave {name} out, or start another run with name=..."
    )
