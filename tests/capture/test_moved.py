"""Captures whose models, photos and other files are not where one expects them."""

import json
from pathlib import Path

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture
from splat.capture.by_name import moved_photos
from splat.capture.colmap.choice import model_folder
from splat.capture.names import climbs_out, located
from splat.errors import SplatError

CAMERA = [("PINHOLE", LENSES["PINHOLE"], W, H)]
POSE = np.eye(4).tolist()


def model(root: Path, folder: str, count: int, size: tuple[int, int] = (W, H)) -> None:
    cameras = [("PINHOLE", LENSES["PINHOLE"], *size)]
    write_colmap(root, cameras, [(f"{index}.png", 1, viewmat(index)) for index in range(count)], folder=folder)


def photos(folder: Path, count: int, size: tuple[int, int] = (W, H)) -> None:
    for index in range(count):
        write_photo(folder / f"{index}.png", smooth_photo(index, *size))


def transforms(root: Path, names: list[str], **changes: object) -> None:
    frames = [
        {"file_path": name, "transform_matrix": [[1, 0, 0, index], *POSE[1:]]} for index, name in enumerate(names)
    ]
    (root / "transforms.json").write_text(json.dumps({"fl_x": 200.0, "w": W, "h": H, "frames": frames, **changes}))


@pytest.mark.parametrize(
    "other", ["sparse/1", "dense/sparse", "dense/0/sparse", "distorted/sparse/1", "colmap/sparse/0"]
)
def test_of_all_models_the_one_with_the_most_photos_of_its_shape_is_used(tmp_path, other, capsys):
    photos(tmp_path / "images", 4)
    model(tmp_path, "sparse/0", 2)
    model(tmp_path, other, 3)
    model(tmp_path, "distorted/sparse/0", 4, size=(H, 2 * W))  # whose photos have another shape
    capture = load_capture(tmp_path, points="none")
    assert len(capture.frames) == 3
    assert model_folder(tmp_path) == tmp_path / other
    warnings = [line for line in capsys.readouterr().err.splitlines() if "COLMAP models" in line]
    assert len(warnings) == 1
    assert f"of 3 COLMAP models {other} (3 posed photos) is used" in warnings[0]
    assert "sparse/0 (2 posed photos)" in warnings[0]
    assert "distorted/sparse/0 (4 posed photos, 4 of another shape than their cameras)" in warnings[0]


def test_a_damaged_model_beside_a_whole_one_is_named_and_left(tmp_path, capsys):
    photos(tmp_path / "images", 3)
    model(tmp_path, "sparse/0", 3)
    model(tmp_path, "sparse/1", 2)
    file = tmp_path / "sparse" / "0" / "images.bin"
    file.write_bytes(file.read_bytes()[:-9])
    assert len(load_capture(tmp_path, points="none").frames) == 2
    warning = capsys.readouterr().err
    assert "1 COLMAP model cannot be read" in warning and str(file) in warning
    assert f"it ends at byte {file.stat().st_size:,} in entry 3 of 3" in warning


def test_of_two_sets_of_photos_each_model_gets_its_own(tmp_path):
    photos(tmp_path / "images", 2, size=(W - 2, H - 2))  # undistorted ones are a little smaller
    photos(tmp_path / "input", 2)
    model(tmp_path, "distorted/sparse/0", 2)
    assert load_capture(tmp_path, points="none").frames[0].path.parent.name == "input"
    model(tmp_path, "sparse/0", 2, size=(W - 2, H - 2))
    assert load_capture(tmp_path, points="none").frames[0].path.parent.name == "images"


@pytest.mark.parametrize("folder", ["photos", "imgs", "undistorted_images"])
def test_folders_of_photos_may_have_other_names(tmp_path, folder, capsys):
    photos(tmp_path / folder, 2)
    model(tmp_path, "sparse/0", 2)
    assert len(load_capture(tmp_path, points="none").frames) == 2
    assert capsys.readouterr().err == ""


def test_photos_in_a_folder_of_any_name_are_found_and_it_is_said_but_masks_are_none(tmp_path, capsys):
    photos(tmp_path / "masks", 2)
    model(tmp_path, "sparse/0", 2)
    with pytest.raises(SplatError, match="none of the 2 photos"):
        load_capture(tmp_path, points="none")
    photos(tmp_path / "day one" / "left", 2)
    capture = load_capture(tmp_path, points="none", masks="none")
    assert [frame.path.parent.name for frame in capture.frames] == ["left", "left"]
    assert "the photos are those in" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["distorted", "distorted/sparse", "distorted/sparse/0"])
def test_a_part_of_a_capture_finds_the_photos_above_it(tmp_path, given):
    photos(tmp_path / "images", 2)
    model(tmp_path, "distorted/sparse/0", 2)
    assert len(load_capture(tmp_path / given, points="none").frames) == 2


