"""What a run records of its capture gives the same cameras, split and pixels again, or refuses in one line."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_scenes import LENSES, H, W, room_photo, room_poses, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import Capture, load_capture
from splat.capture.config import CaptureOptions
from splat.capture.ply import recorded_points, write_ply_points
from splat.capture.recorded import capture_record, recorded_capture
from splat.errors import SplatError
from splat.files import slug

OPTIONS = CaptureOptions()


def again(capture: Capture, root: Path, options: CaptureOptions = OPTIONS) -> Capture:
    """The capture through its record, as text."""
    return recorded_capture(json.loads(json.dumps(capture_record(capture))), root, options, capture.points)


def same(one: Capture, other: Capture) -> None:
    assert [(f.camera.name, f.split, f.opaque) for f in one.frames] == [
        (f.camera.name, f.split, f.opaque) for f in other.frames
    ]
    for name in ("name", "kind", "data_factor", "origin", "photos_found", "depth_maps"):
        assert getattr(one, name) == getattr(other, name)
    assert [frame.depth_path for frame in one.frames] == [frame.depth_path for frame in other.frames]
    for index, (a, b) in enumerate(zip(one.frames, other.frames)):
        assert (a.camera.viewmat == b.camera.viewmat).all() and (a.camera.K == b.camera.K).all()
        assert (a.camera.width, a.camera.height) == (b.camera.width, b.camera.height)
        for layer in ("image", "alpha", "mask"):
            first, second = (getattr(capture.images, layer)(index) for capture in (one, other))
            assert (first is None) == (second is None)
            assert first is None or np.array_equal(first, second)


def distorted(folder: Path, count: int = 5) -> Path:
    """A COLMAP capture with a lens, masks, an alpha channel and a depth map."""
    images = [(f"in/{index}.png", 1, viewmat(index)) for index in range(count)]
    write_colmap(folder, [("OPENCV", LENSES["OPENCV"], W, H)], images)
    for index in range(count):
        photo = smooth_photo(index)
        if index == 2:
            photo = np.dstack([photo, np.full((H, W), 200, np.uint8)])
        write_photo(folder / "images" / "in" / f"{index}.png", photo)
    mask = np.full((H, W), 255, np.uint8)
    mask[:, : W // 3] = 0
    (folder / "masks" / "in").mkdir(parents=True)
    cv2.imwrite(str(folder / "masks" / "in" / "1.png"), mask)
    (folder / "depth" / "in").mkdir(parents=True)
    np.save(folder / "depth" / "in" / "3.npy", np.ones((H, W), np.float32))
    return folder


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_lens_masks_transparency_and_size_come_back(tmp_path: Path, factor: float) -> None:
    capture = load_capture(distorted(tmp_path / "scene"), data_factor=factor, points="none", test_every=2)
    assert [frame.split for frame in capture.frames] == ["test", "train", "test", "train", "test"]
    assert capture.images.mask(1) is not None and capture.images.alpha(2) is not None
    assert capture.frames[3].depth_path == tmp_path / "scene" / "depth" / "in" / "3.npy"
    same(again(capture, tmp_path / "scene"), capture)


def test_a_capture_that_moved_is_the_same(tmp_path: Path) -> None:
    capture = load_capture(distorted(tmp_path / "scene"), points="none")
    record = capture_record(capture)
    shutil.copytree(tmp_path / "scene", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "scene")
    moved = recorded_capture(record, tmp_path / "elsewhere", OPTIONS, None)
    assert moved.images.image(0).shape == (H, W, 3)


def test_what_is_added_or_refined_later_changes_nothing(tmp_path: Path) -> None:
    folder = distorted(tmp_path / "scene")
    capture = load_capture(folder, points="none", test_every=2)
    record = capture_record(capture)
    write_photo(folder / "images" / "in" / "00.png", smooth_photo(9))
    images = [(f"in/{name}.png", 1, viewmat(place + 3)) for place, name in enumerate(["0", "00", "1", "2", "3", "4"])]
    shutil.rmtree(folder / "sparse")
    write_colmap(folder, [("OPENCV", LENSES["OPENCV"], W, H)], images)
    assert len(load_capture(folder, points="none", test_every=2).frames) == 6
    same(recorded_capture(record, folder, OPTIONS, None), capture)


@pytest.mark.parametrize("where", ["images", "masks"])
@pytest.mark.parametrize("what", ["changed", "missing"])
def test_other_photos_and_masks_are_refused_by_name(tmp_path: Path, where: str, what: str) -> None:
    folder = distorted(tmp_path / "scene")
    record = capture_record(load_capture(folder, points="none"))
    file = folder / where / "in" / "1.png"
    if what == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    reason = "no longer below" if what == "missing" else "not the same any more"
    with pytest.raises(SplatError, match=rf"1 of the photos .*\(in/1.png\) is {reason}"):
        recorded_capture(record, folder, OPTIONS, None)


def test_found_cameras_stay_when_the_cache_is_emptied(tmp_path: Path, fresh: Path) -> None:
    """Finding them again, with other threads or photos, may give another frame of the world."""
    K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])
    for index, pose in enumerate(room_poses(5)):
        write_photo(tmp_path / "room" / f"{index}.png", room_photo(pose, K, 400, 300))
    capture = load_capture(tmp_path / "room")
    shutil.rmtree(fresh)
    same(again(capture, tmp_path / "room"), capture)
    assert not list(fresh.rglob("model"))


def test_points_come_back_bit_for_bit(tmp_path: Path) -> None:
    capture = load_capture(Path(__file__).parents[2] / "data" / "demo", data_factor=4)
    assert capture.points is not None
    write_ply_points(tmp_path / "points.ply", capture.points)
    read = recorded_points(tmp_path / "points.ply")
    assert read is not None and read.origin == "capture"
    assert np.array_equal(read.xyz, capture.points.xyz) and np.array_equal(read.rgb, capture.points.rgb)
    assert recorded_points(tmp_path / "none.ply") is None


CHANGES = {
    "no frames": lambda record: record.pop("frames"),
    "frames are text": lambda record: record.update(frames="x"),
    "a frame is a number": lambda record: record["frames"].__setitem__(0, 3),
    "no photo": lambda record: record["frames"][0].pop("photo"),
    "photo is text": lambda record: record["frames"][0].update(photo="x"),
    "no hash": lambda record: record["frames"][0]["photo"]["file"].pop("sha256"),
    "a key too many": lambda record: record["frames"][0]["photo"]["file"].update(x=1),
    "path is a number": lambda record: record["frames"][0]["photo"]["file"].update(path=3),
    "path with NUL": lambda record: record["frames"][0]["photo"]["file"].update(path="a\0b"),
    "path too long": lambda record: record["frames"][0]["photo"]["file"].update(path="x" * 5000),
    "ragged pose": lambda record: record["frames"][0]["viewmat"].__setitem__(0, [1.0]),
    "pose of text": lambda record: record["frames"][0].update(viewmat="x"),
    "singular pose": lambda record: record["frames"][0].update(viewmat=[[0.0] * 4] * 4),
    "huge": lambda record: record["frames"][0].update(width=10**12),
    "width is infinite": lambda record: record["frames"][0].update(width=float("inf")),
    "negative": lambda record: record["frames"][0].update(height=-4),
    "K too long a number": lambda record: record["frames"][0]["K"][0].__setitem__(0, 10**400),
    "name is a list": lambda record: record["frames"][0].update(name=[]),
    "another side": lambda record: record["frames"][0].update(split="val"),
    "unknown lens": lambda record: record["frames"][0]["photo"]["lens"].update(model="GLASS"),
    "lens too short": lambda record: record["frames"][0]["photo"]["lens"].update(params=[1.0]),
    "turn": lambda record: record["frames"][0]["photo"].update(orientation=9),
    "turn is text": lambda record: record["frames"][0]["photo"].update(orientation="1"),
    "meaning": lambda record: record["frames"][0]["photo"].update(mask_means="?"),
    "origin": lambda record: record.update(origin=[0.0]),
    "no kind": lambda record: record.pop("kind"),
}


@pytest.mark.parametrize("change", CHANGES, ids=slug)
def test_a_damaged_record_is_one_line(tmp_path: Path, change: str) -> None:
    folder = distorted(tmp_path / "scene")
    record = json.loads(json.dumps(capture_record(load_capture(folder, points="none"))))
    CHANGES[change](record)
    with pytest.raises(SplatError, match=r"^(cameras\.json|1 of the photos)"):
        recorded_capture(record, folder, OPTIONS, None)
