"""Features that users bring, in every form that is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splat.capture import load_capture
from splat.capture.images import labels_as_the_camera_sees
from splat.capture.photo import oriented
from splat.capture.types import PhotoPlan
from splat.errors import SplatError
from splat.files import write_json
from splat.images import nearest_cells
from splat.language.cache import cached_features
from splat.language.teachers import TeacherOptions, load_teacher
from splat.language.types import Teacher

PHOTO = np.zeros((6, 8, 3), np.uint8)
TABLE = np.array([[3.0, 0, 0], [0, 2, 0], [0, 0, 1]], np.float32)


def teacher(folder: Path) -> Teacher:
    return load_teacher(TeacherOptions(teacher="files", files=str(folder)))


def test_label_pictures_count_from_one_and_arrays_from_zero(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", TABLE)
    write_json(tmp_path / "names.json", ["mug", "coffee_table", "bat_(animal)"])
    Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.array([[-1, 0], [1, 2]]))
    known = teacher(tmp_path)
    for name in ("photos/a.jpg", "b.jpg"):
        found = known.features(PHOTO, name)
        assert found.labels.tolist() == [[[-1, 0], [1, 2]]] and np.allclose(found.vectors, np.eye(3))
    assert known.levels == ("object",) and known.dim == 3 and not known.dense
    assert np.allclose(known.encode_text(["a Coffee table", "bat"]), np.eye(3)[1:])
    with pytest.raises(SplatError, match="did you mean 'mug'"):
        known.encode_text(["mugs"])
    with pytest.raises(SplatError, match=r"photo c\.jpg"):
        known.features(PHOTO, "c.jpg")


def test_labels_by_name_with_words_of_another_table(tmp_path: Path) -> None:
    write_json(tmp_path / "vectors.json", {"mug": [1, 0, 0], "rug": [0, 1, 0]})
    write_json(tmp_path / "labels.json", {"7": "rug", "9": None, "200": "mug"})
    write_json(tmp_path / "text.json", {"carpet": [0.0, 1, 0]})
    np.save(tmp_path / "a.npy", np.array([[7, 9, 200, 4]]))
    known = teacher(tmp_path)
    assert known.features(PHOTO, "a.png").labels.tolist() == [[[1, -1, 0, -1]]]
    assert np.allclose(known.encode_text(["carpet"]), [[0, 1, 0]])


def test_langsplats_files(tmp_path: Path) -> None:
    np.save(tmp_path / "frame_1_s.npy", np.arange(-1, 7).reshape(4, 1, 2))
    np.save(tmp_path / "frame_1_f.npy", np.eye(7, dtype=np.float16) * 4)
    known = teacher(tmp_path)
    found = known.features(PHOTO, "frame_1.jpg")
    assert known.levels == ("default", "part", "object", "whole") and known.dim == 7
    assert found.labels.shape == (4, 1, 2) and np.allclose(found.vectors, np.eye(7))
    with pytest.raises(SplatError, match="knows no words"):
        known.encode_text(["mug"])


def test_feature_maps_are_dense(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1)
    known = teacher(tmp_path)
    found = known.features(PHOTO, "a.jpg")
    assert known.dense and found.labels.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1)


@pytest.mark.parametrize(
    ("name", "array", "part"),
    [("a.npy", np.array([[5]]), "has 3 rows"), ("a.npy", np.zeros((2, 2)), "integer labels")],
)
def test_what_does_not_fit_is_named(tmp_path: Path, name: str, array: np.ndarray, part: str) -> None:
    np.save(tmp_path / "vectors.npy", TABLE)
    np.save(tmp_path / name, array)
    with pytest.raises(SplatError, match=part):
        teacher(tmp_path)
    with pytest.raises(SplatError, match="is no folder"):
        teacher(tmp_path / "nowhere")


def stripes(height: int, width: int) -> np.ndarray:
    """[height, width] int: cells of 12 pixels, each with a number of its own."""
    y, x = np.mgrid[:height, :width]
    return (y // 12) * -(-width // 12) + x // 12


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_labels_of_a_distorted_photo_are_undistorted_with_it(tmp_path: Path, factor: float) -> None:
    """Of the photo as stored, a fifth of the pixels had the label of a neighbour."""
    photos, files = tmp_path / "photos", tmp_path / "files"
    photos.mkdir()
    files.mkdir()
    labels = stripes(96, 144)
    Image.fromarray(np.stack([labels * 2] * 3, axis=2).astype(np.uint8)).save(photos / "a.png")
    np.save(files / "a.npy", labels)
    np.save(files / "vectors.npy", np.eye(labels.max() + 1, dtype=np.float32))
    shot = {"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}
    lens = {"fl_x": 110.0, "fl_y": 110.0, "cx": 72.0, "cy": 48.0, "w": 144, "h": 96, "k1": -0.25, "k2": 0.0}
    write_json(photos / "transforms.json", {**lens, "camera_model": "OPENCV", "frames": [shot]})
    capture = load_capture(photos, points="none", test_every=0, data_factor=factor)
    (found,) = cached_features(teacher(files), capture, [0], tmp_path / "cache")
    camera = capture.frames[0].camera
    seen = nearest_cells(found.labels[0], camera.height, camera.width)
    shown = capture.images.image(0)[..., 0].astype(int)
    inside = np.abs(shown - np.roll(shown, 1, 0)) + np.abs(shown - np.roll(shown, 1, 1)) == 0  # not between cells
    assert inside.mean() > 0.3 and (seen >= 0).mean() > 0.95
    assert (np.abs(2 * seen - shown) <= 1)[inside & (seen >= 0)].mean() > 0.98


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("upright", [False, True])
def test_labels_of_a_turned_photo_are_turned_with_it(tmp_path: Path, orientation: int, upright: bool) -> None:
    """Labels of the photo as stored, or (told by their shape) of the upright one."""
    stored = stripes(24, 48)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored.astype(np.uint8)).save(tmp_path / "a.png", exif=exif)
    turned = oriented(stored, orientation)
    plan = PhotoPlan(tmp_path / "a.png", orientation, None, turned.shape[1], turned.shape[0])
    given = turned if upright and orientation >= 5 else stored
    np.testing.assert_array_equal(labels_as_the_camera_sees(given[None], plan)[0], turned)
    as_stored = PhotoPlan(tmp_path / "a.png", 1, None, 48, 24)
    np.testing.assert_array_equal(labels_as_the_camera_sees(given[None], as_stored)[0], stored)


def test_dots_in_names_without_suffix_are_parts_of_them(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", TABLE)
    for number in range(2):
        np.save(tmp_path / f"frame.{number}.npy", np.full((2, 2), number))
    known = teacher(tmp_path)
    for number in range(2):
        for name in (f"images/frame.{number}", f"images/frame.{number}.jpg"):
            assert (known.features(PHOTO, name).labels == number).all()