def test_photos_of_a_transforms_file_are_found_by_name(tmp_path, capsys):
    photos(tmp_path / "elsewhere", 3)
    transforms(tmp_path, [f"images/{index}.png" for index in range(3)], test_filenames=["images/1.png"],
               train_filenames=["images/0.png", "images/2.png"])  # fmt: skip
    capture = load_capture(tmp_path, points="none")
    assert [frame.path.name for frame in capture.frames] == ["0.png", "1.png", "2.png"]
    assert [frame.split for frame in capture.frames] == ["train", "test", "train"]
    warnings = [line for line in capsys.readouterr().err.splitlines() if "found by name" in line]
    assert len(warnings) == 1 and "3 of 3 photos are not where" in warnings[0]


def test_a_missing_photo_is_not_replaced_by_one_of_its_name_in_another_folder(tmp_path):
    photos(tmp_path / "left", 1)
    photos(tmp_path / "right", 2)
    transforms(tmp_path, ["left/0.png", "left/1.png"])
    assert len(load_capture(tmp_path, points="none").frames) == 1


def test_names_that_stand_for_several_files_are_nobodys():
    assert moved_photos(Path("/nowhere"), {"a.png": None}) == {}


def test_of_several_files_the_one_in_the_same_folders_is_meant(tmp_path):
    for name in ("x/left/a.png", "x/right/a.png", "b/c.png", "d/c.png"):
        write_photo(tmp_path / name, smooth_photo(0, 8, 8))
    asked = dict.fromkeys(["y/left/a.png", "y/right/a.jpg", "y/c.png"])
    found = moved_photos(tmp_path, asked)
    assert found == {"y/left/a.png": tmp_path / "x/left/a.png", "y/right/a.jpg": tmp_path / "x/right/a.png"}


def test_paths_do_not_climb_out_of_the_folder(tmp_path):
    root = tmp_path / "capture"
    root.mkdir()
    write_photo(tmp_path / "secret" / "a.png", smooth_photo(0))
    transforms(root, ["../secret/a.png"])
    with pytest.raises(SplatError, match=r"the only photo .*\.\./secret/a\.png, which leads out of the folder"):
        load_capture(root, points="none")
    write_photo(root / "secret" / "a.png", smooth_photo(1))  # the longest end that is there
    assert load_capture(root, points="none").frames[0].path == root / "secret" / "a.png"
    assert climbs_out("a/../../b") and not climbs_out("a/../b") and not climbs_out("..b/c")


def test_a_size_that_differs_from_the_photos_scales_the_intrinsics(tmp_path):
    photos(tmp_path / "images", 1)
    transforms(tmp_path, ["images/0.png"], w=4.0 * W, h=4.0 * H, fl_x=800.0, cx=600.0)
    K = load_capture(tmp_path, points="none").frames[0].camera.K
    assert (K[0, 0], K[1, 1], K[0, 2], K[1, 2]) == (200.0, 200.0, 150.0, H / 2)


def test_moved_depth_maps_and_points_are_found_and_it_is_said(tmp_path, capsys):
    photos(tmp_path / "images", 1)
    (tmp_path / "depth").mkdir()
    np.save(tmp_path / "depth" / "0.npy", np.ones((H, W), np.float32))
    (tmp_path / "in").mkdir()
    header = "ply\nformat ascii 1.0\nelement vertex 1\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    (tmp_path / "in" / "p.ply").write_text(header + "end_header\n1 2 3\n")
    transforms(tmp_path, ["images/0.png"], ply_file_path="C:\\away\\p.ply")
    meta = json.loads((tmp_path / "transforms.json").read_text())
    meta["frames"][0]["depth_file_path"] = "away/0.npy"
    (tmp_path / "transforms.json").write_text(json.dumps(meta))
    capture = load_capture(tmp_path, points="capture")
    assert capture.frames[0].depth_path == tmp_path / "depth" / "0.npy"
    assert capture.points is not None and capture.points.xyz.tolist() == [[1, 2, 3]]
    said = capsys.readouterr().err
    assert "1 depth map are not where" in said and "points C:\\away\\p.ply are read from" in said


def test_names_as_web_addresses_have_them(tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    for name in ("a 1.jpg", "b%20.jpg"):
        (tmp_path / "my photos" / name).write_bytes(b"")
    assert located(tmp_path, "my%20photos/a%201.jpg") == ("my photos/a 1.jpg", tmp_path / "my photos/a 1.jpg")
    assert located(tmp_path, "my photos/b%20.jpg")[0] == "my photos/b%20.jpg"  # the name as it stands comes first
    assert located(tmp_path / "my photos", "%2e%2e/my%20photos/a%201.jpg")[1] is None
