"""Initial points where a capture brings none: random ones where its cameras look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splat.cameras import Camera


def random_points(cameras: Sequence[Camera], count: int, seed: int = 0) -> np.ndarray:
    """[count, 3] float64 points in the cameras' common view volume: uniform in a ball around what they look at.

    The centre is the point nearest to all viewing axes (least squares), the radius the median distance of the cameras
    from it; for cameras on a sphere around an object that is the sphere, halved, because the object fills a part of it.
    Points that no camera sees are drawn again where possible.
    """
    rng = np.random.default_rng(seed)
    positions = np.stack([camera.position.numpy() for camera in cameras])
    axes = np.stack([camera.viewmat[2, :3].numpy() for camera in cameras])
    centre = focus_point(positions, axes)
    distance = float(np.median(np.linalg.norm(positions - centre, axis=1))) or 1.0
    # Half the distance around an object; from one side (a wall, a small baseline) the view widens behind the focus.
    radius = 0.5 * distance
    kept: list[np.ndarray] = []
    total = 0
    for _ in range(20):
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        points = centre + direction * (radius * rng.random((count, 1)) ** (1 / 3))
        seen = points[_times_seen(cameras, points) >= min(2, len(cameras))]
        kept.append(seen)
        total += len(seen)
        if total >= count:
            break
    else:
        kept.append(points)
    return np.concatenate(kept)[:count]


def focus_point(positions: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """[3] the point with the least sum of squared distances to the rays from `positions` [C, 3] along `axes` [C, 3].

    Nearly parallel rays have no such point: it is then looked for one baseline (or 1) in front of the cameras.
    """
    projections = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    normal = projections.sum(axis=0)
    mean = positions.mean(axis=0)
    ahead = axes.mean(axis=0)
    if np.linalg.eigvalsh(normal)[0] > 1e-3 * len(positions):
        offsets = np.einsum("cij,cj->i", projections, positions - mean)  # about the mean: coordinates may be huge
        point = mean + np.linalg.solve(normal, offsets)
        if ((point - positions) * axes).sum(axis=1).mean() > 0:
            return point
    baseline = float(np.linalg.norm(positions - mean, axis=1).max())
    return mean + ahead * (2.0 * baseline or 1.0)


def _times_seen(cameras: Sequence[Camera], points: np.ndarray) -> np.ndarray:
    """[P] in how many images each point lies."""
    seen = np.zeros(len(points), np.int64)
    for camera in cameras:
        seen += camera.sees(torch.from_numpy(points)).numpy()
    return seen
