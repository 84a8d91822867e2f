"""Camera paths: around what the photos look at, through the cameras that took them, or from a file."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from splat.cameras import Camera
from splat.capture.coverage import common_up
from splat.errors import SplatError
from splat.render.camera_file import from_file, placed

__all__ = ["CommonView", "common_view", "from_file", "interpolate", "orbit", "spiral", "typical_camera"]


@dataclass(frozen=True)
class CommonView:
    """What a set of cameras looks at and how it is held; all in world units, float64."""

    focus: np.ndarray  # [3] the point of interest
    up: np.ndarray  # [3] unit vector
    positions: np.ndarray  # [C, 3] camera centres
    forward: np.ndarray  # [C, 3] unit viewing directions


def common_view(cameras: list[Camera], depth: float | None = None) -> CommonView:
    """The point that the cameras look at and their common up direction.

    The focus is the point nearest to all viewing rays in the least-squares sense. Parallel rays have none, so a weak
    pull draws it to the point straight ahead of the cameras.

    Args:
        cameras: at least one.
        depth: typical distance of what is seen, in world units; None guesses it from how far the cameras are spread.
    """
    to_world = np.stack([camera.camtoworld.numpy() for camera in cameras])
    positions, forward = to_world[:, :3, 3], to_world[:, :3, 2]
    up = common_up(to_world[:, :3, :3])
    ahead = _unit(forward.mean(axis=0), fallback=forward[0])
    if depth is None:
        depth = 2 * float(np.linalg.norm(positions - positions.mean(axis=0), axis=1).max()) or 1.0
    spread = np.linalg.norm(forward - ahead, axis=1).mean()  # 0: all look the same way
    prior = positions.mean(axis=0) + (depth * ahead if spread < 0.9 else 0.0)
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]  # projects onto the plane across each ray
    pull = 0.01 * len(cameras) * np.eye(3)
    right = (across @ positions[:, :, None]).sum(axis=0)[:, 0] + pull @ prior
    return CommonView(np.linalg.solve(across.sum(axis=0) + pull, right), up, positions, forward)


def orbit(cameras: list[Camera], frames: int, depth: float | None = None, degrees: float | None = None) -> list[Camera]:
    """A circle around the focus at the cameras' typical distance and height, closed in a loop.

    Where the photos do not surround the scene, a full circle would show its unseen back: the camera then swings to and
    fro over the angle that the photos cover.

    Args:
        cameras: the training cameras.
        frames: length of the path, at least 1.
        depth: see `common_view`.
        degrees: the angle to cover, 360 for the full circle; None decides by the photos.
    """
    view = common_view(cameras, depth)
    start, covered = _covered_angle(view)
    width = covered if degrees is None else math.radians(degrees)
    middle = start + covered / 2
    turn = np.linspace(0, 2 * np.pi, frames, endpoint=False)
    angles = middle + turn if width >= 2 * np.pi - 1e-6 else middle + width / 2 * np.sin(turn)
    offsets = view.positions - view.focus
    heights = offsets @ view.up
    radius = float(np.median(np.linalg.norm(offsets - heights[:, None] * view.up, axis=1)))
    if radius < 1e-9:
        raise SplatError("the cameras stand in a line above one point, so there is no orbit; use path=spiral")
    side, front = _horizontal_axes(view.up)
    circle = radius * (np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * front)
    return _looking(view.focus + circle + float(np.median(heights)) * view.up, view, cameras)


def spiral(cameras: list[Camera], frames: int, depth: float | None = None, turns: int = 2) -> list[Camera]:
    """A spiral within the volume that the cameras fill, always towards the focus; suits photos taken from one side.

    After the render path of LLFF (Mildenhall et al., "Local Light Field Fusion", 2019): the axes of the middle camera,
    amplitudes from the 90th percentile of the cameras' offsets along them, at most a quarter of the distance to the
    focus, and one swing along the view.
    """
    view = common_view(cameras, depth)
    middle = np.median(view.positions, axis=0)
    frame = _look_at(middle, view.focus, view.up)
    reach = np.percentile(np.abs((view.positions - middle) @ frame), 90, axis=0)  # right, down, forward
    distance = float(np.linalg.norm(view.focus - middle))
    reach = np.clip(reach, 0.02 * distance, np.array([0.25, 0.15, 0.15]) * distance)
    turn = np.linspace(0, 2 * np.pi * turns, frames, endpoint=False)
    swing = np.stack([np.cos(turn), np.sin(turn), np.sin(turn / turns)], axis=1)
    return _looking(middle + (swing * reach) @ frame.T, view, cameras)


def interpolate(cameras: list[Camera], frames: int) -> list[Camera]:
    """Through the cameras in their order: positions on a spline, rotations turning evenly from one to the next."""
    if len(cameras) < 2:
        raise SplatError("a path through the cameras needs two of them at least")
    to_world = np.stack([camera.camtoworld.numpy() for camera in cameras])
    knots = np.arange(len(cameras), dtype=float)
    times = np.linspace(0, len(cameras) - 1, frames)
    positions = CubicSpline(knots, to_world[:, :3, 3])(times)
    rotations = Slerp(knots, Rotation.from_matrix(to_world[:, :3, :3]))(times).as_matrix()
    template = typical_camera(cameras)
    return [placed(template, rotation, position) for rotation, position in zip(rotations, positions)]


def typical_camera(cameras: list[Camera]) -> Camera:
    """A camera with the most frequent image size, its median focal length and a centred principal point."""
    (width, height), _ = Counter((camera.width, camera.height) for camera in cameras).most_common(1)[0]
    same = torch.stack([camera.K for camera in cameras if (camera.width, camera.height) == (width, height)])
    K = same.median(dim=0).values.clone()
    K[0, 2], K[1, 2] = width / 2, height / 2
    return dataclasses.replace(cameras[0], K=K, width=width, height=height, name="")


def _covered_angle(view: CommonView) -> tuple[float, float]:
    """Where around the focus the photos begin and how far they reach, in radians; 2π when no gap is over 90°."""
    offsets = view.positions - view.focus
    side, front = _horizontal_axes(view.up)
    angles = np.sort(np.arctan2(offsets @ front, offsets @ side))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    widest = int(gaps.argmax())
    if gaps[widest] <= np.pi / 2:
        return float(angles[0]), 2 * np.pi
    return float(angles[(widest + 1) % len(angles)]), float(2 * np.pi - gaps[widest])


def _looking(positions: np.ndarray, view: CommonView, cameras: list[Camera]) -> list[Camera]:
    template = typical_camera(cameras)
    return [placed(template, _look_at(position, view.focus, view.up), position) for position in positions]


def _look_at(position: np.ndarray, target: np.ndarray, up: np.ndarray) -> np.ndarray:
    """[3, 3] camera-to-world rotation, columns right, down, forward."""
    forward = _unit(target - position, fallback=np.array([0.0, 0.0, 1.0]))
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-6:
        right = _horizontal_axes(forward)[0]
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _horizontal_axes(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors [3] that span the plane across `up`."""
    helper = np.eye(3)[int(np.abs(up).argmin())]
    side = _unit(np.cross(up, helper), fallback=helper)
    return side, np.cross(up, side)


def _unit(vector: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-9 else fallback / np.linalg.norm(fallback)
