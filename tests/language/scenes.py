"""Small scenes for language tests: solid balls of known content before several cameras."""

from __future__ import annotations

import numpy as np
import torch

from splat.cameras import Camera
from splat.gaussians import Gaussians


def balls(centres: list[tuple[float, float, float]], each: int = 40, seed: int = 0) -> Gaussians:
    """`each` solid Gaussians around every centre, in that order."""
    g = torch.Generator().manual_seed(seed)
    means = torch.cat([torch.tensor([c]) + 0.12 * torch.randn(each, 3, generator=g) for c in centres])
    N = len(means)
    return Gaussians(
        means=means,
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(N, 1),
        scales=torch.full((N, 3), -2.6),
        opacities=torch.full((N,), 4.0),
        sh0=torch.zeros(N, 1, 3),
        shN=torch.zeros(N, 0, 3),
    )


def ring(count: int, width: int = 48, height: int = 36) -> list[Camera]:
    """Cameras on a level circle of radius 4 around the origin, looking at it; y is down."""
    cameras = []
    for index in range(count):
        angle = 2 * np.pi * index / count
        position = 4 * np.array([np.sin(angle), 0, -np.cos(angle)])
        forward, down = -position / 4, np.array([0.0, 1, 0])
        viewmat = np.eye(4)
        viewmat[:3, :3] = np.stack([np.cross(down, forward), down, forward])
        viewmat[:3, 3] = -viewmat[:3, :3] @ position
        K = torch.tensor([[45.0, 0, width / 2], [0, 45, height / 2], [0, 0, 1]], dtype=torch.float64)
        cameras.append(Camera(torch.from_numpy(viewmat), K, width, height, f"{index:04d}.png"))
    return cameras
