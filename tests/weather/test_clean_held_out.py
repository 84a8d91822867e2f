"""Held-out photos change nothing in cleaned training photos, nor training photos in those that are held out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splat.cameras import Camera
from splat.capture import load_capture
from splat.capture.config import CaptureOptions
from splat.capture.images import PhotoImages
from splat.capture.photo import read_photo
from splat.capture.types import Capture, Frame, Points
from splat.cli import main
from splat.images import shrunk
from splat.weather.clean.config import LensOptions, MultiviewRestorer
from splat.weather.clean.lens import find_lens_masks
from splat.weather.clean.multiview import Multiview
from splat.weather.clean.source import open_source
from splat.weather.clean.sweep import SweepView
from tests.capture.capture_scenes import room_photo, room_poses, write_colmap
from tools.weather_effects import add_drops, add_fog, add_rain, add_snow

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
SIZE = 160, 120
K = np.array([[130.0, 0.0, 80.0], [0.0, 130.0, 60.0], [0.0, 0.0, 1.0]])
COUNT, EVERY = 12, 3
HELD_OUT = [f"{index:02}.png" for index in range(0, COUNT, EVERY)]

WEATHER: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "rain": lambda image, index: add_rain(image, None, 2, np.random.default_rng(index), angle=0.1),
    "snow": lambda image, index: add_snow(image, None, 2, np.random.default_rng(index)),
    "fog": lambda image, index: add_fog(image, None, 2, np.random.default_rng(0)),
    "drops": lambda image, index: add_drops(image, None, 1, np.random.default_rng(0))[0],
}


def write_room(root: Path, weather: str, recolored: str = "", kind: str = "colmap") -> Path:
    """Photos in a weather, of which those on one side of the split show something else: "train", "test" or neither.

    What they show instead is another room in other colours, with more of the weather, and turned upside down.
    """
    (root / "images").mkdir(parents=True)
    poses = room_poses(COUNT)
    for index, pose in enumerate(poses):
        name = f"{index:02}.png"
        other = recolored == ("test" if name in HELD_OUT else "train")
        image = room_photo(pose, K, *SIZE, style=7 if other else 0).astype(np.float32) / 255
        image = WEATHER[weather](image, index)
        if other:
            image = 0.25 + 0.75 * np.ascontiguousarray(WEATHER[weather](image, index + 50)[::-1, :, [2, 0, 1]])
        pixels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / name)
    if kind == "colmap":
        corners = np.array([[x, y, 4.0] for x in np.linspace(-1.5, 2, 8) for y in np.linspace(-1, 1, 6)])
        images = [(f"{index:02}.png", 1, pose) for index, pose in enumerate(poses)]
        write_colmap(root, [("PINHOLE", (130.0, 130.0, 80.0, 60.0), *SIZE)], images, corners)
    elif kind == "transforms":
        flip = np.diag([1.0, -1.0, -1.0, 1.0])
        frames = [
            {"file_path": f"images/{index:02}.png", "transform_matrix": (np.linalg.inv(pose) @ flip).tolist()}
            for index, pose in enumerate(poses)
        ]
        meta = {"fl_x": 130.0, "fl_y": 130.0, "w": SIZE[0], "h": SIZE[1], "frames": frames}
        (root / "transforms.json").write_text(json.dumps(meta))
    return root


def written(out: Path, held_out: bool) -> dict[str, bytes]:
    """Photos and masks of one side of the split."""
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png") if path.parent != out}
    side = {name: data for name, data in found.items() if (name.split("/")[-1][:6] in HELD_OUT) == held_out}
    assert len([name for name in side if name.startswith("images/")]) == (4 if held_out else 8)
    return side


MULTIVIEW = ["restorer=multiview", "restorer.agree=3", "restorer.planes=8", "restorer.size=80", "restorer.neighbours=5"]
CASES = {
    "classical rain": ("rain", "colmap", ["restorer=classical"]),
    "classical snow": ("snow", "colmap", ["restorer=classical"]),
    "classical fog": ("fog", "colmap", ["restorer=classical"]),
    "multiview rain": ("rain", "colmap", MULTIVIEW),
    "multiview, no points": ("snow", "transforms", MULTIVIEW),
    "own network": ("rain", "colmap", ["restorer=learned"]),
    "photos alone": ("rain", "photos", ["restorer=classical"]),
}


@pytest.mark.parametrize("case", CASES)
def test_neither_side_changes_what_is_written_of_the_other(tmp_path: Path, case: str) -> None:
    weather, kind, words = CASES[case]
    out = {}
    for recolored in ("", "test", "train"):
        room = write_room(tmp_path / (recolored or "plain"), weather, recolored, kind)
        out[recolored] = tmp_path / f"{room.name}-out"
        asked = [f"weather={weather}", f"test_every={EVERY}", "split=3dgs", "lens.masks=none", "photos=3", *words]
        assert main(["clean", str(room), *asked, f"out={out[recolored]}"]) == 0
    assert written(out[""], held_out=False) == written(out["test"], held_out=False)
    assert written(out[""], held_out=True) == written(out["train"], held_out=True)
    photos = json.loads((out[""] / "clean.json").read_text())["photos"]
    assert min(photo["restored_share"] for photo in photos if photo["split"] == "train") > 0.01
    assert [Path(photo["name"]).name for photo in photos if photo["split"] == "test"] == HELD_OUT


def test_what_is_found_is_found_in_training_photos(tmp_path: Path) -> None:
    """The kind of weather and the restorer, where all is left to splat."""
    out = {}
    for recolored in ("", "test"):
        room = write_room(tmp_path / (recolored or "plain"), "snow", recolored)
        out[recolored] = tmp_path / f"{room.name}-out"
        assert main(["clean", str(room), f"test_every={EVERY}", f"out={out[recolored]}"]) == 0
    assert written(out[""], held_out=False) == written(out["test"], held_out=False)
    before, after = (json.loads((folder / "clean.json").read_text()) for folder in out.values())
    assert before["restorer"]["chosen"] == "learned" and before["weather"]["found"] == ["snow"]
    assert all(before[part] == after[part] for part in ("weather", "lens", "restorer"))


def test_what_sits_on_the_lens_is_found_in_training_photos(tmp_path: Path) -> None:
    """Without the training photos' drops in the held-out ones, their masks are what they were."""
    masks = []
    for recolored in (False, True):
        folder = tmp_path / str(recolored)
        folder.mkdir()
        for index, file in enumerate(sorted((DEMO / "images").iterdir())[::3]):
            image = WEATHER["drops"](shrunk(read_photo(file), 240).astype(np.float32) / 255, index)
            image = image[::-1, ::-1] if recolored and index % EVERY == 0 else image
            Image.fromarray(np.rint(255 * image.clip(0, 1)).astype(np.uint8)).save(folder / f"{index:02}.png")
        source = open_source(folder, CaptureOptions(test_every=EVERY, split="3dgs"), lambda: tmp_path)
        found = find_lens_masks(source, LensOptions())
        assert found.found and found.groups[(240, 180)].photos == 24
        masks.append([found.mask(photo) for photo in source.photos])
        assert all(0.005 < 1 - mask.mean() < 0.2 for mask in masks[-1])
    assert all(np.array_equal(one, other) for one, other in zip(*masks))


