"""A capture in metres, millimetres or kilometres is scored the same; planes count in its own units."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from plyfile import PlyData

from splat.cameras import Camera
from splat.capture.types import Capture, Frame
from splat.cli import main
from splat.evaluate.evaluate import evaluate_views
from splat.render.config import RenderOptions
from tests.evaluate.conftest import ArrayImages
from tests.train.blobs import blob_scene, ring_camera, write_blob_capture

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


def trained_in(unit: float, folder: Path) -> list[float]:
    """PSNR by `splat train`, by `splat evaluate`, and by that with the config.yaml of an older version."""
    write_blob_capture(folder / "photos")
    record = json.loads((folder / "photos" / "transforms.json").read_text())
    for frame in record["frames"]:
        for row in frame["transform_matrix"][:3]:
            row[3] *= unit
    (folder / "photos" / "transforms.json").write_text(json.dumps(record))
    points = PlyData.read(folder / "photos" / "points.ply", mmap=False)
    for axis in "xyz":
        points["vertex"][axis] *= unit
    points.write(folder / "photos" / "points.ply")
    scores, run = [], folder / "run"
    for words in (["train", str(folder / "photos"), "max_steps=100", f"out={run}"], ["evaluate", str(run)]):
        assert main(words) == 0
        scores.append(json.loads((run / "metrics.json").read_text())["psnr"])
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["render"]["near_plane"] == pytest.approx(0.01 * HALF * unit, rel=0.1)
    del config["render"]
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert main(["evaluate", str(run)]) == 0
    return [*scores, json.loads((run / "metrics.json").read_text())["psnr"]]


def test_a_training_in_any_unit_is_scored_with_the_planes_of_its_training(tmp_path: Path) -> None:
    metres = trained_in(1.0, tmp_path / "metres")
    assert metres == [metres[0]] * 3
    for unit in (1e-3, 1e3):
        assert trained_in(unit, tmp_path / f"{unit}") == pytest.approx(metres, abs=0.02)
