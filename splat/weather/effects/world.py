"""Where weather happens: which way is up, how long a unit is, how bright the air is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.render.paths import common_view
from splat.render.pictures import typical_depth

EYE_HEIGHT = 1.5  # m, at which people hold a camera
USUAL_DEPTH = 3.0  # m to what they photograph, where no ground is seen
LEAST_HEIGHT = 0.15  # of the usual depth: cameras that stand lower above the lowest surface tell nothing


@dataclass(frozen=True)
class World:
    """The scene's frame, in the world's terms."""

    up: np.ndarray  # [3] unit vector in the scene's axes
    metres: float  # per unit of the scene
    reason: str = ""  # how the length was found


def estimate_up(cameras: list[Camera]) -> np.ndarray:
    """[3] unit vector: the vertical of the cameras, which people hold level more often than not."""
    return common_view(cameras).up


def estimate_metres(scene: Gaussians, cameras: list[Camera], up: np.ndarray) -> tuple[float, str]:
    """Metres per unit, and the reason in words.

    The lowest surface that the cameras see is taken for the ground, and their height above it for 1.5 m; where they
    hardly stand above it, the usual depth of what they see for 3 m. Neither is more than a guess within a factor of
    two or three.
    """
    depth = typical_depth(scene, cameras)
    if depth is None:
        return 1.0, "nothing is seen that could be measured"
    positions = np.stack([camera.position.numpy() for camera in cameras])
    solid = scene.means[torch.sigmoid(scene.opacities) > 0.5].double().cpu().numpy()
    near = solid[np.linalg.norm(solid - positions.mean(axis=0), axis=1) < 3 * depth + np.ptp(positions, axis=0).max()]
    if len(near):
        height = float(np.median(positions @ up) - np.percentile(near @ up, 2))
        if height > LEAST_HEIGHT * depth:
            return EYE_HEIGHT / height, f"the cameras stand {height:.3g} units above the lowest surface, say 1.5 m"
    return USUAL_DEPTH / depth, f"what the cameras see is {depth:.3g} units away, say 3 m"


def ambient_light(pictures: list[np.ndarray]) -> Tensor:
    """[3] float32 RGB 0..1: the mean colour of the brightest tenth of the pixels, half as colourful.

    Args:
        pictures: [H, W, 3] uint8 RGB each, of the scene in clear weather.
    """
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype(np.float64) / 255
    luminance = pixels @ (0.2126, 0.7152, 0.0722)
    color = pixels[luminance >= np.percentile(luminance, 90)].mean(axis=0)
    return torch.from_numpy((color + color @ (0.2126, 0.7152, 0.0722)) / 2).float()


def wind_vector(speed: float, degrees: float, camera: Camera, up: np.ndarray) -> np.ndarray:
    """[3] m/s: a level wind that blows to the right in the camera's picture at 0 degrees, away from it at 90."""
    right = camera.camtoworld[:3, 0].numpy()
    right = right - (right @ up) * up
    if np.linalg.norm(right) < 1e-6:  # the camera lies on its side
        right = np.cross(camera.camtoworld[:3, 2].numpy(), up)
    right = right / np.linalg.norm(right)
    away = np.cross(up, right)
    angle = np.radians(degrees)
    return speed * (np.cos(angle) * right + np.sin(angle) * away)
