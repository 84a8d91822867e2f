"""Whole captures through `splat clean`: what is found, what is written, what is left alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
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
from splat.capture.types import Capture, Frame
from splat.cli import main
from splat.formats import write_scene
from splat.run import write_cameras
from splat.temporary import is_temporary
from splat.weather.clean.config import CleanConfig
from splat.weather.clean.detect import look
from splat.weather.clean.multiview import scene_depths
from splat.weather.clean.source import open_source
from splat.weather.clean.sweep import SweepView, sweep
from tests.capture.capture_scenes import room_photo, room_poses, write_colmap
from tests.weather.places import camera, wall
from tools.weather_effects import add_drops, add_fog, add_rain, add_snow

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
K = np.array([[260.0, 0.0, 160.0], [0.0, 260.0, 120.0], [0.0, 0.0, 1.0]])
Weather = Callable[[np.ndarray, int], np.ndarray]


def rain(image: np.ndarray, index: int) -> np.ndarray:
    return add_rain(image, None, 2, np.random.default_rng(index), angle=0.1)


def snow(image: np.ndarray, index: int) -> np.ndarray:
    return add_snow(image, None, 2, np.random.default_rng(index))


def fog(image: np.ndarray, index: int) -> np.ndarray:
    return add_fog(image, None, 2, np.random.default_rng(0))


def drops(image: np.ndarray, index: int) -> np.ndarray:
    return add_drops(image, None, 1, np.random.default_rng(0))[0]


def bare(folder: Path, weather: Weather | None, start: int = 0, count: int = 12) -> Path:
    """A folder of demo photos in a row."""
    folder.mkdir(parents=True)
    for index, file in enumerate(sorted((DEMO / "images").iterdir())[start : start + count]):
        image = read_photo(file).astype(np.float32) / 255
        image = image if weather is None else weather(image, index)
        Image.fromarray(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)).save(folder / f"{file.stem}.png")
    return folder


def found(path: Path) -> str:
    source = open_source(path, CaptureOptions(), lambda: path)
    return look(source, CleanConfig(photos=10)).kind


@pytest.mark.parametrize(("kind", "weather"), [("none", None), ("rain", rain), ("snow", snow), ("fog", fog)])
def test_the_weather_in_the_air_is_recognised(tmp_path: Path, kind: str, weather: Weather | None) -> None:
    assert found(bare(tmp_path / "photos", weather)) == kind


@pytest.mark.parametrize("name", ["fox", "desk", "lego"])
def test_clean_real_captures_have_no_weather(shared_data: Callable[[str], Path], name: str) -> None:
    assert found(shared_data(name)) == "none"


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_room(root: Path, weather: Weather | None, count: int = 10) -> Path:
    """A COLMAP capture of a textured corner."""
    (root / "images").mkdir(parents=True)
    poses = room_poses(count)
    for index, pose in enumerate(poses):
        image = room_photo(pose, K, 320, 240).astype(np.float32) / 255
        image = image if weather is None else weather(image, index)
        pixels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{index:02}.png")
    corners = np.array([[x, y, 4.0] for x in np.linspace(-1.5, 2, 8) for y in np.linspace(-1, 1, 6)])
    params = (K[0, 0], K[1, 1], K[0, 2], K[1, 2])
    images = [(f"{index:02}.png", 1, pose) for index, pose in enumerate(poses)]
    write_colmap(root, [("PINHOLE", params, 320, 240)], images, corners)
    return root


def test_nothing_found_gives_the_same_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    room = write_room(tmp_path / "room", None)
    before = digest(room)
    assert main(["clean", str(room)]) == 0
    out = Path(capsys.readouterr().out.splitlines()[-1])
    assert out == tmp_path / "room-clean"
    written = digest(out)
    assert digest(room) == before
    assert {name: written[name] for name in before} == before
    assert set(written) - set(before) == {"clean.json", "clean.png"}
    record = json.loads((out / "clean.json").read_text())
    assert record["weather"]["in_the_air"] == "none" and record["restorer"]["chosen"] == "none"
    assert len(load_capture(out, points="capture").frames) == 10


def test_auto_takes_the_network(tmp_path: Path) -> None:
    chosen = {}
    for name, folder in (("posed", write_room(tmp_path / "room", rain)), ("bare", bare(tmp_path / "bare", rain))):
        out = tmp_path / f"{name}-dry"
        assert main(["clean", str(folder), "weather=rain", "lens.masks=none", f"out={out}"]) == 0
        chosen[name] = json.loads((out / "clean.json").read_text())["restorer"]["chosen"]
    assert chosen == {"posed": "learned", "bare": "learned"}


def test_views_take_rain_out(tmp_path: Path) -> None:
    room = write_room(tmp_path / "rainy", rain)
    assert main(["clean", str(room), "weather=rain", "restorer=multiview", "restorer.agree=4"]) == 0
    out = tmp_path / "rainy-clean"
    clean = [room_photo(pose, K, 320, 240).astype(float) for pose in room_poses(10)]

    def error(folder: Path) -> float:
        files = sorted((folder / "images").iterdir())
        return float(np.mean([np.mean((read_photo(f) - c) ** 2) for f, c in zip(files, clean)]))

    assert error(out) < 0.75 * error(room)  # more than 1.2 dB
    shares = [photo["restored_share"] for photo in json.loads((out / "clean.json").read_text())["photos"]]
    assert 0.01 < np.mean(shares) < 0.4


def test_depth_of_a_corner_by_a_sweep() -> None:
    poses = room_poses(7)
    cameras = [Camera(torch.from_numpy(pose), torch.from_numpy(K), 320, 240) for pose in poses]
    photos = [room_photo(pose, K, 320, 240)[..., 1].astype(np.float32) / 255 for pose in poses]
    views = [SweepView(photo, camera) for photo, camera in zip(photos, cameras)]
    found = sweep(views[3], [views[i] for i in (1, 2, 4, 5)], 2.0, 8.0, 64)
    u, v = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], axis=-1)
    centre = -poses[3][:3, :3].T @ poses[3][:3, 3]
    depth = (4.0 - centre[2]) / (rays @ poses[3][:3, :3])[..., 2]  # of the back wall
    where = centre + (rays * depth[..., None]) @ poses[3][:3, :3]
    wall = (where[..., 0] > -1.7) & (where[..., 1] < 1.0)
    wall[:12], wall[-12:], wall[:, :12], wall[:, -12:] = False, False, False, False
    off = np.abs(found / depth - 1)[wall]
    assert np.median(off) < 0.02 and np.mean(off < 0.05) > 0.9


def test_masks_of_drops_are_read_again_and_join_the_users(tmp_path: Path) -> None:
    photos = bare(tmp_path / "walk", drops, count=16)
    (photos / "masks").mkdir()
    own = np.full((360, 480), 255, np.uint8)
    own[300:, :] = 0
    Image.fromarray(own).save(photos / "masks" / "0003.png")
    assert main(["clean", str(photos), "weather=drops"]) == 0
    out = tmp_path / "walk-clean"
    truth = add_drops(np.zeros((360, 480, 3), np.float32), None, 1, np.random.default_rng(0))[1]
    for name in ("0003", "0009"):
        assert (out / "images" / f"{name}.png").read_bytes() == (photos / f"{name}.png").read_bytes()
        kept = read_photo(out / "masks" / f"{name}.png.png")[..., 0] > 0
        lost = ~kept[:290]
        assert (lost & truth[:290]).sum() / (lost | truth[:290]).sum() > 0.5
    assert not (read_photo(out / "masks" / "0003.png.png")[..., 0] > 0)[310:].any()
    source = open_source(out, CaptureOptions(), lambda: out)
    assert all(photo.mask_path is not None for photo in source.photos)


def test_blender_keeps_names_split_and_alpha(tmp_path: Path) -> None:
    root = tmp_path / "toy"
    for side in ("train", "test"):
        (root / side).mkdir(parents=True)
        pixels = np.zeros((64, 64, 4), np.uint8)
        pixels[16:48, 16:48] = (200, 100, 50, 255)
        Image.fromarray(pixels).save(root / side / "r_0.png")
        frame = {"file_path": f"./{side}/r_0", "transform_matrix": np.eye(4).tolist()}
        (root / f"transforms_{side}.json").write_text(json.dumps({"camera_angle_x": 0.8, "frames": [frame]}))
    assert main(["clean", str(root), "weather=rain", "restorer=classical", f"out={tmp_path / 'new'}"]) == 0
    capture = load_capture(tmp_path / "new", points="none")
    assert [frame.split for frame in capture.frames] == ["test", "train"]
    assert json.loads((tmp_path / "new" / "transforms_test.json").read_text())["frames"][0]["file_path"] == "test/r_0"
    alpha = capture.images.alpha(0)
    assert alpha is not None and alpha[32, 32] == 255 and alpha[0, 0] == 0


def test_a_turned_photo_stays_turned(tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    for index in range(3):
        image = Image.fromarray(np.random.default_rng(index).integers(0, 255, (60, 90, 3), dtype=np.uint8))
        image.save(folder / f"{index}.jpg", exif=exif, quality=95)
    assert main(["clean", str(folder), "weather=fog", "restorer=classical"]) == 0
    with Image.open(tmp_path / "phone-clean" / "images" / "1.jpg") as after:
        assert after.size == (90, 60) and after.getexif()[0x0112] == 6 and after.getexif()[0x010F] == "Maker"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["weather=rian"], "did you mean rain"),
        (["weather=rain", "restorer=multiview"], "needs cameras"),
        (["weather=fog", "restorer=learned"], "knows rain and snow"),
        (["out=photos/inside"], "inside the capture"),
        (["out=taken"], "exists already"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bare(tmp_path / "photos", None, count=3)
    (tmp_path / "taken").mkdir()
    shutil.copyfile(DEMO / "images" / "0000.jpg", tmp_path / "taken" / "0000.jpg")
    before = digest(tmp_path)
    assert main(["clean", "photos", *words]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert digest(tmp_path) == before and not any(is_temporary(path.name) for path in tmp_path.iterdir())


def test_a_photo_in_which_nothing_is_found_stays_byte_for_byte(tmp_path: Path) -> None:
    """It was compressed anew, which costs a JPEG sharpness and takes half the bits of one of 16."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shade = np.linspace(40, 200, 96).astype(np.uint8)[None].repeat(64, axis=0)
    noise = np.random.default_rng(0).integers(-2, 3, (64, 96, 3))
    Image.fromarray((shade[..., None] + noise).astype(np.uint8)).save(folder / "a.jpg", quality=80)
    Image.fromarray(shade.astype(np.uint16) * 257).save(folder / "b.png")
    out = tmp_path / "out"
    assert main(["clean", str(folder), "weather=rain", "restorer=classical", f"out={out}"]) == 0
    record = json.loads((out / "clean.json").read_text())
    assert [photo["restored_share"] for photo in record["photos"]] == [0, 0]
    for name in ("a.jpg", "b.png"):
        assert (out / "images" / name).read_bytes() == (folder / name).read_bytes()


