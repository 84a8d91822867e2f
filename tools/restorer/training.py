"""Training of the network: the light of what is behind the weather, in the mean of all that looks the same."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.console import progress
from splat.weathernet import WeatherNet
from tools.restorer.pictures import Pictures


@dataclass
class TrainingOptions:
    """How long and how fast."""

    steps: int = 9000
    batch: int = 8
    side: int = 128  # pixels of a piece
    lr: float = 1e-3  # twice that ran away in bfloat16, once in ten thousand steps
    largest: float = 0.3  # norm of a step's gradient, to which longer ones are cut
    memory: float = 0.999  # of the mean of weights that is kept, per step
    warm_up: int = 100  # steps
    threads: int = 2
    seed: int = 0
    bfloat16: bool = True
    small: float = 0.06  # errors up to about this count as their squares, larger ones as they are


def train(network: WeatherNet, pictures: Pictures, options: TrainingOptions) -> float:
    """Train in place; returns the PSNR in dB of the last hundred batches.

    The loss is sqrt(e^2 + small^2), quadratic for small errors e: photos of the same surface are averaged afterwards,
    so what counts is an error that is zero in the mean. (With 0.01 faint flakes stayed: the network then answers with
    the median of what may be there.)
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), options.lr, weight_decay=1e-4)
    mean = [weight.detach().clone() for weight in network.parameters()]
    errors: list[float] = []
    told = time.monotonic()
    with progress("Training", options.steps, "step") as bar:
        for step in range(options.steps):
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
    with torch.no_grad():
        torch._foreach_copy_(list(network.parameters()), mean)
    network.eval()
    return decibel(errors[-100:])


def learning_rate(step: int, options: TrainingOptions) -> float:
    """Up for a moment, then down along half a cosine."""
    fall = 0.5 * (1 + math.cos(math.pi * step / options.steps))
    return options.lr * min(1.0, (step + 1) / options.warm_up) * fall + 1e-6


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
