"""Impossible lenses and equal photos are said."""

import json

import numpy as np
import pytest
from capture_scenes import H, W, smooth_photo, write_photo
from PIL import Image

from splat.capture import load_capture
from splat.capture.oddities import equal_files, look_alikes, panoramas


def capture_of(root, names, **meta):
    for index, name in enumerate(names):
        if not (root / name).exists():
            write_photo(root / name, smooth_photo(index))
    frames = [{"file_path": name, "transform_matrix": np.eye(4).tolist()} for name in names]
    (root / "transforms.json").write_text(json.dumps({"fl_x": 300.0, **meta, "frames": frames}))
    return load_capture(root, points="none", test_every=2)


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        ({"fl_x": None, "camera_angle_x": 5.86e-06}, "a focal length of 5.46075e+07 for 320x240 pixels"),
        ({"fl_x": 3.0}, "a focal length of 3 for"),
        ({"fl_y": 1500.0}, "focal lengths of 300 across and 1,500 down"),
        ({"cx": -500.0}, "the centre -500, 120 at the edge or outside of 320x240 pixels"),
        ({"cx": 0.5, "cy": 0.5}, "the centre 0.5, 0.5 at the edge"),
    ],
)
def test_impossible_lenses_are_one_warning(tmp_path, meta, says, capsys):
    capture = capture_of(tmp_path, ["a.png", "b.png"], **meta)
    (note,) = [note for note in capture.notes if "can hardly be right" in note]
    assert note.startswith("2 of 2 cameras") and "(first: a.png" in note and says in note
    assert note in capsys.readouterr().err


def test_poses_that_are_those_of_another_photo_are_one_warning(tmp_path, capsys):
    capture = capture_of(tmp_path, ["a.png", "b.png", "c.png"])
    (note,) = [note for note in capture.notes if "the pose of another" in note]
    assert note.startswith("2 of 3 cameras have") and "b.png that of a.png" in note
    assert note in capsys.readouterr().err


@pytest.mark.parametrize("focal", [60.0, 300.0, 12_000.0])
def test_wide_and_tele_lenses_are_fine(tmp_path, focal):
    assert not any("can hardly" in note for note in capture_of(tmp_path, ["a.png", "b.png"], fl_x=focal).notes)


def test_held_out_copies_of_training_photos_are_one_warning(tmp_path, capsys):
    for name in ("a.png", "b.png"):
        write_photo(tmp_path / name, smooth_photo(0))
    capture = capture_of(tmp_path, ["a.png", "b.png", "c.png"])
    assert [frame.split for frame in capture.frames] == ["test", "train", "test"]
    said = capsys.readouterr().err
    assert "1 of 2 held-out photos are copies of training photos (first: " in said
    assert not any("copies" in note for note in capture_of(tmp_path, ["a.png", "c.png"]).notes)


def test_pictures_of_the_shape_of_panoramas_are_one_warning(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path, size in zip(paths, ((64, 32), (64, 33), (128, 64))):
        Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path)
    (note,) = panoramas(paths)
    assert note.startswith("2 of 3 photos are twice as wide as high") and "first: a.png" in note
    assert note in " ".join(capsys.readouterr().err.split())
    assert panoramas(paths[1:2]) == []


def test_equal_files(tmp_path):
    for name, content in (("a", b"12"), ("b", b"34"), ("c", b"12"), ("d", b"123")):
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in "abcd"]
    assert equal_files([*paths, tmp_path / "gone"]) == [[paths[0], paths[2]]]


def test_photos_that_show_the_same_are_found_whatever_their_size_and_quality(tmp_path):
    picture = Image.fromarray(smooth_photo(1, 640, 480))
    other = Image.fromarray(smooth_photo(2, 640, 480))
    moved = Image.fromarray(np.roll(smooth_photo(1, 640, 480), 12, axis=1))
    for name, image, quality in (("a", picture, 95), ("b", other, 95), ("c", picture.resize((320, 240)), 80)):
        image.save(tmp_path / f"{name}.jpg", quality=quality)
    moved.save(tmp_path / "d.jpg", quality=95)
    Image.new("RGB", (W, H), "white").save(tmp_path / "e.jpg")
    Image.new("RGB", (W, H), "white").save(tmp_path / "f.jpg")  # flat ones tell nothing
    paths = [tmp_path / f"{name}.jpg" for name in "abcdef"]
    assert look_alikes(paths) == [(paths[2], paths[0])]


def test_held_out_photos_that_were_saved_anew_are_one_warning(tmp_path, capsys):
    names = [f"{index}.png" for index in range(6)]
    for index, name in enumerate(names):
        Image.fromarray(smooth_photo(index // 2)).save(tmp_path / name, compress_level=1 + index % 2)
    places = [0, 0.001, 1, 1.001, 2, 4]  # the last photo shows the same from elsewhere
    frames = []
    for name, place in zip(names, places):
        pose = np.eye(4)
        pose[0, 3] = place
        frames.append({"file_path": name, "transform_matrix": pose.tolist()})
    (tmp_path / "transforms.json").write_text(json.dumps({"fl_x": 300.0, "frames": frames}))
    capture = load_capture(tmp_path, points="none", test_every=2)
    (note,) = [note for note in capture.notes if "from the same place" in note]
    assert note.startswith("2 of 3 held-out photos show the same")
    assert f"{tmp_path / '0.png'} as {tmp_path / '1.png'}" in note
    assert note in capsys.readouterr().err
