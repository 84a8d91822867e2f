"""Training of the network: the light of what is behind the weather, in the mean of all that looks the same."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.console import info, progress
from splat.errors import SplatError
from splat.files import atomic_path
from splat.weather.network import WeatherNet
from tools.restorer.pictures import Pictures


@dataclass
class TrainingOptions:
    """How long and how fast."""

    steps: int = 1200  # of a cycle
    cycles: int = 3  # the learning rate rises and falls in each, a little less high
    batch: int = 4
    side: int = 96  # pixels of a piece
    lr: float = 1e-3  # twice that ran away in bfloat16, once in ten thousand steps
    largest: float = 0.3  # norm of a step's gradient, to which longer ones are cut
    memory: float = 0.995  # of the mean of weights that is kept, per step
    warm_up: int = 50  # steps of each cycle
    threads: int = 1
    seed: int = 0
    bfloat16: bool = False  # faster where the processor has it, three times as slow elsewhere
    checkpoint_seconds: float = 45.0
    small: float = 0.06  # errors up to about this count as their squares, larger ones as they are


def train(
    network: WeatherNet, pictures: Pictures, options: TrainingOptions, checkpoint: Path | None = None
) -> tuple[float, float]:
    """Train in place, going on from `checkpoint` if it exists.

    Returns the PSNR in dB of the last hundred batches, and the processor's seconds that all steps took.

    The loss is sqrt(e^2 + small^2), quadratic for small errors e: photos of the same surface are averaged afterwards,
    so what counts is an error that is zero in the mean. (With 0.01 faint flakes stayed: the network then answers with
    the median of what may be there.)
    """
    torch.set_num_threads(options.threads)
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), options.lr, weight_decay=1e-4)
    mean = [weight.detach().clone() for weight in network.parameters()]
    errors: list[float] = []
    state = _read(checkpoint, made_of(options, pictures))
    first, spent = _resume(state, network, optimizer, mean, errors)
    began = time.process_time() - spent
    told = saved = time.monotonic()
    total = options.steps * options.cycles
    with progress("Training", total, "step", completed=first) as bar:
        for step in range(first, total):
            rng = np.random.default_rng([options.seed, 3, step])
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, options)
            wet, dry = (torch.from_numpy(array) for array in pictures.batch(rng, options.batch, options.side))
            errors.append(descend(network, optimizer, wet, dry, options))
            with torch.no_grad():
                torch._foreach_lerp_(mean, list(network.parameters()), 1 - min(options.memory, step / (step + 10)))
            bar.advance()
            if time.monotonic() - told > 1:
                told = time.monotonic()
                bar.update(psnr=round(decibel(errors[-100:]), 2))
            if checkpoint is not None and time.monotonic() - saved > options.checkpoint_seconds:
                saved = time.monotonic()
                kept = {"mean": mean, "errors": errors[-100:], "spent": time.process_time() - began}
                _save(checkpoint, network, optimizer, {**kept, "step": step + 1}, made_of(options, pictures))
    spent = time.process_time() - began
    if checkpoint is not None:
        kept = {"mean": mean, "errors": errors[-100:], "spent": spent, "step": max(first, total)}
        _save(checkpoint, network, optimizer, kept, made_of(options, pictures))
    with torch.no_grad():
        torch._foreach_copy_(list(network.parameters()), mean)
    network.eval()
    return decibel(errors[-100:]), spent


def made_of(options: TrainingOptions, pictures: Pictures) -> str:
    """What a checkpoint must agree in, to be gone on from."""
    pixels = sum(int(image[::16, ::16].sum()) for image in pictures.images)
    settings = (options.steps, options.batch, options.side, options.lr, options.seed, options.bfloat16)
    return f"{settings} {len(pictures.images)} {len(pictures.covers)} {pixels}"


def _save(path: Path, network: WeatherNet, optimizer: torch.optim.Optimizer, kept: dict[str, Any], made: str) -> None:
    with atomic_path(path) as temporary:
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "made_of": made}
        torch.save({**state, **kept}, temporary)


def _read(path: Path | None, made: str) -> dict[str, Any]:
    """A checkpoint, empty where there is none.

    Raises:
        SplatError: it is of a training with other settings or pictures.
    """
    if path is None or not path.is_file():
        return {}
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["made_of"] != made:
        raise SplatError(f"{path} is of a training with other settings or pictures; move it, or give another --work")
    info(f"going on from step {state['step']} of {path}")
    return state


def _resume(
    state: dict[str, Any],
    network: WeatherNet,
    optimizer: torch.optim.Optimizer,
    mean: list[Tensor],
    errors: list[float],
) -> tuple[int, float]:
    """Steps that are done, and the processor's seconds that they took."""
    if not state:
        return 0, 0.0
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    with torch.no_grad():
        torch._foreach_copy_(mean, state["mean"])
    errors.extend(state["errors"])
    return int(state["step"]), float(state["spent"])


def learning_rate(step: int, options: TrainingOptions) -> float:
    """In each cycle up for a moment, then down along half a cosine."""
    cycle, step = divmod(step, options.steps)
    fall = 0.5 * (1 + math.cos(math.pi * step / options.steps))
    return options.lr * 0.75**cycle * min(1.0, (step + 1) / options.warm_up) * fall + 1e-6


def descend(
    network: WeatherNet, optimizer: torch.optim.Optimizer, wet: Tensor, dry: Tensor, options: TrainingOptions
) -> float:
    """One step; returns the mean squared error before it."""
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        answer = network(wet.contiguous(memory_format=torch.channels_last))
    error = answer.float() - dry
    optimizer.zero_grad()
    (error.square() + options.small**2).sqrt().mean().backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), options.largest)
    optimizer.step()
    return float(error.detach().square().mean())


def decibel(errors: list[float]) -> float:
    """PSNR of mean squared errors."""
    return -10 * math.log10(max(float(np.mean(errors)), 1e-12))
