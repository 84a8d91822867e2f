"""A wall whose left half is plain and whose right half is textured, seen by cameras in front of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.types import Capture, Frame, Points
from splat.render.config import RenderOptions
from splat.train.normalize import Normalization
from splat.train.strategies.context import StrategyContext
from splat.train.views import TrainingViews

SIZE, FOCAL, DISTANCE = 64, 64.0, 2.0  # the wall z = 0 fills the picture from x, y = -1 to 1


class Arrays:
    """Pictures in memory, as captures hand them out."""

    plans = ()

    def __init__(self, images: list[np.ndarray]) -> None:
        self.images = images

    def image(self, index: int) -> np.ndarray:
        return self.images[index]

    def alpha(self, index: int) -> np.ndarray | None:
        return None

    def mask(self, index: int) -> np.ndarray | None:
        return None


def wall_camera(x: float, tilt: float = 0.0) -> Camera:
    """Looks along +z at the wall z = 0 from (x, 0, -DISTANCE), turned by `tilt` radians about its vertical axis."""
    c, s = np.cos(tilt), np.sin(tilt)
    rotation = torch.tensor([[c, 0, -s], [0, 1, 0], [s, 0, c]], dtype=torch.float64)
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = -rotation @ torch.tensor([x, 0, -DISTANCE], dtype=torch.float64)
    K = torch.tensor([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, SIZE, SIZE, f"{x:g}.png")


def wall_pixels(camera: Camera) -> np.ndarray:
    """Points [H, W, 3] of the wall that the pixels' centres show, by intersecting rays with z = 0."""
    grid = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), -1)
    rays = np.concatenate([grid, np.ones((SIZE, SIZE, 1))], -1) @ np.linalg.inv(camera.K.numpy()).T
    rays = rays @ camera.camtoworld.numpy()[:3, :3].T
    origin = camera.position.numpy()
    return origin - rays * (origin[2] / rays[..., 2:])


def wall_photo(camera: Camera) -> np.ndarray:
    """The wall: grey where x < 0, a checkerboard of 0.08 where x > 0."""
    points = wall_pixels(camera)
    squares = (np.floor(points[..., 0] / 0.08) + np.floor(points[..., 1] / 0.08)) % 2
    grey = np.where(points[..., 0] > 0, 60 + 140 * squares, 130)
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.uint8)


def wall_access(cameras: list[Camera] | None = None, points: np.ndarray | None = None) -> StrategyContext:
    """The wall as a strategy sees it; the training frame is the world."""
    cameras = cameras or [wall_camera(x) for x in (-0.2, 0.0, 0.2)]
    frames = [Frame(camera, "train", Path(camera.name)) for camera in cameras]
    images = Arrays([wall_photo(camera) for camera in cameras])
    known = np.zeros((0, 3)) if points is None else points
    capture = Capture("wall", Path("wall"), "test", frames, images, Points(known, np.zeros(known.shape, np.uint8)))
    unmoved = Normalization(torch.zeros(3, dtype=torch.float64), 1.0)
    views = TrainingViews(capture, list(range(len(frames))), unmoved, torch.device("cpu"))
    return StrategyContext(views, torch.from_numpy(known).float(), RenderOptions(backend="cpu"))


def wall_params(side: int = 20, size: float = 0.05, z: float = 0.0) -> dict[str, torch.nn.Parameter]:
    """side x side flat grey Gaussians on the wall from -0.9 to 0.9."""
    axis = torch.linspace(-0.9, 0.9, side)
    xy = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(-1, 2)
    count = len(xy)
    tensors = {
        "means": torch.cat([xy, torch.full((count, 1), z)], 1),
        "quats": torch.tensor([1.0, 0, 0, 0]).repeat(count, 1),
        "scales": torch.tensor([size, size * 0.9, size * 0.1]).log().repeat(count, 1),
        "opacities": torch.full((count,), 2.0),
        "sh0": torch.zeros(count, 1, 3),
        "shN": torch.zeros(count, 3, 3),
    }
    return {name: torch.nn.Parameter(value) for name, value in tensors.items()}
