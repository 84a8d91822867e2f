"""Which reader a path gets, the split, and mistakes."""

import dataclasses
import json

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture, random_points
from splat.capture.beside import SideFolder
from splat.capture.config import CaptureOptions
from splat.capture.points import focus_point
from splat.capture.readers.registry import READERS, capture_format
from splat.errors import SplatError


def row_of_photos(root, count):
    names = [f"{index:03d}.png" for index in range(count)]
    for index, name in enumerate(names):
        write_photo(root / "images" / name, smooth_photo(index, 32, 24))
    images = [(name, 1, viewmat(index)) for index, name in enumerate(reversed(names))]
    write_colmap(root, [("PINHOLE", LENSES["PINHOLE"], W, H)], images)
    return root


@pytest.mark.parametrize(
    ("test_every", "held_out"), [(8, [0, 8, 16]), (5, [0, 5, 10, 15]), (0, []), (100, [0]), (2, list(range(0, 17, 2)))]
)
def test_every_nth_in_name_order_is_held_out(tmp_path, test_every, held_out):
    capture = load_capture(row_of_photos(tmp_path, 17), test_every=test_every, points="none")
    assert [frame.camera.name for frame in capture.frames] == [f"{index:03d}.png" for index in range(17)]
    assert capture.indices("test") == held_out
    assert len(capture.indices("train")) == 17 - len(held_out)


def test_formats_are_told_apart(tmp_path):
    write_colmap(tmp_path / "colmap", [("PINHOLE", LENSES["PINHOLE"], W, H)], [("a.png", 1, np.eye(4))])
    (tmp_path / "ngp").mkdir()
    (tmp_path / "ngp" / "transforms.json").write_text(json.dumps({"frames": []}))
    (tmp_path / "blender").mkdir()
    (tmp_path / "blender" / "transforms_train.json").write_text("{}")
    write_photo(tmp_path / "photos" / "deep" / "a.JPG", smooth_photo(0))
    (tmp_path / "clip.MP4").write_bytes(b"")
    kinds = {name: capture_format(tmp_path / name) for name in ("colmap", "ngp", "blender", "photos", "clip.MP4")}
    assert kinds == {
        "colmap": "colmap",
        "ngp": "transforms",
        "blender": "blender",
        "photos": "photos",
        "clip.MP4": "video",
    }
    assert capture_format(tmp_path / "ngp" / "transforms.json") == "transforms"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data_factor": 0.5}, "data_factor=0.5"),
        ({"data_factor": float("nan")}, "data_factor"),
        ({"test_every": -1}, "test_every=-1"),
        ({"test_every": 1}, "test_every=1: must be 0 or at least 2"),
        ({"masks": "maybe"}, "masks=maybe"),
        ({"points": "lots"}, "points=lots"),
        ({"cache_gb": -1.0}, "cache_gb"),
        ({"max_frames": 0}, "max_frames"),
        ({"num_threads": 0}, "num_threads"),
    ],
)
def test_wrong_options_are_errors_of_one_line(tmp_path, options, says):
    with pytest.raises(SplatError, match=says) as caught:
        load_capture(row_of_photos(tmp_path, 3), **options)
    assert "\n" not in str(caught.value)


def test_wrong_paths_are_errors_of_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "heic").mkdir()
    (tmp_path / "heic" / "IMG_1.HEIC").write_bytes(b"x")
    for name, says in [
        ("nowhere", "no such capture"),
        ("empty", "holds no capture"),
        ("notes.txt", "is no capture"),
        ("heic", "HEIC"),
    ]:
        with pytest.raises(SplatError, match=says) as caught:
            load_capture(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_mask_files_are_found_by_name(tmp_path):
    for name in ("a.png", "b.jpg.png", "deep/c.JPG.png"):
        write_photo(tmp_path / name, smooth_photo(0))
    masks = SideFolder(tmp_path)
    assert len(masks) == 3
    assert masks.find("a.jpg") == tmp_path / "a.png"
    assert masks.find("b.jpg") == tmp_path / "b.jpg.png"
    assert masks.find("deep/c.JPG") == tmp_path / "deep" / "c.JPG.png"
    assert masks.find("c.JPG") is None


def test_the_focus_is_where_the_axes_meet():
    rng = np.random.default_rng(0)
    target = np.array([1e6, -2e6, 300.0])  # far from the origin, as geo-referenced captures are
    positions = target + rng.normal(size=(20, 3)) * 5
    axes = (target - positions) / np.linalg.norm(target - positions, axis=1, keepdims=True)
    np.testing.assert_allclose(focus_point(positions, axes), target, atol=1e-6)
    parallel = np.tile([0.0, 0.0, 1.0], (4, 1))
    assert focus_point(np.eye(4, 3), parallel)[2] > 0.5  # nothing to meet at: somewhere in front


def test_random_points_are_seen_and_repeat(tmp_path):
    capture = load_capture(row_of_photos(tmp_path, 6), points="none")
    points = random_points(capture.cameras(), 500, seed=3)
    assert points.shape == (500, 3) and points.dtype == np.float64
    np.testing.assert_array_equal(points, random_points(capture.cameras(), 500, seed=3))
    assert not np.array_equal(points, random_points(capture.cameras(), 500, seed=4))
    seen = 0
    for camera in capture.cameras():
        local = points @ camera.viewmat[:3, :3].numpy().T + camera.viewmat[:3, 3].numpy()
        pixels = local @ camera.K.numpy().T
        u, v = pixels[:, 0] / pixels[:, 2], pixels[:, 1] / pixels[:, 2]
        seen += (local[:, 2] > 0) & (u > 0) & (v > 0) & (u < camera.width) & (v < camera.height)
    assert (seen >= 2).all()


def test_a_cache_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    for index in range(3):
        write_photo(tmp_path / "photos" / f"{index}.png", smooth_photo(index))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SplatError, match=r"cannot write to .*file.*SPLAT_CACHE") as caught:
        load_capture(tmp_path / "photos", cache_dir=str(tmp_path / "file"))
    assert "\n" not in str(caught.value)


def test_every_reader_can_be_asked_for_by_name():
    format = next(field for field in dataclasses.fields(CaptureOptions) if field.name == "format")
    assert format.metadata["choices"] == ("auto", *READERS)
