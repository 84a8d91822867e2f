"""Cameras for a scene that comes without any: rings around what it shows."""

from __future__ import annotations

import math

import numpy as np
import torch

from splat.cameras import Camera, radius
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer

SOLID = 0.5  # opacity from which a Gaussian counts as part of something
MOST = 0.95  # share of them that a picture must hold
ELEVATIONS = (10.0, 35.0)  # degrees above the middle, in turn
FIELD = 50.0  # degrees across the shorter side
SAMPLE = 200_000


def lone_renderer(scene: Gaussians, views: int, antialiased: bool = False, backend: str = "auto") -> SceneRenderer:
    """A renderer for a scene that comes without cameras, with so many that stand around it, before black.

    Args:
        scene: N Gaussians.
        views: cameras.
        antialiased: how it is drawn.
        backend: auto, gsplat or cpu.

    Raises:
        SplatError: a scene without Gaussians, or the backend is not there.
    """
    cameras = cameras_around(scene, views)
    options = RenderOptions(backend=backend, antialiased=antialiased).scaled(radius(cameras))
    return SceneRenderer(scene, options, cameras=cameras)


def cameras_around(scene: Gaussians, count: int, width: int = 480, height: int = 360) -> list[Camera]:
    """Cameras that look at the middle of a scene from all sides, in its frame, whose y points down.

    Far outliers, which many scenes have, count little: the middle is a median and the size a quantile.

    Args:
        scene: N Gaussians.
        count: of cameras.
        width: of the pictures, in pixels.
        height: likewise.

    Raises:
        SplatError: a scene without Gaussians.
    """
    if not len(scene):
        raise SplatError("a scene without Gaussians has no sides to be seen from")
    solid = torch.sigmoid(scene.opacities) >= SOLID
    means = scene.means[solid] if solid.any() else scene.means
    points = means[:: -(-len(means) // SAMPLE)].detach().cpu().double().numpy()
    middle = np.median(points, axis=0)
    reach = float(np.quantile(np.linalg.norm(points - middle, axis=1), MOST))
    reach = reach or float(scene.scales.exp().max()) or 1.0
    distance = reach / math.sin(math.radians(FIELD / 2))
    focal = 0.5 * min(width, height) / math.tan(math.radians(FIELD / 2))
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
    return [
        Camera(_looking_at(middle, distance, 360 * view / count, ELEVATIONS[view % 2]), K, width, height, f"{view:02d}")
        for view in range(count)
    ]


def _looking_at(middle: np.ndarray, distance: float, azimuth: float, elevation: float) -> torch.Tensor:
    """[4, 4] world to camera, of one that looks at a point from a distance; angles in degrees, up is -y."""
    around, above = math.radians(azimuth), math.radians(elevation)
    out = np.array([math.cos(above) * math.sin(around), -math.sin(above), -math.cos(above) * math.cos(around)])
    forward = -out
    right = np.cross(np.array([0.0, 1.0, 0.0]), forward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    viewmat = np.eye(4)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ (middle + distance * out)
    return torch.from_numpy(viewmat)
