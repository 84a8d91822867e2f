"""A capture with one wrong camera from its files to what is said, and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from capture_scenes import room_photo, room_poses, write_colmap, write_photo
from examine_faults import DEMO, demo_tracks, turn
from PIL import Image

from splat.capture import load_capture
from splat.capture.colmap.fit import model_fit
from splat.capture.examine.errors import median_errors
from splat.capture.examine.examination import examine
from splat.cli import main
from splat.train.run import say_suspicions

WRONG = "0030.jpg"


@pytest.fixture(scope="module")
def wrong_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with one camera that looks from where another stands."""
    import pycolmap

    root = tmp_path_factory.mktemp("wrong")
    (root / "images").symlink_to(DEMO / "images")
    model = pycolmap.Reconstruction(str(DEMO / "sparse" / "0"))
    by_name = {image.name: image for image in model.images.values()}
    by_name[WRONG].frame.rig_from_world = by_name["0003.jpg"].cam_from_world()
    (root / "sparse" / "0").mkdir(parents=True)
    model.write(str(root / "sparse" / "0"))
    return root


def test_errors_are_those_that_colmap_computes() -> None:
    import pycolmap

    tracks = demo_tracks()
    model = pycolmap.Reconstruction(str(DEMO / "sparse" / "0"))
    image = next(image for image in model.images.values() if image.name == WRONG)
    camera = model.cameras[image.camera_id]
    expected = []
    for seen in image.points2D:
        if seen.has_point3D():
            pixel = camera.img_from_cam(image.cam_from_world() * model.points3D[seen.point3D_id].xyz)
            expected.append(np.linalg.norm(pixel - seen.xy))
    index = tracks.names.index(WRONG)
    np.testing.assert_allclose(np.sort(tracks.error[tracks.of(index)]), np.sort(expected), atol=1e-4)
    fit = model_fit(DEMO / "sparse" / "0", set(tracks.names))
    assert fit is not None and abs(fit.error - np.median(median_errors(tracks))) < 0.05


def test_the_demo_is_right_and_its_figures_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    capture = load_capture(DEMO)
    say_suspicions(capture)
    assert "cameras may be wrong" not in capsys.readouterr().err
    (only,) = examine(capture).in_full()
    assert only.startswith("72 photos of 6,404 points; a photo sees 582 (0064.jpg 368), 0.51 pixels")


def test_a_wrong_camera_is_said_when_training_begins(wrong_capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = load_capture(wrong_capture)
    assert examine(capture).photos == (WRONG,)
    say_suspicions(capture)
    said = " ".join(capsys.readouterr().err.split())
    assert f"cameras may be wrong: 1 photo ({WRONG}): points fit badly" in said
    assert "picture=cameras.png shows them" in said


def test_info_says_all_and_draws(wrong_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "cameras.png"
    assert main(["info", str(wrong_capture), "json=true", f"picture={picture}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert any(WRONG in line for line in found["cameras"][1:]) and found["picture"] == str(picture)
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    red = (np.abs(pixels - [214, 39, 40]).max(axis=2) < 10).sum()
    green = (np.abs(pixels - [44, 160, 44]).max(axis=2) < 10).sum()
    assert 0 < red < green


@pytest.mark.parametrize(("name", "part"), [("cameras.txt", "write a .png"), ("no/cameras.png", "cannot write")])
def test_a_picture_that_cannot_be_written(
    name: str, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no").write_text("a file, not a folder")
    assert main(["info", str(DEMO), f"picture={tmp_path / name}"]) == 2
    assert part in capsys.readouterr().err


def test_no_picture_is_drawn_into_a_capture(wrong_capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cameras.png", "images/cameras.png"):  # the second by way of a link
        assert main(["info", str(wrong_capture), f"picture={wrong_capture / name}"]) == 2
        assert "lies in the capture's folder" in " ".join(capsys.readouterr().err.split())
        assert not (wrong_capture / name).exists()


def test_a_model_without_keypoints_has_its_poses_looked_at(tmp_path: Path) -> None:
    tracks = demo_tracks()
    lens = ("PINHOLE", (400.0, 400.0, 240.0, 180.0), 480, 360)
    images = [(name, 1, viewmat) for name, viewmat in zip(tracks.names, tracks.viewmats)]
    write_colmap(tmp_path, [lens], images, tracks.xyz)
    (tmp_path / "images").symlink_to(DEMO / "images")
    (only,) = examine(load_capture(tmp_path)).in_full()
    assert only == "poses of 72 photos; nothing tells which of them see the same points"


@pytest.mark.parametrize("wrong", [None, 3])
def test_poses_without_points_are_held_against_what_their_photos_show(tmp_path: Path, wrong: int | None) -> None:
    K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])
    poses = room_poses(8)
    for index, pose in enumerate(poses):
        write_photo(tmp_path / "images" / f"{index}.png", room_photo(pose, K, 400, 300))
    if wrong is not None:
        poses[wrong] = poses[wrong].copy()
        poses[wrong][:3, :3] = turn(np.array([0.0, 1.0, 0.0]), 5.0) @ poses[wrong][:3, :3]
    images = [(f"{index}.png", 1, pose) for index, pose in enumerate(poses)]
    write_colmap(tmp_path, [("PINHOLE", (380.0, 380.0, 200.0, 150.0), 400, 300)], images)
    found = examine(load_capture(tmp_path, test_every=0, num_threads=2))
    assert found.looked_at.startswith("8 photos of ")
    assert found.photos == (() if wrong is None else (f"{wrong}.png",))
