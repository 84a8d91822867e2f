"""The line that says what of a capture is used."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.images import PhotoImages
from splat.capture.inventory import inventory
from splat.capture.types import Capture, Frame, PhotoPlan, Points


def capture_of(photos: int, masked: int = 0, **more) -> Capture:
    eye = torch.eye(4, dtype=torch.float64)
    frames = [Frame(Camera(eye, eye[:3, :3], 8, 6, f"{i}.png"), "train", Path(f"{i}.png")) for i in range(photos)]
    masks = [Path(f"m{i}.png") if i < masked else None for i in range(photos)]
    plans = [PhotoPlan(frame.path, 1, None, 8, 6, mask) for frame, mask in zip(frames, masks)]
    return Capture("room", Path("room"), "colmap", frames, PhotoImages(plans, 0), **more)


def test_all_that_is_used_is_counted():
    points = Points(np.zeros((1603, 3)), np.zeros((1603, 3), np.uint8))
    capture = capture_of(63, points=points)
    assert inventory(capture) == "63 photos, masks: none, depth maps: none, points: 1,603 from the capture"
    more = capture_of(50, masked=12, points=dataclasses.replace(points, origin="triangulated"))
    more.photos_found, more.depth_maps = 67, 50
    assert inventory(more) == "50 of 67 photos, masks: 12 of 50, depth maps: 50, points: 1,603 triangulated"


def test_a_capture_without_points_says_none():
    assert inventory(capture_of(1)) == "1 photo, masks: none, depth maps: none, points: none"
