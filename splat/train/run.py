"""One training from start to end: load, plan, start or resume, run, finish."""

from __future__ import annotations

import dataclasses
import random
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat.capture.coverage import measured_coverage
from splat.capture.examine.examination import examine
from splat.capture.inventory import inventory
from splat.capture.ply import write_ply_points
from splat.capture.types import Capture, Split
from splat.console import count, has_warned, info, recorded_warnings, warn
from splat.errors import Interrupted, SplatError
from splat.formats import Notes, write_scene
from splat.gaussians import Gaussians
from splat.memory import give_back
from splat.options import check
from splat.render import select_backend
from splat.render.backends import Backend
from splat.render.config import RenderOptions
from splat.run import POINTS, resume_command, write_cameras
from splat.run_records import TrainingRecord, read_training
from splat.train.budget import planned
from splat.train.coarse import CoarseViews
from splat.train.config import TrainConfig
from splat.train.estimate import announce
from splat.train.folder import record_plan, run_folder, write_config
from splat.train.hooks import HookContext, HookMaker, Reins, TrainingHook, made_hooks
from splat.train.initial import Beginning, beginning, first_gaussians, scene_scale
from splat.train.journal import Training, journal
from splat.train.kept import RunFiles
from splat.train.loop import run_steps
from splat.train.normalize import Normalization
from splat.train.pace import contradicting_lengths, next_check
from splat.train.plan import Machine, Plan, asked_cap, occupied_bytes
from splat.train.resuming import saved_training
from splat.train.source import starting_points, training_capture
from splat.train.state import fitted_strategy, new_state
from splat.train.strategies import STRATEGIES, AutoStrategy
from splat.train.strategies.base import CaptureFacts, Strategy
from splat.train.strategies.context import StrategyContext
from splat.train.views import TrainingViews


@dataclass(frozen=True)
class TrainResult:
    """A finished training."""

    folder: Path
    gaussians: Gaussians  # in the capture's frame
    capture: Capture
    max_steps: int
    train_seconds: float
    backend: str
    render: RenderOptions  # how the scene was drawn, planes in the capture's units
    strategy: str | None = None  # that was trained with, a key of STRATEGIES; None for one of another library

    @property
    def steps_per_second(self) -> float:
        """Steps a second over all sessions, without loading and writing."""
        return self.max_steps / max(self.train_seconds, 1e-9)


@dataclass(frozen=True)
class Loaded:
    """What a training works on and with."""

    config: TrainConfig
    capture: Capture
    arguments: dict[str, Any]  # of `load_capture`, that gave the capture
    machine: Machine
    backend: Backend
    normalization: Normalization
    device: torch.device

    def views(self, split: Split) -> TrainingViews:
        """The views of one side of the split, in the training frame."""
        return TrainingViews(self.capture, self.capture.indices(split), self.normalization, self.device)


def train(config: TrainConfig, hooks: Sequence[HookMaker] = ()) -> TrainResult:
    """Train a scene and write its run folder (scene.ply, cameras.json, config.yaml, metrics.csv, checkpoints).

    Args:
        config: what is asked for.
        hooks: what else happens in training; `splat.training.train` adds those that a configuration asks for.

    Raises:
        SplatError: for anything the user can fix.
        Interrupted: after Ctrl-C, with a checkpoint written.
    """
    check_config(config)
    with recorded_warnings() as warnings:
        started = time.perf_counter()
        loaded = load(config)
        seconds = {"load": time.perf_counter() - started}
        with run_folder(config, loaded.capture.name) as folder:
            describe(loaded)
            seed_everything(config.seed)
            training = begin(loaded, folder, hooks)
            if training.state.step == 0:
                write_beginning(folder, loaded, training)
            before = read_training(folder) if config.resume else TrainingRecord()
            files = RunFiles(folder)
            give_back()
            try:
                run(training, files)
            except Interrupted:
                seconds["train"] = training.state.seconds
                record_training(files.path, loaded, warnings, seconds, before)
                raise
            ended = time.perf_counter()
            result = finish(training, loaded, files.path)
            del training  # not needed beside what writing takes
            give_back()
            notes = Notes(config.render.antialiased, loaded.capture.origin)
            write_scene(result.folder / "scene.ply", result.gaussians, notes=notes)
            seconds |= {"train": result.train_seconds, "write": time.perf_counter() - ended}
            record_training(result.folder, loaded, warnings, seconds, before)
    return result


