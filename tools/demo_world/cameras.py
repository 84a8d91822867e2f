"""Views of a scene: pinhole cameras and a handheld path around a room corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.demo_world.mesh import normalized


@dataclass(frozen=True)
class View:
    """A pinhole camera in the OpenCV convention (x right, y down, z forward); pixel centres at index + 0.5."""

    rotation: np.ndarray  # [3, 3] float64, world to camera
    position: np.ndarray  # [3] float64, world
    focal: float  # pixels
    width: int
    height: int

    @property
    def translation(self) -> np.ndarray:
        """[3] world to camera, as COLMAP stores it."""
        return -self.rotation @ self.position

    def rays(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origins and directions [len(y) * len(x), 3] float32 through image positions; directions have depth 1."""
        X, Y = np.meshgrid((x - self.width / 2) / self.focal, (y - self.height / 2) / self.focal)
        directions = np.stack([X, Y, np.ones_like(X)], -1).reshape(-1, 3) @ self.rotation
        return np.broadcast_to(self.position, directions.shape).astype(np.float32), directions.astype(np.float32)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Image positions [N, 2] in pixels and depths [N] of world points [N, 3]."""
        camera = points @ self.rotation.T + self.translation
        depth = camera[:, 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)[:, None]
        return camera[:, :2] / safe * self.focal + np.array([self.width / 2, self.height / 2]), depth

    def unproject(self, xy: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """World points [N, 3] of image positions [N, 2] at depths [N]."""
        centred = (xy - np.array([self.width / 2, self.height / 2])) / self.focal
        camera = np.concatenate([centred, np.ones((len(xy), 1))], 1) * depth[:, None]
        return camera @ self.rotation + self.position


def look_at(position: np.ndarray, target: np.ndarray, roll: float, focal: float, width: int, height: int) -> View:
    """A view towards `target`, z up in the world, turned by `roll` radians about its axis."""
    forward = normalized(np.asarray(target, float) - position)
    right = normalized(np.cross(forward, [0.0, 0.0, 1.0]))
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return View(
        np.stack([c * right + s * down, c * down - s * right, forward]),
        np.asarray(position, float),
        focal,
        width,
        height,
    )


def handheld_path(
    count: int,
    size: tuple[int, int],
    seed: int,
    target: tuple[float, float, float] = (0.66, 0.70, 0.55),
    hfov: float = 58.0,
    spread: float = 34.0,
    distance: tuple[float, float] = (2.2, 2.75),
    height: tuple[float, float] = (0.80, 1.75),
) -> list[View]:
    """A closed walk in front of the corner x=0, y=0: four sweeps from side to side while the height changes.

    The walk is closed and its phases are chosen so that no multiple of eight lies at an end of a sweep: held-out views
    have neighbours on both sides.

    Args:
        size: width and height in pixels.
        spread: degrees to either side of the corner's bisector.
        distance, height: range of the horizontal distance to `target` and of the height above the floor, metres.
    """
    rng = np.random.default_rng(seed)
    width, rows = size
    focal = width / 2 / np.tan(np.radians(hfov / 2))
    t = 2 * np.pi * np.arange(count) / count
    azimuth = np.radians(45 + spread * np.sin(2 * t + 0.55))
    wave = np.sin(3 * t + 0.9)
    far = np.mean(distance) + np.ptp(distance) / 2 * np.sin(5 * t + 2.0)
    up = np.mean(height) + np.ptp(height) / 2 * wave
    sway = 0.02 * rng.standard_normal((count, 3))
    views = []
    for k in range(count):
        centre = np.array([target[0] + far[k] * np.cos(azimuth[k]), target[1] + far[k] * np.sin(azimuth[k]), up[k]])
        aim = np.asarray(target) + rng.normal(0, [0.04, 0.04, 0.025]) + np.array([0, 0, 0.05 * wave[k]])
        views.append(look_at(centre + sway[k], aim, rng.normal(0, 0.012), focal, width, rows))
    return views
