"""What a training keeps to be resumed: settings, plan and state, and whether the settings are still those."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat.errors import SplatError
from splat.options import changeable
from splat.train.checkpoint import checkpoint_path, latest_checkpoint, load_checkpoint, reading, save_checkpoint
from splat.train.config import TrainConfig
from splat.train.hooks import TrainingHook, hook_states, restore_hooks
from splat.train.plan import Plan, recorded_plan
from splat.train.state import TrainState, restored_state, state_record
from splat.train.strategies.base import Strategy
from splat.train.views import TrainingViews

KEEP_CHECKPOINTS = 2


def save_state(
    folder: Path, state: TrainState, config: TrainConfig, plan: Plan, hooks: Sequence[TrainingHook] = ()
) -> None:
    """Write a checkpoint; older ones are removed once the new one stands."""
    held = {**state_record(state), "hooks": hook_states(hooks)}
    record = {"config": settings(config), "plan": dataclasses.asdict(plan), "state": held}
    save_checkpoint(checkpoint_path(folder / "checkpoints", state.step), record)
    for old in sorted((folder / "checkpoints").glob("step_*.safetensors"))[:-KEEP_CHECKPOINTS]:
        old.unlink()


@dataclass(frozen=True)
class SavedTraining:
    """A checkpoint that was read."""

    path: Path
    record: dict[str, Any]

    def plan(self) -> Plan:
        """What the training began with.

        Raises:
            SplatError: the checkpoint is damaged.
        """
        with reading(self.path):
            return recorded_plan(self.record["plan"], str(self.path))

    def state(
        self,
        config: TrainConfig,
        strategy: Strategy,
        scene_scale: float,
        views: TrainingViews,
        hooks: Sequence[TrainingHook] = (),
    ) -> TrainState:
        """The state, exactly as it was; hooks go on from theirs too.

        Args:
            config: of the training.
            strategy: fitted to the plan.
            scene_scale: radius of the scene in the training frame.
            views: training views.
            hooks: as the training had them.

        Raises:
            SplatError: the checkpoint is damaged.
        """
        with reading(self.path):
            held = self.record["state"]
            state = restored_state(held, config, strategy, scene_scale, views.device, len(views))
            restore_hooks(hooks, held)
        return state


def saved_training(folder: Path, config: TrainConfig) -> SavedTraining:
    """The last checkpoint of a run that was started with the same settings.

    Raises:
        SplatError: there is none, it is damaged, or the run was started with other settings.
    """
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if checkpoint is None:
        raise SplatError(f"{folder} has no checkpoint to resume from; start again with overwrite=true")
    record = load_checkpoint(checkpoint)
    with reading(checkpoint):
        before = flat(record["config"])
    now = flat(settings(config))
    different = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    if different:
        key = different[0]
        raise SplatError(
            f"{folder} was trained with {key}={before.get(key)}, not {now.get(key)}; resume needs the same settings"
        )
    return SavedTraining(checkpoint, record)


def settings(config: TrainConfig) -> dict[str, Any]:
    """What decides the result: everything but where it goes, how fast, and whether it is resumed."""
    record = dataclasses.asdict(config)
    for name in changeable(config):
        *path, leaf = name.split(".")
        owner = record
        for part in path:
            owner = owner[part]
        del owner[leaf]
    record["strategy"]["kind"] = type(config.strategy).__name__
    return json.loads(json.dumps(record))


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return found
