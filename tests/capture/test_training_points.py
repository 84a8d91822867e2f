"""Points of structure from motion: only where training photos show them, in the colours of these."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest

from splat.capture import load_capture
from splat.capture.sfm.training_points import training_points
from tests.capture.capture_scenes import room_photo, room_poses, viewmat, write_photo

RED, GREEN = (200, 30, 10), (10, 220, 40)
K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])


def model_of(tracks: list[list[int]], names: list[str]) -> pycolmap.Reconstruction:
    """Points that are seen by images of these numbers, each at a pixel of its own."""
    model = pycolmap.Reconstruction()
    camera = pycolmap.Camera.create_from_model_name(1, "PINHOLE", 200.0, 40, 30)
    model.add_camera_with_trivial_rig(camera)
    for number, name in enumerate(names):
        image = pycolmap.Image(name=name, camera_id=1, image_id=number + 1)
        image.points2D = [pycolmap.Point2D(np.array([3.5 + 2 * index, 10.5])) for index in range(len(tracks))]
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(np.ascontiguousarray(viewmat(number)[:3])))
    for index, seen in enumerate(tracks):
        track = pycolmap.Track([pycolmap.TrackElement(number + 1, index) for number in seen])
        model.add_point3D(np.array([index, 0.0, 4.0]), track, np.array([255, 255, 255], np.uint8))
    return model


def test_points_that_training_photos_show_in_their_colors(tmp_path: Path) -> None:
    names = ["0.png", "1.png", "2.png", "3.png"]
    for name in names:  # twice as large as the model has them
        color = GREEN if name in ("0.png", "3.png") else RED
        write_photo(tmp_path / name, np.full((60, 80, 3), color, np.uint8))
    model = model_of([[1, 2], [0, 1], [0, 1, 2], [0, 3], [0, 1, 2, 3]], names)
    points = training_points(model, {name: tmp_path / name for name in ("1.png", "2.png")})
    assert points is not None
    assert points.xyz[:, 0].tolist() == [0, 2, 4]
    assert (points.rgb == RED).all()
    assert training_points(model, {"1.png": tmp_path / "1.png"}) is None


def test_the_color_is_that_of_the_pixel(tmp_path: Path) -> None:
    ramp = np.zeros((30, 40, 3), np.uint8)
    ramp[..., 0] = 6 * np.arange(40)
    write_photo(tmp_path / "0.png", ramp)
    write_photo(tmp_path / "1.png", ramp)
    points = training_points(
        model_of([[0, 1]] * 4, ["0.png", "1.png"]), {f"{i}.png": tmp_path / f"{i}.png" for i in (0, 1)}
    )
    assert points is not None and points.rgb[:, 0].tolist() == [18, 30, 42, 54]  # pixels 3, 5, 7, 9


def test_points_of_bare_photos_follow_the_split(tmp_path: Path, fresh: Path) -> None:
    """The same cameras, other points; kept for each choice."""
    for index, pose in enumerate(room_poses(6)):
        write_photo(tmp_path / "room" / f"{index}.png", room_photo(pose, K, 400, 300))
    every, none, again = (load_capture(tmp_path / "room", test_every=number, num_threads=1) for number in (3, 0, 3))
    assert every.points is not None and none.points is not None and again.points is not None
    np.testing.assert_array_equal(every.frames[1].camera.viewmat, none.frames[1].camera.viewmat)
    assert 50 < len(every.points.xyz) < len(none.points.xyz)
    np.testing.assert_array_equal(every.points.rgb, again.points.rgb)
    assert len(list(fresh.rglob("points-*.npz"))) == 2


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_damaged_kept_points_are_said_and_removed(tmp_path: Path, content: bytes) -> None:
    from splat.capture.cache import kept_points
    from splat.errors import SplatError

    (tmp_path / "points.npz").write_bytes(content)
    with pytest.raises(SplatError, match="run again"):
        kept_points(tmp_path / "points.npz", lambda: None)
    assert kept_points(tmp_path / "points.npz", lambda: None) is None