def record_training(
    folder: Path, loaded: Loaded, warnings: list[str], seconds: dict[str, float], before: TrainingRecord
) -> None:
    """Write RUN/training.json: what was said, for the report, and how long the stages took.

    Args:
        before: of the sessions before this one.
    """
    notes = tuple(note for note in loaded.capture.notes if not any(said.startswith(note) for said in warnings))
    TrainingRecord(tuple(warnings), notes, seconds).after(before).write(folder)


def check_config(config: TrainConfig) -> None:
    """Refuse what cannot be trained, before anything is read.

    Raises:
        SplatError: a value outside its range, or values that contradict each other.
    """
    check(config)
    asked_cap(config)
    near, far = config.render.near_plane, config.render.far_plane
    if config.max_steps is not None and config.max_seconds is not None:
        raise contradicting_lengths(config.max_steps, config.max_seconds)
    if near >= far:
        raise SplatError(f"render.near_plane={near:g}: must be smaller than render.far_plane={far:g}")


def load(config: TrainConfig) -> Loaded:
    """The capture, at a resolution that suits the machine, and the renderer."""
    backend = select_backend(config.render.backend)
    machine = Machine.here(backend.name)
    capture, arguments = training_capture(config, machine)
    normalization = Normalization.from_cameras(capture.cameras("train"))
    return Loaded(config, capture, arguments, machine, backend, normalization, backend.device)


def describe(loaded: Loaded) -> None:
    """Say what was read and what renders it."""
    capture = loaded.capture
    train, test = len(capture.indices("train")), len(capture.indices("test"))
    sides = f"{count(train, 'training view')} and {count(test, 'test view')}"
    info(f"{capture.name}: {capture.kind}, {sides}; {inventory(capture)}")
    for note in capture.notes:
        if not has_warned(note):
            info(note)
    say_coverage(loaded)
    say_suspicions(capture)
    info(f"renderer: {loaded.backend.name} ({loaded.backend.reason})")


def say_coverage(loaded: Loaded) -> None:
    """Say from how many directions the photos show the scene, and, where these are few, from where more would help."""
    known = loaded.capture.points
    xyz = None if known is None or known.origin == "random" else known.xyz
    found = measured_coverage(loaded.capture.cameras("train"), xyz)
    info(f"coverage: {found.in_words()}")
    for sentence in found.advice():
        warn(sentence)


def say_suspicions(capture: Capture) -> None:
    """Warn in one line of cameras that can hardly be right, with their photos' names."""
    found = examine(capture).in_words()
    if found is not None:
        place = shlex.quote(str(capture.root))
        warn(f"cameras may be wrong: {found}; splat info {place} picture=cameras.png shows them")


