"""How long a training will take and how much memory, said before it starts."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch.nn import Parameter

from splat.capture.images import reading_bytes
from splat.console import count, duration, info, warn
from splat.train.coarse import CoarseViews
from splat.train.config import TrainConfig
from splat.train.loop import one_torch_thread, render_view, waited
from splat.train.plan import Plan, estimated_bytes, few_visits, too_long
from splat.train.state import TrainState
from splat.train.views import TrainingViews

BESIDE_RENDERING = 1.4  # time of a step over that of rendering forward and backward: loss, optimizers, densification


def announce(state: TrainState, views: TrainingViews, config: TrainConfig, plan: Plan, base: float) -> None:
    """Say the plan with an estimate of time, from a few trial renderings, and of memory.

    Args:
        state: before the first step.
        views: training views.
        config: of the training.
        plan: what is said.
        base: bytes that the process took before.
    """
    camera = views.cameras[0]
    pixels = camera.width * camera.height
    photos = len(views.capture.frames)
    reading = max(map(reading_bytes, views.capture.images.plans), default=0.0)
    memory = estimated_bytes(plan, pixels, photos, config.capture.cache_gb * 1e9, base, reading)
    if plan.pace is None:
        seconds = estimated_seconds(state, views, config, plan)
        words, advice = f"about {duration(seconds)}", too_long(seconds, plan)
    else:
        words, advice = f"to fill max_seconds={plan.pace.seconds:g}", plan.pace.too_short(plan.max_steps)
    coarse = plan.coarse_until(config)
    half = f"half the size up to step {math.ceil(coarse * plan.max_steps):,}, " if coarse > 0 else ""
    visits = plan.max_steps / max(len(views), 1)
    often = f"{visits:,.0f}" if visits >= 10 else f"{visits:.1f}"
    steps = f"max_steps={plan.max_steps:,} ({often} visits of each of {count(len(views), 'photo')})"
    info(
        f"plan: {camera.width}x{camera.height} (data_factor={plan.data_factor:g}), {half}{steps}, "
        f"cap_max={plan.cap_max:,}; {words} and {memory / 1e9:.1f} GB of memory"
    )
    for sentence in filter(None, (advice, few_visits(plan.max_steps, len(views)))):
        warn(sentence)


def estimated_seconds(state: TrainState, views: TrainingViews, config: TrainConfig, plan: Plan) -> float:
    """Seconds that training will take: trial renderings forward and backward, scaled to the size that it grows to."""
    step = step_seconds(state.params, views, config)
    growth = max(1.0, 0.5 + 0.5 * plan.cap_max / max(len(state.params["means"]), 1)) ** 0.7
    return step * growth * plan.max_steps


def step_seconds(params: dict[str, Parameter], views: TrainingViews | CoarseViews, config: TrainConfig) -> float:
    """Seconds that a step takes: the median of trial renderings, forward and backward, of five views."""
    took = []
    with one_torch_thread(views.device):
        for position in np.linspace(0, len(views) - 1, 5).round().astype(int):
            view = views[int(position)]  # photos are loaded before the clock starts
            waited(views.device)
            started = time.perf_counter()
            image = render_view(params, view, config.render, 0, torch.zeros(3), absgrad=False)[0]
            image.sum().backward()
            waited(views.device)
            took.append(time.perf_counter() - started)
    for parameter in params.values():
        parameter.grad = None
    return BESIDE_RENDERING * float(np.median(took[1:]))  # the first one also compiles
