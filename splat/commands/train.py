"""`splat train`: photos in, a scene and its metrics out."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, is_multirun, user_path
from splat.commands.resume import continued, guessed_folder
from splat.commands.tables import metrics_table
from splat.errors import Interrupted, SplatError
from splat.options import option
from splat.train.folder import check_folder
from splat.train.pace import contradicting_lengths
from splat.train.plan import asked_cap, contradicting_caps
from splat.train.strategies import STRATEGIES
from splat.training import HookedTrainConfig, train

if TYPE_CHECKING:
    from splat.view.live.watch import Watch


@dataclass
class WatchedTrainConfig(HookedTrainConfig):
    """`splat train`: photos in, a scene and its metrics out."""

    view: bool = option(False, "a page in the browser shows the scene growing, with curves, pause and stop")
    view_port: int = option(8080, "of this machine where that page is (0: any that is free)", minimum=0, maximum=65_535)

    def unwatched(self) -> HookedTrainConfig:
        """What is trained: training itself knows of no page."""
        fields = dataclasses.fields(HookedTrainConfig)
        return HookedTrainConfig(**{field.name: getattr(self, field.name) for field in fields})


def run(watched: WatchedTrainConfig) -> None:
    """Train and evaluate; prints the metrics and, as the last line, the run folder."""
    config = watched.unwatched()
    config.data = str(user_path(config.data)) if config.data else ""
    if config.out is not None:
        config.out = str(user_path(config.out))
    config = settled(config)
    if watched.view and is_multirun():
        raise SplatError("view=true watches one training; leave it out with --multirun")
    with watching(watched.view_port) if watched.view else contextlib.nullcontext() as watch:
        train_and_score(config, watch)


def train_and_score(config: HookedTrainConfig, watch: Watch | None) -> None:
    """What the command does, shown by a page where there is one."""
    # everything that can be refused without torch has been: importing it takes seconds
    from splat.evaluate.advice import gap_sentence
    from splat.evaluate.run_evaluation import evaluate_scene

    result = train(config, [] if watch is None else [watch.hook])
    folder = shlex.quote(str(result.folder))
    if watch is not None:
        watch.over("Training is over, and the scene is being scored. To see all of it:", f"splat view {folder}")
    facts = {
        "max_steps": result.max_steps,
        "train_seconds": round(result.train_seconds, 2),
        "steps_per_second": round(result.steps_per_second, 2),
        "backend": result.backend,
        "strategy": result.strategy,
    }
    try:
        metrics = evaluate_scene(result.gaussians, result.capture, result.folder, options=result.render, facts=facts)
    except KeyboardInterrupt as stop:
        raise Interrupted(f"the scene is trained, but not scored; score it with: splat evaluate {folder}") from stop
    if watch is not None:
        watch.over("Training is over, and the scene is scored. To see all of it:", f"splat view {folder}")
    if sentence := gap_sentence(metrics):
        console.warn(sentence)
    console.info(f"pictures and curves: {result.folder / 'report.html'}; a video: splat render {folder} path=orbit")
    print(metrics_table({result.folder.name: metrics}))
    print(result.folder)


@contextlib.contextmanager
def watching(port: int) -> Iterator[Watch]:
    """A page that shows a training; how that ends is said there before the page's port closes.

    Raises:
        SplatError: the port is taken.
    """
    from splat.view.live.watch import Watch

    watch = Watch(port, "view_port")
    try:
        console.info(f"watch it in a browser: {watch.address}")
        yield watch
    except BaseException as problem:
        watch.over(f"Training has ended: {problem}" if isinstance(problem, SplatError) else "Training has ended.")
        raise
    finally:
        watch.close()


def settled(config: HookedTrainConfig) -> HookedTrainConfig:
    """The settings to train with; everything is refused here that shows before the capture is read.

    Raises:
        SplatError: no photos there, a run folder that is taken, or nothing to resume.
    """
    folder = guessed_folder(config)
    if config.resume and folder is not None and (folder / "config.yaml").is_file():
        config = continued(config, folder, given_keys())
    settle_cap(config, given_keys())
    settle_length(config, given_keys())
    if not config.data:
        raise SplatError("which photos? splat train DATA (splat demo copies a capture to try)")
    if not Path(config.data).exists():
        raise SplatError(f"no such capture: {config.data}; give a folder of photos, a capture folder or a video")
    if folder is not None and (config.out or not config.resume):
        check_folder(config, folder)
    return config


def settle_cap(config: HookedTrainConfig, given: set[str]) -> None:
    """Make a `strategy.cap_max` of this command line the cap, whatever a preset says.

    Raises:
        SplatError: when it contradicts a `cap_max` of this command line.
    """
    own = config.strategy.limit
    if "strategy.cap_max" in given and "cap_max" in given and config.cap_max not in (None, own):
        raise contradicting_caps(config.cap_max, own)
    if "strategy.cap_max" in given:
        config.cap_max = own
    asked_cap(config)


def settle_length(config: HookedTrainConfig, given: set[str]) -> None:
    """Let a length that stands on this command line, in steps or seconds, win over one of a preset in the other.

    Raises:
        SplatError: when both stand there.
    """
    if config.max_steps is None or config.max_seconds is None:
        return
    if "max_seconds" in given and "max_steps" not in given:
        config.max_steps = None
    elif "max_steps" in given and "max_seconds" not in given:
        config.max_seconds = None
    else:
        raise contradicting_lengths(config.max_steps, config.max_seconds)


def given_keys() -> set[str]:
    """The keys and groups that stand on this command line."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return set()
    return {override.partition("=")[0].lstrip("+~") for override in HydraConfig.get().overrides.task}


COMMAND = Command(
    name="train",
    summary=SUMMARIES["train"],
    config=WatchedTrainConfig,
    run=run,
    words=("data",),
    schemas={"strategy": STRATEGIES},
    added_groups=("experiment",),
    folder_per_job=True,
    examples=(
        "splat train photos/",
        "splat train data/demo max_steps=3000 name=quick",
        "splat train video.mp4 preset=fast strategy=mcmc",
        "splat train photos/ max_seconds=60",
        "splat train photos/ view=true",
        "splat train data/demo seed=1,2,3 --multirun",
    ),
)
