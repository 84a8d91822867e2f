"""Weather along a path: pictures and a video."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.console import progress, warn
from splat.images import write_image
from splat.render.film import optional_video, picture_names
from splat.weather.effects.renderer import WeatherRenderer

FASTEST = 5.0  # m/s: a camera that moves faster is not carried by a person, but shown with few frames


def film(
    renderer: WeatherRenderer,
    cameras: list[Camera],
    times: list[float],
    velocities: list[Tensor] | None,
    folder: Path | None,
    video: Path | None,
    fps: float,
) -> None:
    """Render a path in the weather.

    Args:
        times: s, one for each camera.
        velocities: [3] m/s of each camera; None: it stands at each.
        folder: for the pictures; None writes none.
        video: the mp4; None writes none.
        fps: frames per second of the video.

    Raises:
        SplatError: when something cannot be written.
    """
    with optional_video(video, fps) as film, progress("Rendering", len(cameras), unit="picture") as bar:
        for index, (camera, stem) in enumerate(zip(cameras, picture_names(cameras))):
            picture = renderer.render(camera, times[index], velocities[index] if velocities else None)
            if folder is not None:
                write_image(folder / f"{stem}.png", picture)
            if film is not None:
                film.add(picture)
            bar.advance()


def camera_velocities(cameras: list[Camera], fps: float, metres: float) -> list[Tensor] | None:
    """[3] float64 m/s of each camera of a path that is walked at `fps`; None where that is faster than people walk.

    Args:
        metres: per unit of the scene.
    """
    if len(cameras) < 2:
        return None
    positions = torch.stack([camera.position for camera in cameras]) * metres
    velocities = torch.gradient(positions, spacing=1 / fps, dim=0)[0]
    speed = float(velocities.norm(dim=1).median())
    if speed > FASTEST:
        warn(f"the camera would move at {speed:.0f} m/s: streaks are drawn as if it stood; more frames= make it slower")
        return None
    return list(velocities)
