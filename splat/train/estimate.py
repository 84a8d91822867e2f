"""How long a training will take and how much memory, said before it starts."""

from __future__ import annotations

import time

import numpy as np
import torch

from splat.capture.images import reading_bytes
from splat.console import duration, info, warn
from splat.train.config import TrainConfig
from splat.train.loop import one_torch_thread, render_view, waited
from splat.train.plan import Plan, estimated_bytes, too_long
from splat.train.state import TrainState
from splat.train.views import TrainingViews


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
    seconds = estimated_seconds(state, views, config, plan)
    photos = len(views.capture.frames)
    reading = max(map(reading_bytes, views.capture.images.plans), default=0.0)
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
    return 1.4 * step * growth * plan.max_steps  # 1.4: loss, optimizers and densification
