"""Training with all that a configuration asks for: the one place that knows which hooks there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from splat.appearance.config import AppearanceOptions
from splat.console import info
from splat.lazy import lazy
from splat.options import option
from splat.poses.config import PosesOptions
from splat.train.config import TrainConfig
from splat.transients.config import TransientsOptions
from splat.weather.training.config import WeatherOptions

if TYPE_CHECKING:
    from splat import depth_pull
    from splat import run as runs
    from splat.alignment import align
    from splat.appearance import hook as appearance
    from splat.poses import hook as poses
    from splat.train import run
    from splat.train.hooks import HookMaker
    from splat.train.run import TrainResult
    from splat.transients import hook as transients
    from splat.weather.training import hook
else:
    run, depth_pull, hook, appearance, poses = (
        lazy(f"splat.{name}")
        for name in ("train.run", "depth_pull", "weather.training.hook", "appearance.hook", "poses.hook")
    )
    transients, align, runs = (lazy(f"splat.{name}") for name in ("transients.hook", "alignment.align", "run"))


@dataclass
class HookedTrainConfig(TrainConfig):
    """`splat train`: photos in, a scene and its metrics out."""

    weather: WeatherOptions = option(WeatherOptions, "rain, snow, drops on the lens and fog, left out of the scene")
    transients: TransientsOptions = option(TransientsOptions, "people and things that pass, left out of the scene")
    appearance: AppearanceOptions = option(AppearanceOptions, "exposure and colours that differ from photo to photo")
    poses: PosesOptions = option(PosesOptions, "cameras that are a little wrong, refined with the scene")


def train(config: TrainConfig, more: Sequence[HookMaker] = ()) -> TrainResult:
    """Train a scene and write its run folder, as `splat.train.run.train` does, with the hooks that are asked for.

    Photos with GPS also give the frame of the scene, RUN/frame.json.

    Args:
        config: what is asked for.
        more: hooks that no configuration asks for, called after the others.

    Raises:
        SplatError: for anything the user can fix.
        Interrupted: after Ctrl-C, with a checkpoint written.
    """
    result = run.train(config, [*hooks_of(config), *more])
    align.place_by_gps(runs.open_run(result.folder))
    return result


def hooks_of(config: TrainConfig) -> list[HookMaker]:
    """Makers of the hooks that a configuration asks for, in the order in which a step calls them."""
    makers: list[HookMaker] = []
    if isinstance(config, HookedTrainConfig) and config.poses.mode != "none":
        makers.append(partial(poses.PosesHook, options=config.poses))  # first: what follows sees its cameras
    if (pull := depth_pull.asked_pull(config)) is not None:
        makers.append(partial(depth_pull.DepthPullHook, rules=pull))
    if isinstance(config, HookedTrainConfig) and config.weather.any:
        makers.append(partial(hook.WeatherHook, options=config.weather))
    if isinstance(config, HookedTrainConfig) and config.appearance.kind != "none":
        if config.appearance.kind == "auto" and config.weather.any:
            info("appearance: left alone, because weather changes photos too; appearance=affine learns it all the same")
        else:
            makers.append(partial(appearance.AppearanceHook, options=config.appearance))
    if isinstance(config, HookedTrainConfig) and config.transients.any:
        makers.append(partial(transients.TransientsHook, options=config.transients))
    return makers
