"""Small scenes for weather: walls and floors of many flat Gaussians, and cameras before them; y down, 1 unit = 1 m."""

from __future__ import annotations

import numpy as np
import torch

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.sh import rgb_to_sh0

UP = np.array([0.0, -1.0, 0.0])


def sheet(
    origin: tuple[float, float, float],
    first: tuple[float, float, float],
    second: tuple[float, float, float],
    color: tuple[float, float, float] = (0.5, 0.3, 0.2),
    step: float = 0.05,
) -> Gaussians:
    """A closed opaque parallelogram from `origin` along two sides that are axes of the world."""
    sides = torch.tensor([first, second], dtype=torch.float32)
    lengths = sides.norm(dim=1)
    counts = [max(1, round(float(length) / step)) for length in lengths]
    grid = torch.cartesian_prod(*((torch.arange(count) + 0.5) / count for count in counts))
    means = torch.tensor(origin, dtype=torch.float32) + grid @ sides
    along = (sides / lengths[:, None]).abs().sum(dim=0)
    scales = torch.where(along > 0, step * 0.7, 0.002)
    count = len(means)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).expand(count, 4).clone(),
        scales=scales.log().expand(count, 3).clone(),
        opacities=torch.full((count,), 5.0),
        sh0=rgb_to_sh0(torch.tensor(color)).expand(count, 1, 3).clone(),
        shN=torch.zeros(count, 15, 3),
    )


def join(*parts: Gaussians) -> Gaussians:
    return Gaussians(*(torch.cat([getattr(part, name) for part in parts]) for name in parts[0].as_dict()))


def wall(distance: float, half: float = 2.0, color: tuple[float, float, float] = (0.5, 0.3, 0.2)) -> Gaussians:
    """Across the z axis."""
    return sheet((-half, -half, distance), (2 * half, 0, 0), (0, 2 * half, 0), color)


def camera(
    position: tuple[float, float, float] = (0, 0, 0), focal: float = 100.0, size: tuple[int, int] = (96, 72)
) -> Camera:
    """Looks along z, upright."""
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, 3] = -torch.tensor(position, dtype=torch.float64)
    K = torch.tensor([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, *size)
