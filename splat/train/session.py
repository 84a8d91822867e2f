"""One training from start to end: capture, plan, folder, loop, scene."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat.capture import random_points
from splat.capture.images import reading_bytes
from splat.capture.inventory import inventory
from splat.capture.ply import write_ply_points
from splat.capture.types import Capture, ImageSource, Points
from splat.console import count, duration, has_warned, info, progress, warn
from splat.errors import Interrupted, SplatError
from splat.formats import Notes, write_scene
from splat.gaussians import Gaussians
from splat.memory import give_back
from splat.options import changeable, check
from splat.render import select_backend
from splat.render.backends import Backend
from splat.run import POINTS, resume_command, write_cameras
from splat.train.access import SceneAccess
from splat.train.checkpoint import checkpoint_path, latest_checkpoint, load_checkpoint, reading, save_checkpoint
from splat.train.config import TrainConfig
from splat.train.folder import run_folder, write_config
from splat.train.history import History
from splat.train.initial import first_points, initial_gaussians, scene_scale
from splat.train.kept import RunFiles
from splat.train.losses import psnr
from splat.train.normalize import Normalization
from splat.train.plan import (
    Machine,
    Plan,
    asked_cap,
    estimated_bytes,
    make_plan,
    occupied_bytes,
    recorded_plan,
    too_long,
)
from splat.train.source import training_capture
from splat.train.state import TrainState, fitted_strategy, new_state, restored_state, state_record
from splat.train.trainer import StepReport, composite, on_device, one_torch_thread, render_view, run_steps, waited
from splat.train.views import TrainingViews
from splat.train.weather.model import Weather, at_hand
from splat.train.weather.record import write_weather

HISTORY_EVERY = 50  # steps between rows of metrics.csv
TEST_VIEWS = 8  # views of the PSNR that is measured along the way
KEEP_CHECKPOINTS = 2
SSIM_WINDOW = 11  # pixels


@dataclass(frozen=True)
class TrainResult:
    """A finished training."""

    folder: Path
    gaussians: Gaussians  # in the capture's frame
    capture: Capture
    max_steps: int
    train_seconds: float
    backend: str

    @property
    def steps_per_second(self) -> float:
        """Steps a second over all sessions, without loading and writing."""
        return self.max_steps / max(self.train_seconds, 1e-9)


def train(config: TrainConfig) -> TrainResult:
    """Train a scene and write its run folder (scene.ply, cameras.json, config.yaml, metrics.csv, checkpoints).

    Raises:
        SplatError: for anything the user can mend.
        Interrupted: after Ctrl-C, with a checkpoint written.
    """
    check(config)
    config = dataclasses.replace(config, weather=at_hand(config.weather))
    asked_cap(config)
    near, far = config.render.near_plane, config.render.far_plane
    if near >= far:
        raise SplatError(f"render.near_plane={near:g}: must be smaller than render.far_plane={far:g}")
    backend = select_backend(config.render.backend)
    machine = Machine.here(backend.name)
    capture, loaded = training_capture(config, machine)
    if not capture.indices("train"):
        raise SplatError(f"{config.data} has no training views; lower test_every or add photos")
    check_size(capture, config)
    _check_pixels(capture)
    with run_folder(config, capture.name) as folder:
        return _train_in(folder, config, capture, loaded, machine, backend)


def _train_in(
    folder: Path, config: TrainConfig, capture: Capture, loaded: dict[str, Any], machine: Machine, backend: Backend
) -> TrainResult:
    """Train in a folder that is ready for it."""
    info(f"{capture.name}: {capture.kind}, {_describe(capture)}; {inventory(capture)}")
    for note in capture.notes:
        if not has_warned(note):
            info(note)
    info(f"renderer: {backend.name} ({backend.reason})")
    seed_everything(config.seed)
    device = torch.device("cuda" if backend.name == "gsplat" else "cpu")
    normalization = Normalization.from_cameras(capture.cameras("train"))
    views = TrainingViews(capture, capture.indices("train"), normalization, device)
    state, plan = _begin(config, capture, machine, folder, normalization, views)
    background = [1.0, 1.0, 1.0] if _white(capture) else [0.0, 0.0, 0.0]
    if state.step == 0:
        write_config(folder, config, plan, capture, loaded, background, backend.name)
        write_cameras(folder / "cameras.json", capture)
        if capture.points is not None:
            write_ply_points(folder / POINTS, capture.points)
    kept = RunFiles(folder)
    test = TrainingViews(capture, capture.indices("test"), normalization, device)
    give_back()
    _loop(state, views, config, plan, kept, test, background)
    folder = kept.path
    if state.weather is not None:
        write_weather(folder, state.weather, normalization.scale)
    seconds, gaussians = state.seconds, normalization.to_capture(state.gaussians().to("cpu"))
    del state, views, test  # not needed beside what writing takes
    give_back()
    notes = Notes(config.render.antialiased, capture.origin)
    write_scene(folder / "scene.ply", gaussians, notes=notes)
    return TrainResult(folder, gaussians, capture, plan.max_steps, seconds, backend.name)


def check_size(capture: Capture, config: TrainConfig) -> None:
    """Refuse pictures on which no SSIM can be measured.

    Raises:
        SplatError: when a photo, divided by data_factor, is smaller than the window of SSIM.
    """
    small = min((frame.camera for frame in capture.frames), key=lambda camera: min(camera.width, camera.height))
    if min(small.width, small.height) < SSIM_WINDOW:
        factor = "" if config.data_factor is None else f" with data_factor={config.data_factor:g}"
        raise SplatError(
            f"{small.name} is {small.width}x{small.height} pixels{factor}; each side needs {SSIM_WINDOW} at least"
        )


def _check_pixels(capture: Capture) -> None:
    """Refuse training views that show nothing; photos are decoded until one does, which is the first mostly.

    Raises:
        SplatError: when masks or alpha channels hide all of them.
    """
    clear = 0
    for index in capture.indices("train"):
        mask, alpha = capture.images.mask(index), capture.images.alpha(index)
        counts, shows = mask is None or mask.any(), alpha is None or alpha.any()
        if counts and shows:
            return
        clear += not shows
    if clear:
        raise SplatError(
            "all training views are transparent as a whole: their alpha is zero everywhere; if they should show"
            " something, capture.masks=none takes their colours alone"
        )
    raise SplatError(
        "the masks hide every pixel of all training views: black (zero) is what is masked; turn them round, or go on"
        " without: capture.masks=none"
    )


def seed_everything(seed: int) -> None:
    """Seed the generators that libraries use behind our back; our own choices use generators of their own."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _begin(
    config: TrainConfig,
    capture: Capture,
    machine: Machine,
    folder: Path,
    normalization: Normalization,
    views: TrainingViews,
) -> tuple[TrainState, Plan]:
    """The state to train from: the last checkpoint, or first Gaussians."""
    scale = scene_scale(views.cameras)
    access = scene_access(views, config, normalization)
    if config.resume:
        checkpoint, record = _checkpoint_record(folder, config)
        with reading(checkpoint):
            plan, held = recorded_plan(record["plan"], str(checkpoint)), record["state"]
        strategy = fitted_strategy(config.strategy, plan, resets=not config.weather.alters)
        strategy.attach(access)
        weather = make_weather(config, plan, access)
        with reading(checkpoint):
            state = restored_state(held, config, strategy, scale, views.device, len(views))
            if weather is not None:
                weather.restore(held["weather"])
        state.weather = weather
        info(f"resuming at step {state.step:,} of {plan.max_steps:,}")
        return state, plan
    base = occupied_bytes()
    points = capture.points or _random_points(capture, config)
    plan = make_plan(config, machine, capture.data_factor, len(points.xyz))
    gaussians = _first_gaussians(config, normalization, views, plan, points)
    strategy = fitted_strategy(config.strategy, plan, resets=not config.weather.alters)
    strategy.attach(access)
    state = new_state(gaussians, config, strategy, scale, views.device)
    state.weather = make_weather(config, plan, access)
    info(f"points: {len(points.xyz):,} {points.origin}, {count(len(gaussians), 'Gaussian')} to begin with")
    _announce(state, views, config, plan, base)
    return state, plan


