"""A textured wall at a known depth, as cameras beside each other photograph it."""

import numpy as np
import torch

from splat.cameras import Camera
from splat.train.stereo.pictures import Pictures

DEPTH = 4.0
WIDTH, HEIGHT, FOCAL = 96, 72, 90.0


def camera_at(x: float, y: float = 0.0) -> Camera:
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[0, 3], viewmat[1, 3] = -x, -y
    K = torch.tensor([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, WIDTH, HEIGHT)


def texture(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[..., 3] in 0..1: waves of several lengths in several directions, which repeat nowhere on the wall."""
    rng = np.random.default_rng(7)
    total = np.zeros((*x.shape, 3))
    for _ in range(24):
        along, shift = rng.normal(size=2) * 9, rng.uniform(0, 6, 3)
        total += np.sin(along[0] * x[..., None] + along[1] * y[..., None] + shift)
    return 0.5 + 0.07 * total


def photo(camera: Camera, plain_from: float = np.inf) -> np.ndarray:
    """[H, W, 3] uint8: the wall, of one grey where its x is more than `plain_from`."""
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    x = (u - WIDTH / 2) / FOCAL * DEPTH + float(camera.position[0])
    y = (v - HEIGHT / 2) / FOCAL * DEPTH + float(camera.position[1])
    color = np.where((x > plain_from)[..., None], 0.5, texture(x, y))
    return (255 * color.clip(0, 1)).round().astype(np.uint8)


def cameras() -> list[Camera]:
    return [camera_at(x, y) for x, y in ((0, 0), (0.4, 0), (-0.4, 0), (0, 0.4), (0.4, 0.4), (-0.4, -0.3))]


def points(count: int = 200, seed: int = 0) -> np.ndarray:
    """[count, 3] known points on the left part of the wall, and some before and behind, as wrong matches are."""
    rng = np.random.default_rng(seed)
    z = np.where(rng.random(count) < 0.05, rng.uniform(3, 6, count), DEPTH)
    return np.column_stack([rng.uniform(-1.5, 0, count), rng.uniform(-1.2, 1.2, count), z])


def pictures(plain_from: float = np.inf) -> Pictures:
    made = cameras()
    return Pictures(made, lambda view: photo(made[view], plain_from), lambda view: None)
