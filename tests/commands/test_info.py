"""`splat info` on what is no run yet: photos and videos."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splat.cli import main
from splat.render.video import open_video


def photo(path: Path, width: int, height: int, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", (width, height), "red").save(path, exif=exif)


def test_photos_are_counted_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my photos"
    photo(folder / "a.jpg", 40, 30)
    photo(folder / "b.JPG", 30, 40, orientation=6)  # held upright: 40 x 30 when turned
    photo(folder / "c.jpg", 30, 40)
    (folder / "d.jpg").write_bytes(b"no photo")
    assert main(["info", str(folder), "json=true"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "photos without poses" and found["photos"] == 4
    assert found["sizes"] == ["2 of 40x30", "1 of 30x40", "1 unreadable"]
    assert found["next"] == f"splat train {shlex.quote(str(folder))} finds the poses"


def test_what_is_left_out_and_what_is_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        photo(tmp_path / name, 40 + index, 30)
    for name in ("a_mask.png", "masks/b.png", "depth/a.png", "runs/x/renders/a.png"):
        photo(tmp_path / name, 20, 20)
    for name in ("config.yaml", "scene.ply"):
        (tmp_path / "runs" / "x" / name).touch()
    (tmp_path / "sfm_data.json").touch()
    assert main(["info", str(tmp_path), "json=true"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["photos"], found["masks"]) == (3, 2)
    for part in (
        "1 picture in 1 folder that splat wrote",
        "2 pictures in folders of masks",
        "not read: sfm_data.json",
    ):
        assert sum(part in note for note in found["notes"]) == 1
    assert main(["info", str(tmp_path)]) == 0
    assert "\n           not read: sfm_data.json\n" in capsys.readouterr().out


def test_a_posed_captures_inventory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [{"file_path": f"{name}.png", "transform_matrix": np.eye(4).tolist()} for name in "abc"]
    for name in ("a.png", "b.png", "masks/a.png"):
        photo(tmp_path / name, 40, 30)
    (tmp_path / "depth").mkdir()
    for name in "ab":
        Image.new("I;16", (40, 30), 1000).save(tmp_path / "depth" / f"{name}.png")
    (tmp_path / "transforms.json").write_text(json.dumps({"fl_x": 30, "frames": frames}))
    assert main(["info", str(tmp_path), "json=true"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("photos", "photos_found", "masks", "depth_maps", "points")] == [2, 3, 1, 2, 0]


def test_a_videos_size_and_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_video(tmp_path / "walk.mp4", fps=10) as video:
        for value in range(20):
            video.add(np.full((32, 48, 3), value * 10, np.uint8))
    assert main(["info", str(tmp_path / "walk.mp4"), "json=true"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == "48x32" and found["frames_per_second"] == 10 and abs(found["seconds"] - 2) < 0.2


def test_an_empty_folder_is_named_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path} is an empty folder\n"


def test_a_single_photo_is_no_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(tmp_path / "my photos" / "a.jpg", 40, 30)
    assert main(["info", str(tmp_path / "my photos" / "a.jpg")]) == 2
    assert f"is a photo; give its folder: splat info '{tmp_path}/my photos'\n" in capsys.readouterr().err