@pytest.mark.parametrize("kind", ["colmap", "transforms", "photos"])
def test_the_new_capture_keeps_the_split(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Counted anew, every 8th would hold out photos that the others were cleaned with."""
    room, out = write_room(tmp_path / "room", "rain", kind=kind), tmp_path / "out"
    words = ["weather=rain", "restorer=classical", "lens.masks=none"]
    assert main(["clean", str(room), *words, f"test_every={EVERY}", "split=3dgs", f"out={out}"]) == 0
    assert f"4 of 12 photos are held out (test_every={EVERY}, split=3dgs)" in capsys.readouterr().err
    if kind == "photos":
        assert (out / "test.txt").read_text().split() == HELD_OUT
    else:
        capture = load_capture(out, points="none", test_every=8)
        assert [Path(camera.name).name for camera in capture.cameras("test")] == HELD_OUT
    assert main(["clean", str(out), *words, "test_every=0", f"out={tmp_path / 'again'}"]) == 0
    photos = json.loads((tmp_path / "again" / "clean.json").read_text())["photos"]
    assert [Path(photo["name"]).name for photo in photos if photo["split"] == "test"] == HELD_OUT


def test_no_photo_held_out_is_kept_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    room, out = write_room(tmp_path / "room", "rain"), tmp_path / "out"
    words = ["weather=rain", "restorer=classical", "lens.masks=none", "test_every=0"]
    assert main(["clean", str(room), *words, f"out={out}"]) == 0
    assert "no photo is held out" in capsys.readouterr().err
    assert load_capture(out, points="none").indices("test") == []


def test_depth_of_a_scene_that_saw_the_held_out_photos_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room, run = write_room(tmp_path / "room", "rain"), tmp_path / "run"
    tiny = ["max_steps=2", "cap_max=100", "data_factor=4", "initial.seeds=50", "schedule.eval_every=0"]
    assert main(["train", str(room), f"test_every={COUNT}", *tiny, f"out={run}"]) == 0
    words = ["weather=rain", "restorer=multiview", f"restorer.scene={run}", f"out={tmp_path / 'out'}"]
    assert main(["clean", str(room), *words, f"test_every={EVERY}"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "3 of the photos that are held out here (first: 03.png)" in said
    assert main(["clean", str(room), *words, *MULTIVIEW[1:], f"test_every={COUNT}"]) == 0


def test_photos_are_as_read(tmp_path: Path) -> None:
    """The tests above compare what they think they compare."""
    plain, other = write_room(tmp_path / "a", "rain"), write_room(tmp_path / "b", "rain", "test")
    differ = [
        path.name
        for path in sorted((plain / "images").iterdir())
        if (read_photo(path) != read_photo(other / "images" / path.name)).mean() > 0.5
    ]
    assert differ == HELD_OUT


@pytest.mark.parametrize("file", ["test.txt", "transforms_test.json"])
def test_a_split_that_another_file_states_goes_into_the_new_capture(tmp_path: Path, file: str) -> None:
    room = write_room(tmp_path / "room", "rain", kind="transforms")
    meta = json.loads((room / "transforms.json").read_text())
    listed = {**meta, "frames": [meta["frames"][2], meta["frames"][7]]}
    (room / file).write_text("02\n07\n" if file == "test.txt" else json.dumps(listed))
    out = tmp_path / "out"
    assert main(["clean", str(room), "weather=rain", "restorer=classical", "lens.masks=none", f"out={out}"]) == 0
    for folder in (room, out):
        cameras = load_capture(folder, points="none").cameras("test")
        assert [Path(camera.name).name for camera in cameras] == ["02.png", "07.png"]


def test_points_of_training_photos_are_not_asked_how_far_a_held_out_photo_sees() -> None:
    """Triangulated ones; those that a capture brings are known to both sides."""
    rng = np.random.default_rng(0)
    K = torch.tensor([[30.0, 0, 16], [0, 30, 12], [0, 0, 1]], dtype=torch.float64)
    frames, views = [], []
    for index in range(6):
        viewmat = torch.eye(4, dtype=torch.float64)
        viewmat[0, 3] = -0.1 * index
        split = "test" if index == 0 else "train"
        frames.append(Frame(Camera(viewmat, K, 32, 24, f"{index}.png"), split, Path(f"{index}.png")))  # type: ignore[arg-type]
        views.append(SweepView(rng.random((24, 32), dtype=np.float32), frames[-1].camera))
    xyz = np.column_stack([rng.uniform(-0.5, 0.5, (50, 2)), np.full(50, 4.0)])

    def depth(index: int, origin: str | None) -> np.ndarray:
        points = None if origin is None else Points(xyz, np.zeros((50, 3), np.uint8), origin)
        capture = Capture("row", Path(), "transforms", frames, PhotoImages([], 0), points)
        order = np.array([other for other in range(1, 6) if other != index])
        return Multiview(capture, MultiviewRestorer(planes=8), views, False).depth(index, order)

    for index in (0, 1):
        near = depth(index, "capture")
        assert near.min() > 2.9 and near.max() < 6.1  # 0.75 to 1.5 times the depth of the points
        blind = depth(index, None)
        assert blind.max() > 6.1
        assert np.array_equal(depth(index, "triangulated"), blind if index == 0 else near)