def scene_access(views: TrainingViews, config: TrainConfig, normalization: Normalization) -> SceneAccess:
    """What the strategy may look at, in the training frame."""
    points = views.capture.points
    known = np.zeros((0, 3)) if points is None or points.origin == "random" else points.xyz
    return SceneAccess(views, normalization.points(torch.from_numpy(known)).float().to(views.device), config.render)


def make_weather(config: TrainConfig, plan: Plan, access: SceneAccess) -> Weather | None:
    """What training knows of the weather in the photos; None where all of it is off."""
    return Weather(config.weather, access, plan.max_steps, config.seed) if config.weather.any else None


def _random_points(capture: Capture, config: TrainConfig) -> Points:
    """Grey points where the training cameras look."""
    xyz = random_points(capture.cameras("train"), config.initial.random_points, config.seed)
    return Points(xyz, np.full(xyz.shape, 128, np.uint8), origin="random")


def _checkpoint_record(folder: Path, config: TrainConfig) -> tuple[Path, dict[str, Any]]:
    """The last checkpoint of a run that was started with the same settings, and what it holds."""
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
    return checkpoint, record


def _first_gaussians(
    config: TrainConfig, normalization: Normalization, views: TrainingViews, plan: Plan, points: Points
) -> Gaussians:
    """The capture's points and seeds, in the training frame."""
    rng = np.random.default_rng(config.seed)
    images, indices = views.capture.images, views.indices
    xyz, rgb = first_points(
        views.cameras,
        lambda position: images.image(indices[position]),
        lambda position: seedable(images, indices[position]),
        (normalization.points(torch.from_numpy(points.xyz)).numpy(), points.rgb),
        plan.seeds,
        rng,
    )
    return initial_gaussians(xyz, rgb, config.initial, config.schedule.sh_degree, rng)


