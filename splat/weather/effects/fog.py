"""Fog made of Gaussians, for programs that render a scene and know nothing of fog."""

from __future__ import annotations

import math

import numpy as np
import torch

from splat.weather.effects.particle_splats import Splats

MOST = 300_000  # Gaussians
SPACING = 1.2  # standard deviations from one to the next


def fog_cloud(low: np.ndarray, high: np.ndarray, beta: float, metres: float, seed: int = 0) -> tuple[Splats, float]:
    """A box of round Gaussians that together take from the light what fog does.

    A ray meets n Gaussians per m^3 of standard deviation s and opacity o with an optical depth of n 2 pi s^2 Li2(o) per
    m, Li2(o) = o + o^2/4 + ... being the integral of -log(1 - o exp(-r^2/2)) r dr. Their number is a compromise: fog
    that begins smoothly needs many, and each must be more opaque than the 1/255 below which renderers draw nothing. So
    the cloud is grainy, ends with the box, and thin fog becomes a few large Gaussians.

    Args:
        low: [3] corner of the box, in the scene's units.
        high: [3] the corner opposite.
        beta: extinction per m.
        metres: per unit.
        seed: of where they lie.

    Returns:
        the Gaussians, and their standard deviation in m.
    """
    extent = (high - low) * metres
    # one optical depth per Gaussian must be at least 0.05 in its middle: 2 pi s^2 n o = beta with n = (SPACING s)^-3
    spread = 0.05 * 2 * math.pi / (SPACING**3 * beta)
    spread = max(min(spread, float(extent.min()) / 4), (float(np.prod(extent)) / MOST) ** (1 / 3) / SPACING)
    counts = np.maximum(1, np.round(extent / (SPACING * spread))).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(count) for count in counts), indexing="ij"), axis=-1).reshape(-1, 3)
    random = np.random.default_rng(seed)
    places = low + (grid + random.random(grid.shape)) / counts * (high - low)
    number = len(places) / float(np.prod(extent))
    opacity = opacity_for(beta / (number * 2 * math.pi * spread**2))
    N = len(places)
    return Splats(
        means=torch.from_numpy(places).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).expand(N, 4).clone(),
        scales=torch.full((N, 3), spread / metres),
        opacities=torch.full((N,), opacity),
        shades=torch.ones(N),
    ), spread


def opacity_for(depth: float) -> float:
    """The opacity o with Li2(o) = `depth`, at most 0.99 (bisection; Li2 grows with o)."""
    powers = np.arange(1, 200)
    low, high = 0.0, 0.99
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.sum(middle**powers / powers**2)) < depth else (low, middle)
    return (low + high) / 2
