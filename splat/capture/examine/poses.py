"""What is odd about poses by themselves, whatever they were found by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.coverage import common_up
from splat.capture.examine.suspicion import Suspicion

UPSIDE_DOWN = -0.5  # cosine of the angle between a camera's up and the usual one: 120°; a phone on its side has 0
FAR = 20.0  # times the usual distance from the cameras' middle
POINTS = 5_000  # known points that are looked at, evenly picked
FEWEST_POINTS = 100  # of them that say something


def odd_poses(cameras: Sequence[Camera], points: np.ndarray | None) -> list[Suspicion]:
    """Cameras that are upside down, far out, or see nothing of what is known of the scene.

    Args:
        cameras: of the photos, in name order.
        points: [P, 3] known points in the cameras' frame; None where there are none.
    """
    if len(cameras) < 3:
        return []
    to_world = np.stack([camera.camtoworld.numpy() for camera in cameras])
    ups = -to_world[:, :3, 1]
    down = ups @ common_up(to_world[:, :3, :3]) < UPSIDE_DOWN
    offsets = np.linalg.norm(to_world[:, :3, 3] - np.median(to_world[:, :3, 3], axis=0), axis=1)
    found = [
        _about(cameras, "upside-down", down, "upside down to the others"),
        _about(
            cameras,
            "far",
            offsets > FAR * max(float(np.median(offsets)), 1e-12),
            f"more than {FAR:.0f} times as far out as the others",
        ),
        _about(cameras, "blind", _blind(cameras, points), "no known point in the picture"),
    ]
    return [each for each in found if each.photos]


def _about(cameras: Sequence[Camera], kind: str, which: np.ndarray, reason: str) -> Suspicion:
    return Suspicion(kind, tuple(camera.name for camera, odd in zip(cameras, which) if odd), reason)


def _blind(cameras: Sequence[Camera], points: np.ndarray | None) -> np.ndarray:
    """[C] bool: cameras in whose pictures no known point lies."""
    if points is None or len(points) < FEWEST_POINTS:
        return np.zeros(len(cameras), bool)
    some = torch.from_numpy(points[np.linspace(0, len(points) - 1, min(POINTS, len(points))).astype(int)])
    return np.array([not bool(camera.sees(some).any()) for camera in cameras])
