"""Poses that are odd by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.capture.examine.poses import odd_poses


def ring(count: int = 12) -> list[Camera]:
    """Cameras around the origin that look at it from 5 units away, 3 higher; up is z."""
    cameras = []
    for index in range(count):
        angle = 2 * np.pi * index / count
        place = np.array([4 * np.cos(angle), 4 * np.sin(angle), 3.0])
        ahead = -place / 5
        right = np.cross(ahead, [0.0, 0, 1])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(ahead, right), ahead])
        viewmat = np.eye(4)
        viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ place
        K = torch.tensor([[80.0, 0, 50], [0, 80, 40], [0, 0, 1]], dtype=torch.float64)
        cameras.append(Camera(torch.from_numpy(viewmat), K, 100, 80, f"{index:02d}.jpg"))
    return cameras


def changed(camera: Camera, signs: list[float], times: float = 1.0) -> Camera:
    """Its axes turned over, its place that many times as far from the origin."""
    viewmat = camera.viewmat.clone()
    viewmat[:3, :3] = torch.diag(torch.tensor(signs, dtype=torch.float64)) @ viewmat[:3, :3]
    viewmat[:3, 3] = -viewmat[:3, :3] @ (times * camera.position)
    return replace(camera, viewmat=viewmat)


POINTS = np.random.default_rng(0).normal(size=(1000, 3)) * 0.3


def test_a_ring_is_right() -> None:
    assert odd_poses(ring(), POINTS) == [] and odd_poses(ring(), None) == []


@pytest.mark.parametrize(
    ("signs", "times", "kind"),
    [([-1.0, -1, 1], 1.0, "upside-down"), ([1.0, 1, 1], 100.0, "far"), ([-1.0, 1, -1], 1.0, "blind")],
)
def test_what_is_odd_is_named(signs: list[float], times: float, kind: str) -> None:
    cameras = ring()
    for index in (3, 7):
        cameras[index] = changed(cameras[index], signs, times)
    (found,) = odd_poses(cameras, POINTS)
    assert (found.kind, found.photos) == (kind, ("03.jpg", "07.jpg"))
    assert found.in_short().startswith("2 photos (03.jpg, 07.jpg): ")


def test_few_points_and_few_cameras_say_nothing() -> None:
    cameras = ring()
    cameras[3] = changed(cameras[3], [-1.0, 1, -1])
    assert odd_poses(cameras, POINTS[:99]) == []
    assert [each.kind for each in odd_poses(cameras, POINTS[:100])] == ["blind"]
    assert odd_poses([changed(cameras[0], [-1.0, -1, 1]), cameras[3]], POINTS) == []


def test_phones_held_on_their_side_and_cameras_that_look_straight_down_are_fine() -> None:
    cameras = ring()
    rolled = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    for index in (0, 5):
        viewmat = cameras[index].viewmat.clone()
        viewmat[:3] = rolled @ viewmat[:3]
        cameras[index] = replace(cameras[index], viewmat=viewmat)
    down = torch.eye(4, dtype=torch.float64)
    down[:3, :3] = torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    down[2, 3] = 5.0
    cameras.append(replace(cameras[0], viewmat=down, name="down.jpg"))
    assert odd_poses(cameras, POINTS) == []
