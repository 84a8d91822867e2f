"""Two forms of a scene, drawn from the same cameras."""

from __future__ import annotations

import math

import pytest
import torch

from splat.errors import SplatError
from splat.evaluate.fidelity import VIEWS, WIDTH, fidelity, judging_cameras
from splat.evaluate.metrics import MAX_PSNR
from splat.render.around import cameras_around, lone_renderer
from tests.render.test_around import cloud


def test_a_scene_looks_as_itself() -> None:
    renderer = lone_renderer(cloud(), VIEWS)
    found = fidelity(renderer, cloud(), renderer.cameras, "side")
    assert (found.psnr, found.worst, found.views) == (MAX_PSNR, MAX_PSNR, VIEWS)
    assert found.describe() == "drawn from 8 sides it looks the same"


def test_a_change_of_colour_is_that_many_decibels() -> None:
    """A solid ball that fills the pictures, a tenth brighter everywhere: 20 dB."""
    scene = cloud(400).replace(scales=torch.full((400, 3), 1.0), opacities=torch.full((400,), 20.0))
    brighter = scene.replace(sh0=scene.sh0 + 0.1 * math.sqrt(4 * math.pi))
    renderer = lone_renderer(scene, VIEWS)
    close = [camera.resized(64, 48) for camera in renderer.cameras]
    found = fidelity(renderer, brighter, close, "side")
    assert found.psnr == pytest.approx(20.0, abs=0.1)
    assert found.worst <= found.psnr
    assert "within 20.0 dB PSNR" in found.describe()


def test_the_worst_view_is_named() -> None:
    scene = cloud()
    renderer = lone_renderer(scene, VIEWS)
    nearest = min(renderer.cameras, key=lambda camera: float((camera.position - scene.means[0].double()).norm()))
    spot = scene.replace(
        means=torch.cat(
            [(0.9 * nearest.position + 0.1 * scene.means.double().mean(dim=0)).float()[None], scene.means[1:]]
        ),
        scales=torch.cat([torch.full((1, 3), -1.0), scene.scales[1:]]),
    )
    found = fidelity(renderer, spot, renderer.cameras, "side")
    assert found.worst_view == nearest.name
    assert f"worst {nearest.name}" in found.describe()


def test_cameras_are_few_and_small() -> None:
    cameras = cameras_around(cloud(), 30, 1920, 1080)
    chosen = judging_cameras(cameras)
    assert len(chosen) == VIEWS
    assert {(camera.width, camera.height) for camera in chosen} == {(WIDTH, 270)}
    small = judging_cameras(cameras_around(cloud(), 2, 64, 48))
    assert {(camera.width, camera.height) for camera in small} == {(64, 48)}


def test_no_camera_is_said() -> None:
    with pytest.raises(SplatError, match="no camera to compare from"):
        fidelity(lone_renderer(cloud(), VIEWS), cloud(), [], "test view")
