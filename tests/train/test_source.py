"""Which resolution a training reads its photos at."""

from pathlib import Path

import cv2
import numpy as np

from splat.train.config import TrainConfig
from splat.train.plan import Machine
from splat.train.source import training_capture
from tests.capture.capture_scenes import viewmat, write_colmap, write_photo


def test_the_largest_photo_decides_how_far_all_are_scaled_down(tmp_path: Path) -> None:
    """One core is given 80,000 pixels: 480 x 320 is 1.92 times as many, so sides shrink by 1.39, in quarters 1.5."""
    cameras = [
        ("PINHOLE", (100.0 * size, 100.0 * size, 60.0 * size, 40.0 * size), 120 * size, 80 * size) for size in (1, 4)
    ]
    images = [(f"{index}.png", 2 if index == 1 else 1, viewmat(index)) for index in range(3)]
    write_colmap(tmp_path, cameras, images)
    rng = np.random.default_rng(0)
    for name, camera, _ in images:
        small = rng.integers(0, 255, (8, 12, 3), dtype=np.uint8)
        write_photo(tmp_path / "images" / name, cv2.resize(small, cameras[camera - 1][2:]))
    config = TrainConfig(data=str(tmp_path), test_every=0)
    capture, arguments = training_capture(config, Machine("cpu", 1, 8e9))
    assert arguments["data_factor"] == 1.5 == capture.data_factor
    assert [(camera.width, camera.height) for camera in capture.cameras()] == [(80, 53), (320, 213), (80, 53)]
