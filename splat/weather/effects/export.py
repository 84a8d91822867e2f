"""A scene with its weather at one moment, as Gaussians that any program renders."""

from __future__ import annotations

import numpy as np
import torch

from splat.cameras import Camera
from splat.console import info, warn
from splat.gaussians import Gaussians
from splat.weather.effects.fog import fog_cloud
from splat.weather.effects.particle_splats import Splats
from splat.weather.effects.renderer import WeatherRenderer

MARGIN = 0.1  # of the box around scene and camera


def moment(renderer: WeatherRenderer, camera: Camera, time: float) -> Gaussians:
    """Scene, snow and wetness on it, and the particles in the window of a camera; fog as a cloud of Gaussians.

    Opacities are those for this camera's distance and focal length. The grade and the haze of particles beyond their
    window are left out: they belong to pictures.
    """
    weather = renderer.weather
    cloud: Splats | None = None
    if weather.fog > 0:
        low, high = _box(renderer.scene, camera)
        cloud, spread = fog_cloud(low, high, weather.fog, weather.world.metres)
        warn(
            f"fog is exported as {len(cloud):,} pale Gaussians of {spread:.2g} m around the scene: grainy, and with an "
            "end; pictures have the true one"
        )
    if weather.field is not None:
        info(f"particles fill a cube of {weather.field.side:.1f} m before the first camera of the path")
    return renderer.moment(camera, time, cloud)


def _box(scene: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Corners [3] of the box around what is solid and the camera."""
    solid = scene.means[torch.sigmoid(scene.opacities) > 0.3].double().cpu().numpy()
    solid = solid if len(solid) else scene.means.double().cpu().numpy()
    low, high = np.percentile(solid, (1, 99), axis=0)
    position = camera.position.numpy()
    low, high = np.minimum(low, position), np.maximum(high, position)
    margin = MARGIN * (high - low).max()
    return low - margin, high + margin
