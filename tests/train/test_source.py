"""Which resolution a training reads its photos at."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from splat.capture import load, reader_result
from splat.train.config import TrainConfig
from splat.train.plan import Machine
from splat.train.source import training_capture
from tests.capture.capture_scenes import smooth_photo, viewmat, write_colmap, write_photo


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


@pytest.mark.parametrize(("reduced", "reads"), [(None, 1), ("images_2", 1), ("images_4", 2)])
def test_a_capture_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reduced: str | None, reads: int
) -> None:
    """Again only where another program has left photos of the planned size, which are then taken."""
    write_colmap(
        tmp_path,
        [("PINHOLE", (1000.0, 1000.0, 640.0, 480.0), 1280, 960)],
        [(f"{index}.png", 1, viewmat(index)) for index in range(3)],
    )
    for index in range(3):
        write_photo(tmp_path / "images" / f"{index}.png", smooth_photo(index, 1280, 960))
        if reduced is not None:
            side = int(reduced[-1])
            write_photo(tmp_path / reduced / f"{index}.png", smooth_photo(index, 1280 // side, 960 // side))
    calls, headers = [], []
    reader, header = load.READERS["colmap"], reader_result.photo_header
    counted = dataclasses.replace(reader, read=lambda path, options: calls.append(1) or reader.read(path, options))
    monkeypatch.setitem(load.READERS, "colmap", counted)
    monkeypatch.setattr(reader_result, "photo_header", lambda path: headers.append(path) or header(path))
    config = TrainConfig(data=str(tmp_path), test_every=0)
    capture, arguments = training_capture(config, Machine("cpu", 1, 8e9))
    assert arguments["data_factor"] == 4.0 and len(calls) == reads
    assert len(headers) == len(set(headers)) == 3 * reads
    assert {frame.path.parent.name for frame in capture.frames} == {"images" if reads == 1 else "images_4"}
    assert capture.cameras()[0].width == 320