def seedable(images: ImageSource, index: int) -> np.ndarray | None:
    """[H, W] bool, True where a photo's pixel shows the scene: it counts and is not transparent; None where all do."""
    mask, alpha = images.mask(index), images.alpha(index)
    if alpha is None:
        return mask
    return alpha >= 128 if mask is None else mask & (alpha >= 128)


def _announce(state: TrainState, views: TrainingViews, config: TrainConfig, plan: Plan, base: float) -> None:
    """Say the plan with an estimate of time, from a few trial renderings, and of memory beyond the `base` in bytes."""
    camera = views.cameras[0]
    pixels = camera.width * camera.height
    seconds = estimated_seconds(state, views, config, plan)
    photos = len(views.capture.frames)
    reading = max(map(reading_bytes, getattr(views.capture.images, "plans", [])), default=0.0)
    memory = estimated_bytes(plan, pixels, photos, config.capture.cache_gb * 1e9, base, reading)
    advice = too_long(seconds, plan)
    info(
        f"plan: {camera.width}x{camera.height} (data_factor={plan.data_factor:g}), max_steps={plan.max_steps:,}, "
        f"cap_max={plan.cap_max:,}; about {duration(seconds)} and {memory / 1e9:.1f} GB of memory"
    )
    if advice is not None:
        warn(advice)


def estimated_seconds(state: TrainState, views: TrainingViews, config: TrainConfig, plan: Plan) -> float:
    """Seconds that training will take: trial renderings forward and backward, scaled to the size that it grows to."""
    took = []
    with one_torch_thread(views.device):
        for position in np.linspace(0, len(views) - 1, 5).round().astype(int):
            view = views[int(position)]  # photos are loaded before the clock starts
            waited(views.device)
            started = time.perf_counter()
            image = render_view(state.params, view, config.render, 0, torch.zeros(3), absgrad=False)[0]
            image.sum().backward()
            waited(views.device)
            took.append(time.perf_counter() - started)
    step = float(np.median(took[1:]))  # the first one also compiles
    for parameter in state.params.values():
        parameter.grad = None
    growth = max(1.0, 0.5 + 0.5 * plan.cap_max / max(len(state.params["means"]), 1)) ** 0.7
    return 1.4 * step * growth * plan.max_steps  # 1.4: loss, optimisers and densification