def test_a_profile_of_other_colors_is_left_out(tmp_path: Path) -> None:
    """CMYK is written as RGB; with the CMYK profile viewers would show wrong colours."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(90, 200, (64, 96, 3)).astype(np.uint8)
    for name, mode in (("cmyk", "CMYK"), ("rgb", "RGB")):
        Image.fromarray(pixels).convert(mode).save(folder / f"{name}.jpg", icc_profile=b"profile" * 30)
    assert main(["clean", str(folder), "weather=fog", "restorer=classical", f"out={tmp_path / 'out'}"]) == 0
    kept = {}
    for path in (tmp_path / "out" / "images").iterdir():
        with Image.open(path) as photo:
            assert photo.mode == "RGB"
            kept[path.stem] = photo.info.get("icc_profile")
    assert kept == {"cmyk": None, "rgb": b"profile" * 30}


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_depths_of_a_scene_in_any_unit(tmp_path: Path, unit: float) -> None:
    """In kilometres the nearest plane of the training frame lay behind the scene."""
    scale = torch.diag(torch.tensor([unit, unit, unit, 1.0], dtype=torch.float64))
    write_scene(tmp_path / "scene.ply", wall(2.0).transformed(scale))
    cameras = [camera((0.2 * unit * number, 0, 0)) for number in range(6)]
    cameras = [dataclasses.replace(one, name=f"{number}.jpg") for number, one in enumerate(cameras)]
    capture = Capture(
        "c", tmp_path, "colmap", [Frame(one, "train", tmp_path / one.name) for one in cameras], PhotoImages([], 0)
    )
    write_cameras(tmp_path / "cameras.json", capture)
    (tmp_path / "config.yaml").write_text("train: {}\nbackground: [0, 0, 0]\n")
    depths = scene_depths(str(tmp_path), capture)
    assert len(depths) == 6
    assert all(abs(float(np.median(depth)) / unit - 2.0) < 0.05 for depth in depths.values())


@pytest.mark.parametrize("kind", ["blender", "transforms", "dotted"])
@pytest.mark.parametrize("own", [False, True])
def test_masks_are_read_again_where_names_have_no_suffix(tmp_path: Path, kind: str, own: bool) -> None:
    """They were named after the photos' files, where nobody looked for them; the user's own were lost."""
    data, frames = tmp_path / "data", []
    for index, file in enumerate(sorted((DEMO / "images").iterdir())[:10]):
        image = np.clip(drops(read_photo(file).astype(np.float32) / 255, index), 0, 1)
        name = {"blender": f"train/r_{index}", "transforms": f"images/f{index}", "dotted": f"images/f.{index}"}[kind]
        photo = data / f"{name}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(photo)
        pose = np.eye(4)
        pose[0, 3] = index
        frames.append({"file_path": f"./{name}", "transform_matrix": pose.tolist()})
        if own:
            mask = data / "masks" / f"{name.removeprefix('images/')}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            keep = np.full(image.shape[:2], 255, np.uint8)
            keep[:40] = 0
            Image.fromarray(keep).save(mask)
    meta = {"camera_angle_x": 0.9, "frames": frames}
    (data / f"transforms{'_train' if kind == 'blender' else ''}.json").write_text(json.dumps(meta))
    out = tmp_path / "out"
    assert main(["clean", str(data), "weather=drops", f"out={out}"]) == 0
    before, after = (load_capture(path, points="none", test_every=0) for path in (data, out))
    assert [one.camera.name for one in before.frames] == [one.camera.name for one in after.frames]
    for index in range(10):
        mask = after.images.mask(index)
        assert mask is not None and 0.02 < float(1 - mask[40:].mean()) < 0.15
        if own:
            assert not mask[:40].any()


@pytest.mark.parametrize("suffix", [".png", ".JPG"])
def test_masks_are_read_again_where_files_have_another_suffix_than_the_model(tmp_path: Path, suffix: str) -> None:
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    shutil.copytree(DEMO / "sparse", data / "sparse")  # it calls them .jpg
    for index, file in enumerate(sorted((DEMO / "images").iterdir())[:10]):
        image = np.clip(drops(read_photo(file).astype(np.float32) / 255, index), 0, 1)
        Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(data / "images" / f"{file.stem}{suffix}")
    out = tmp_path / "out"
    assert main(["clean", str(data), "weather=drops", f"out={out}"]) == 0
    after = load_capture(out, points="none", test_every=0)
    assert len(after.frames) == 10 and all(after.images.mask(index) is not None for index in range(10))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a.png", "images/a.png"),
        ("left\\a.png", "images/left/a.png"),
        ("../else/a.png", "images/a.png"),
        ("/home/else/a.png", "images/a.png"),
        ("C:\\else\\a.png", "images/a.png"),
        ("back\\..\\..\\a.png", "images/a.png"),
        ("10:30 a.png", "images/10_30 a.png"),
    ],
)
def test_names_stay_inside_the_new_folder_and_are_found_again(tmp_path: Path, name: str, target: str) -> None:
    pose, K = room_poses(3)[1], np.array([[48.0, 0, 32], [0, 48, 24], [0, 0, 1]])
    file = tmp_path / "room" / "images" / ("left/a.png" if "left" in name else name if ":30" in name else "a.png")
    file.parent.mkdir(parents=True)
    Image.fromarray(room_photo(pose, K, 64, 48)).save(file)
    write_colmap(tmp_path / "room", [("PINHOLE", (48.0, 48.0, 32.0, 24.0), 64, 48)], [(name, 1, pose)])
    assert main(["clean", str(tmp_path / "room"), "weather=none", f"out={tmp_path / 'new'}"]) == 0
    assert [path.relative_to(tmp_path / "new").as_posix() for path in (tmp_path / "new" / "images").rglob("*.png")] == [
        target
    ]
    capture = load_capture(tmp_path / "new", points="none")
    np.testing.assert_array_equal(capture.images.image(0), np.asarray(Image.open(file)))


def test_cameras_of_other_programs_are_kept_as_a_colmap_model(tmp_path: Path) -> None:
    data, poses = tmp_path / "data", room_poses(12)
    (data / "images").mkdir(parents=True)
    rows = []
    for index, pose in enumerate(poses):
        photo = room_photo(pose, K, 320, 240)
        Image.fromarray(photo).save(data / "images" / f"{index:02d}.png")
        right, down, forward, place = np.linalg.inv(pose)[:3].T
        rows.append([*np.stack([down, right, -forward, place, [240, 320, 260]], axis=1).ravel(), 1.0, 9.0])
    np.save(data / "poses_bounds.npy", np.array(rows))  # LLFF
    out = tmp_path / "out"
    assert main(["clean", str(data), "weather=none", f"out={out}"]) == 0
    before, after = (load_capture(path, points="none", test_every=4) for path in (data, out))
    assert (before.kind, after.kind) == ("llff", "colmap")
    assert before.indices("test") == after.indices("test")
    for one, other, pose in zip(before.frames, after.frames, poses):
        assert one.camera.name == other.camera.name
        torch.testing.assert_close(one.camera.K, other.camera.K)
        np.testing.assert_allclose(other.camera.viewmat.numpy(), pose, atol=1e-12)
