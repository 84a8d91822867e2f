"""A capture in metres, millimetres or kilometres is scored the same; planes count in its own units."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.capture.types import Capture, Frame
from splat.evaluate.evaluate import evaluate_views
from splat.render.config import RenderOptions
from tests.evaluate.conftest import ArrayImages
from tests.train.blobs import blob_scene, ring_camera

HALF = 3.6  # distance of the middle of the scene from every camera
HELD_OUT = (0, 1)  # beside each other: with them the cameras would have another middle and span


def cameras_in(unit: float) -> list[Camera]:
    found = []
    for index in range(6):
        camera = ring_camera(2 * math.pi * index / 6, f"{index}.png")
        viewmat = camera.viewmat.clone()
        viewmat[:3, 3] *= unit
        found.append(dataclasses.replace(camera, viewmat=viewmat))
    return found


def capture_in(unit: float, images: list[np.ndarray]) -> Capture:
    """The same photos, with all lengths in another unit."""
    sides = ["test" if index in HELD_OUT else "train" for index in range(6)]
    frames = [Frame(camera, side, Path(camera.name)) for camera, side in zip(cameras_in(unit), sides)]  # type: ignore[arg-type]
    return Capture("blobs", Path(), "transforms", frames, ArrayImages(images))


@pytest.mark.parametrize("cut", ["nothing", "near half", "far half"])
def test_scores_in_any_unit(cut: str) -> None:
    from splat.cameras import stack_cameras
    from splat.render import render_gaussians

    planes = {"nothing": {}, "near half": {"near_plane": HALF}, "far half": {"far_plane": HALF}}[cut]
    images = []
    for camera in cameras_in(1.0):
        viewmats, Ks = stack_cameras([camera])
        drawn = render_gaussians(blob_scene(), viewmats, Ks, camera.width, camera.height, **planes)[0][0]
        images.append((drawn.detach().clamp(0, 1).numpy() * 255).round().astype(np.uint8))
    for unit in (1e-3, 1.0, 1e3):
        options = None  # the planes of training follow the cameras that it sees
        if planes:
            options = RenderOptions(backend="cpu").scaled(unit)
            options = dataclasses.replace(options, **{name: unit * value for name, value in planes.items()})
        scaled = blob_scene().transformed(torch.diag(torch.tensor([unit, unit, unit, 1.0], dtype=torch.float64)))
        found = evaluate_views(scaled, capture_in(unit, images), list(HELD_OUT), options=options, lpips_net="none")
        assert found.psnr is not None and found.psnr > 50, (unit, found.psnr)
