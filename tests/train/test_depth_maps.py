"""The capture's own depth maps as the place of the first Gaussians: the demo's true ones, and bad ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_depth import demo_with_depth, training_views

from splat.capture import load_capture
from splat.capture.types import Points
from splat.train.config import InitialOptions, TrainConfig
from splat.train.depth_maps import DepthMaps
from splat.train.initial import Beginning, beginning, initial_gaussians
from splat.train.normalize import Normalization
from splat.train.plan import Plan
from splat.train.priors import depth_digest
from splat.train.run import say_beginning
from splat.train.stereo.seeds import Seeds
from splat.train.strategies import NoneStrategy
from tests.capture.capture_scenes import H, W, smooth_photo, viewmat, write_colmap, write_photo


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


def with_maps(folder: Path) -> Path:
    """Four photos with depth maps; the lens of every other one is bent."""
    lenses = [("PINHOLE", (200.0, 200.0, W / 2, H / 2), W, H)]
    lenses += [("OPENCV", (200.0, 200.0, W / 2, H / 2, -0.1, 0.02, 0.0, 0.0), W, H)]
    write_colmap(folder, lenses, [(f"{index}.png", 1 + index % 2, viewmat(index)) for index in range(4)])
    (folder / "depth").mkdir()
    for index in range(4):
        write_photo(folder / "images" / f"{index}.png", smooth_photo(index))
        assert cv2.imwrite(str(folder / "depth" / f"{index}.png"), np.full((H, W), 1000 + index, np.uint16))
    return folder


def test_maps_of_photos_that_are_undistorted_are_not_used(tmp_path: Path) -> None:
    views = training_views(with_maps(tmp_path), 1.0)
    maps = DepthMaps(views)
    assert [maps(view) is None for view in range(len(views.cameras))] == [
        camera.name in ("1.png", "3.png") for camera in views.cameras
    ]
    assert maps.problems and all("its photo is undistorted here" in problem for problem in maps.problems.values())


def test_the_digest_is_of_the_maps_of_the_training_photos(tmp_path: Path) -> None:
    capture = load_capture(with_maps(tmp_path), test_every=4)
    (test,) = (frame.depth_path for frame in capture.frames if frame.split == "test")
    train = next(frame.depth_path for frame in capture.frames if frame.split == "train")
    assert test is not None and train is not None
    assert depth_digest(capture, {"scene"}) is None and depth_digest(capture, set()) is None
    before = depth_digest(capture, {"scene", "capture"})
    assert before is not None and before == depth_digest(capture, {"capture"})
    test.write_bytes(train.read_bytes())
    assert depth_digest(capture, {"capture"}) == before
    train.write_bytes(test.read_bytes() + b"more")
    changed = depth_digest(capture, {"capture"})
    train.unlink()
    assert len({before, changed, depth_digest(capture, {"capture"})}) == 3


@pytest.mark.parametrize(
    ("maps", "agreed", "expected"),
    [
        (0, None, "points: 5 (capture); 5 Gaussians to begin with"),
        (3, 0.42, "5 Gaussians to begin with on depth maps of 3 views; photos agree on the depth of 42% of what they"),
        (1, None, "to begin with on depth maps of 1 view"),
    ],
)
def test_what_a_scene_begins_on_is_said(
    capsys: pytest.CaptureFixture[str], maps: int, agreed: float | None, expected: str
) -> None:
    xyz, rgb = np.random.default_rng(0).random((5, 3)), np.zeros((5, 3), np.uint8)
    gaussians = initial_gaussians(xyz, rgb, InitialOptions(), 0, np.random.default_rng(0))
    every = np.ones(5, bool)
    found = Beginning(Points(xyz, rgb, "capture"), Seeds(xyz, rgb, every, every, maps), False)
    say_beginning(TrainConfig(strategy=NoneStrategy()), found, gaussians, Plan(1.0, 5, 5, 5, agreed), NoneStrategy())
    said = " ".join(capsys.readouterr().err.split())
    assert expected in said and ("depth maps" in said) == (maps > 0)