def seed_everything(seed: int) -> None:
    """Seed the generators that libraries use behind our back; our own choices use generators of their own."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def begin(loaded: Loaded, folder: Path, makers: Sequence[HookMaker]) -> Training:
    """The training before its first step, or, if it is to be resumed, as its last checkpoint left it."""
    config, views, base = loaded.config, loaded.views("train"), occupied_bytes()
    saved = saved_training(folder, config) if config.resume else None
    scale = scene_scale(views.cameras)
    if saved is not None:
        plan = saved.plan()
        strategy, hooks = equipped(loaded, views, plan, makers)
        state = saved.state(config, strategy, scale, views, hooks)
        info(f"resuming at step {state.step:,} of {plan.max_steps:,}")
    else:
        found = beginning(config, loaded.normalization, views, starting_points(loaded.capture, config))
        plan = replace(planned(config, loaded.machine, views, found), agreed=found.agreed)
        gaussians = first_gaussians(config, views, plan.seeds, found)
        strategy, hooks = equipped(loaded, views, plan, makers)
        state = new_state(gaussians, config, strategy, scale, views.device)
        say_beginning(config, found, gaussians, plan, strategy)
        announce(state, views, config, plan, base)
    return Training(config, plan, state, views, loaded.views("test"), hooks, list(loaded.capture.background()))


def say_beginning(config: TrainConfig, found: Beginning, gaussians: Gaussians, plan: Plan, strategy: Strategy) -> None:
    """Say what the first Gaussians stand on, and which strategy that led to."""
    points = found.points
    begin = f"{count(len(gaussians), 'Gaussian')} to begin with"
    if found.seeds.maps:
        begin += f" on depth maps of {count(found.seeds.maps, 'view')}"
    if plan.agreed is not None:
        begin += f"; photos agree on the depth of {plan.agreed:.0%} of what they show"
    if isinstance(config.strategy, AutoStrategy):
        names = {schema: name for name, schema in STRATEGIES.items()}
        begin += f": strategy={names[type(strategy)]}"
    info(f"points: {len(points.xyz):,} ({points.origin}); {begin}")


def equipped(
    loaded: Loaded, views: TrainingViews, plan: Plan, makers: Sequence[HookMaker]
) -> tuple[Strategy, list[TrainingHook]]:
    """The strategy, fitted to the plan and what the hooks allow, and the hooks; both have what they may look at."""
    config, known = loaded.config, loaded.capture.points
    xyz = np.zeros((0, 3)) if known is None or known.origin == "random" else known.xyz
    points = loaded.normalization.points(torch.from_numpy(xyz)).float().to(views.device)
    scene = StrategyContext(views, points, config.render)
    first = plan.max_steps if plan.pace is None else plan.pace.lengths[0][1]
    hooks = made_hooks(makers, HookContext(scene, first, config.seed))
    if plan.max_steps != first:  # as the hooks of a training that goes on were told
        for hook in hooks:
            hook.replanned(plan.max_steps)
    return strategy_for(config, plan, hooks, scene), hooks


def strategy_for(config: TrainConfig, plan: Plan, hooks: Sequence[TrainingHook], scene: StrategyContext) -> Strategy:
    """The strategy with its schedule fitted to the plan, as far as the hooks allow."""
    facts = CaptureFacts(plan.agreed, scene.views.capture.transparent("train"))
    wanted = config.strategy.chosen(facts) if isinstance(config.strategy, Strategy) else config.strategy
    start = round(max((hook.densify_from for hook in hooks), default=0.0) * plan.max_steps)
    resets = all(hook.resets_opacities for hook in hooks)
    strategy = fitted_strategy(wanted, plan, resets, start)
    strategy.attach(scene)
    return strategy


def write_beginning(folder: Path, loaded: Loaded, training: Training) -> None:
    """What a run folder holds from the first step on."""
    config, capture = loaded.config, loaded.capture
    write_config(folder, config, training.plan, capture, loaded.arguments, training.background, loaded.backend.name)
    write_cameras(folder / "cameras.json", capture)
    if capture.points is not None:
        write_ply_points(folder / POINTS, capture.points)


def run(training: Training, files: RunFiles) -> None:
    """Train until the plan's steps are done; with a budget of time the plan follows the clock.

    Raises:
        Interrupted: after Ctrl-C, with a checkpoint written.
    """
    config, state, coarse = training.config, training.state, CoarseViews(training.views)
    with journal(training, files) as kept:
        finished, reins = True, Reins(save=kept.save)
        while finished and state.step < training.plan.max_steps:
            if training.plan.pace is not None and training.plan.pace.is_due(state.step, training.plan.max_steps):
                replan(training)
                kept.bar.total = training.plan.max_steps
            plan = training.plan
            until = plan.max_steps if plan.pace is None else next_check(state.step, plan.max_steps)
            finished = run_steps(
                state, training.views, config, plan.max_steps, kept.after_step, training.hooks,
                until=until, coarse_until=plan.coarse_until(config), coarse=coarse, reins=reins,
            )  # fmt: skip
    if training.plan.pace is not None:
        record_plan(files.path, training.plan)
        if finished:
            info(training.plan.repeated(config))
    if not finished:
        raise Interrupted(f"stopped at step {state.step:,}; continue with: {resume_command(config.data, files.path)}")


def replan(training: Training) -> None:
    """Give a training with a budget of time the length that fills it, as fast as its steps have been so far."""
    plan, state = training.plan, training.state
    assert plan.pace is not None
    pace, max_steps = plan.pace.corrected(state.step, state.seconds)
    training.plan = dataclasses.replace(plan, pace=pace, max_steps=max_steps)
    if max_steps == plan.max_steps:
        return
    for hook in training.hooks:
        hook.replanned(max_steps)
    scene = state.strategy.scene
    state.strategy = strategy_for(training.config, training.plan, training.hooks, scene)


def finish(training: Training, loaded: Loaded, folder: Path) -> TrainResult:
    """Let the hooks write what they found; returns the scene in the capture's own frame."""
    for hook in training.hooks:
        hook.write(folder, loaded.normalization)
    gaussians, capture = loaded.normalization.to_capture(training.state.gaussians().to("cpu")), loaded.capture
    for hook in training.hooks:
        gaussians, capture = hook.result(gaussians, capture, loaded.normalization)
    if capture is not loaded.capture:
        write_cameras(folder / "cameras.json", capture)  # before the scene, with which the run is finished
    return TrainResult(
        folder,
        gaussians,
        capture,
        training.plan.max_steps,
        training.state.seconds,
        loaded.backend.name,
        loaded.config.render.scaled(1 / loaded.normalization.scale),
        next((name for name, kind in STRATEGIES.items() if kind is type(training.state.strategy)), None),
    )
