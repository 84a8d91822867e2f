"""The capture's own depth maps as the place of the first Gaussians: the demo's true ones, and bad ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_depth import demo_with_depth, training_views

from splat.train.config import InitialOptions, TrainConfig
from splat.train.depth_maps import DepthMaps
from splat.train.initial import Beginning, beginning
from splat.train.normalize import Normalization


def begun(folder: Path, depth: bool = True) -> Beginning:
    views = training_views(folder)
    assert views.capture.points is not None
    normalization = Normalization.from_cameras(views.capture.cameras("train"))
    return beginning(TrainConfig(initial=InitialOptions(depth=depth)), normalization, views, views.capture.points)


def test_true_depth_makes_more_pixels_sure(tmp_path: Path) -> None:
    folder = demo_with_depth(tmp_path)
    shown, blind = begun(folder), begun(folder, depth=False)
    assert shown.seeds.maps == 32 and blind.seeds.maps == 0
    assert shown.agreed is not None and blind.agreed is not None and shown.agreed > blind.agreed + 0.03


def test_what_cannot_be_used_is_counted_and_the_rest_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = demo_with_depth(tmp_path)
    files = [file for file in training_views(folder).capture.frames if file.split == "train"]
    names = [frame.depth_path for frame in files[:3]]
    assert all(names)
    good = Path(str(names[1])).read_bytes()
    for path in names:
        assert path is not None
        path.unlink()
    cv2.imwrite(str(names[0]), np.full((30, 90), 7, np.uint16))
    Path(str(names[1])).write_bytes(good[: len(good) // 2])
    views = training_views(folder)
    maps = DepthMaps(views)
    assert maps(0) is None and maps(1) is None and maps(2) is None and maps(3) is not None
    assert set(maps.problems) == {0, 1} and "is 90x30" in maps.problems[0] and "no depth map" in maps.problems[1]
    maps.say_problems()
    assert "2 depth maps of the capture do not help to start the scene (first: " in capsys.readouterr().err