def _loop(
    state: TrainState,
    views: TrainingViews,
    config: TrainConfig,
    plan: Plan,
    kept: RunFiles,
    test: TrainingViews,
    background: list[float],
) -> None:
    """Train, with progress, records, test PSNRs and checkpoints."""
    eval_every = config.schedule.eval_every if config.schedule.eval_every is not None else max(1, plan.max_steps // 5)
    latest = state.measured
    saved = [time.monotonic()]
    size = [len(state.params["means"])]

    with (
        History(kept.path / "metrics.csv", state.step) as history,
        progress("training", plan.max_steps, completed=state.step) as bar,
    ):

        def on_step(report: StepReport) -> None:
            if report.num_gaussians != size[0]:
                size[0] = report.num_gaussians
                give_back()  # what the scene and its optimisers took before
            if report.psnr is not None:
                latest["psnr"] = report.psnr if "psnr" not in latest else 0.8 * latest["psnr"] + 0.2 * report.psnr
            if report.loss is not None:
                latest["loss"] = report.loss
            bar.advance(1, gaussians=report.num_gaussians, **latest)
            test_psnr = None
            if eval_every and (report.step % eval_every == 0 or report.step == plan.max_steps) and len(test):
                test_psnr = latest["test_psnr"] = measured_psnr(state, test, config, background)
                bar.update(**latest)  # the last line shows the last measurement
            if report.step % HISTORY_EVERY == 0 or test_psnr is not None:
                loss = latest.get("loss", math.nan)
                history.add(report.step, state.seconds, loss, latest.get("psnr"), test_psnr, report.num_gaussians)
            if _checkpoint_due(config, report.step, saved[0]):
                save()
                saved[0] = time.monotonic()

        def save() -> None:
            if kept.restore():
                history.move(kept.path / "metrics.csv")
            save_state(kept.path, state, config, plan)

        finished = run_steps(state, views, config, plan.max_steps, on_step)
        save()
    if not finished:
        raise Interrupted(f"stopped at step {state.step:,}; continue with: {resume_command(config.data, kept.path)}")


def _checkpoint_due(config: TrainConfig, step: int, saved: float) -> bool:
    every = config.schedule.save_every
    if every is None:
        return step % 100 == 0 and time.monotonic() - saved > 120
    return every > 0 and step % every == 0


@torch.no_grad()
def measured_psnr(state: TrainState, views: TrainingViews, config: TrainConfig, background: list[float]) -> float:
    """Mean PSNR in dB over up to eight evenly spaced views, at the resolution of training."""
    positions = np.unique(np.linspace(0, len(views) - 1, TEST_VIEWS).round().astype(int))
    colour = on_device(torch.tensor(background), views.device)
    values = []
    for position in positions:
        view = views[int(position)]
        image = render_view(state.params, view, config.render, config.schedule.sh_degree, colour, absgrad=False)[0][0]
        target = view.target if view.alpha is None else composite(view.target, view.alpha, colour)
        values.append(psnr(image, target, view.mask))
    return float(np.mean(values))


def save_state(folder: Path, state: TrainState, config: TrainConfig, plan: Plan) -> None:
    """Write a checkpoint; older ones are removed once the new one stands."""
    record = {"config": settings(config), "plan": dataclasses.asdict(plan), "state": state_record(state)}
    save_checkpoint(checkpoint_path(folder / "checkpoints", state.step), record)
    for old in sorted((folder / "checkpoints").glob("step_*.safetensors"))[:-KEEP_CHECKPOINTS]:
        old.unlink()


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


def _white(capture: Capture) -> bool:
    """Whether evaluations stand on white: scenes with transparency, as nerf_synthetic is evaluated by everyone."""
    return capture.transparent("train")


def _describe(capture: Capture) -> str:
    train, test = len(capture.indices("train")), len(capture.indices("test"))
    return f"{count(train, 'training view')} and {count(test, 'test view')}"
