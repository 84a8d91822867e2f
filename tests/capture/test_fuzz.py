"""Damaged inputs of every kind are read or refused in one line, nothing else; the damage is the same each time."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from capture_scenes import viewmat, write_colmap

from splat.capture import load_capture
from splat.capture.colmap import read_model
from splat.capture.damage import damage
from splat.capture.photo import photo_header, read_mask, read_photo
from splat.capture.ply import read_ply_points
from splat.errors import SplatError

LONGEST_LINE = 2000  # characters of a message


def outcome(call: Callable[[], Any]) -> str:
    """Whether the input was read or refused; any other exception fails the test."""
    try:
        call()
    except SplatError as error:
        message = str(error)
        assert message and "\n" not in message and len(message) < LONGEST_LINE
        return "refused"
    return "read"


def damaged(data: bytes, cuts: int, flips: int, seed: int = 0) -> Iterator[bytes]:
    """The data cut at `cuts` places, then with one to four bytes changed, `flips` times."""
    for size in np.unique(np.linspace(0, len(data) - 1, cuts).astype(int)):
        yield data[:size]
    rng = np.random.default_rng(seed)
    for _ in range(flips):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 5)):
            changed[place] = rng.integers(0, 256)
        yield bytes(changed)


def tried(data: bytes, file: Path, call: Callable[[], Any], cuts: int, flips: int) -> set[str]:
    """All outcomes over the damaged forms of a file, which is whole again afterwards."""
    found = set()
    for content in damaged(data, cuts, flips):
        file.write_bytes(content)
        found.add(outcome(call))
    file.write_bytes(data)
    return found


def picture(suffix: str, pixels: np.ndarray) -> bytes:
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return data.tobytes()


NOISE = np.random.default_rng(0).integers(0, 256, (18, 24, 3), dtype=np.uint8)


def posed(root: Path, *, text: bool = False) -> Path:
    (root / "images").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (root / "images" / name).write_bytes(picture(".png", NOISE))
    camera = [("OPENCV", (20.0, 21.0, 12.0, 9.0, 0.01, 0.0, 0.0, 0.0), 24, 18)]
    images = [(name, 1, viewmat(index)) for index, name in enumerate(("a.png", "b.png"))]
    return write_colmap(root, camera, images, np.array([[0.0, 0.0, 4.0], [1.0, 0.5, 5.0]]), text=text)


@pytest.mark.parametrize("text", [False, True])
def test_colmap_models(tmp_path, text):
    folder = posed(tmp_path, text=text)
    for file in sorted(folder.iterdir()):
        if file.stem in ("cameras", "images", "points3D"):
            data = file.read_bytes()
            assert "refused" in tried(data, file, lambda: read_model(folder), cuts=40, flips=80)
            tried(data, file, lambda: load_capture(tmp_path, points="capture"), cuts=4, flips=15)
    assert outcome(lambda: load_capture(tmp_path, points="capture")) == "read"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
def test_photos_and_masks(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    for pixels in (NOISE, NOISE.astype(np.uint16) * 257) if suffix in (".png", ".tiff") else (NOISE,):
        data = picture(suffix, pixels)
        for read in (read_photo, read_mask, photo_header, damage):
            assert tried(data, file, lambda read=read: read(file), cuts=20, flips=60) <= {"read", "refused"}
        assert outcome(lambda: read_photo(file)) == "read"


def points_file(form: str) -> bytes:
    header = f"ply\nformat {form} 1.0\nelement vertex 3\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    header += "".join(f"property uchar {colour}\n" for colour in ("red", "green", "blue")) + "end_header\n"
    if form == "ascii":
        return (header + "0 0 1 9 9 9\n1 0 1 9 9 9\n0 1 1 9 9 9\n").encode()
    rows = np.zeros(3, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    rows["xyz"] = np.eye(3)
    return header.encode() + rows.tobytes()


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian"])
def test_files_of_points(tmp_path, form):
    file = tmp_path / "p.ply"
    data = points_file(form)
    assert tried(data, file, lambda: read_ply_points(file), cuts=100, flips=300) == {"read", "refused"}
    for count in ("-1", "99999999999999999999999", "1" + "0" * 5000, "8000000000", "3.5", "³"):
        file.write_bytes(data.replace(b"vertex 3", f"vertex {count}".encode()))
        assert outcome(lambda: read_ply_points(file)) == "refused", count


EVIL: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**400, "", "x" * 300, "a\0b", "..", "/", "\\", "C:\\", "²",
    [], {}, [[]], [None] * 4, {"a": {}}, "é" * 200, "a\nb", "\ud800",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in nested lists and dicts; of lists of numbers only the first and the last."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) - 1}) if value else []:
            yield from places(value[index], (*path, index))


def put(value: Any, path: tuple[Any, ...], evil: Any) -> Any:
    if not path:
        return evil
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = evil
    return value


FRAME = {
    "file_path": "images/a.png", "mask_path": "m/a.png", "depth_file_path": "z/a.png", "fl_x": 20.0, "cx": 12.0,
    "w": 24, "h": 18, "k1": 0.01, "camera_model": "OPENCV", "transform_matrix": np.eye(4).tolist(),
}  # fmt: skip


def transforms() -> dict[str, Any]:
    second = {"file_path": "images/b.png", "transform_matrix": np.eye(4).tolist()}
    return {
        "camera_angle_x": 0.7, "fl_y": 20.0, "ply_file_path": "p.ply", "train_filenames": ["images/a.png"],
        "test_filenames": ["images/b.png"], "frames": [FRAME, second],
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["transforms", "blender"])
def test_transforms_files(tmp_path, kind):
    for name in ("images/a.png", "images/b.png", "m/a.png", "z/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(".png", NOISE))
    (tmp_path / "p.ply").write_bytes(points_file("ascii"))
    names = {"transforms": ["transforms.json"], "blender": ["transforms_train.json", "transforms_test.json"]}[kind]
    whole = transforms()
    for name in names:
        (tmp_path / name).write_text(json.dumps(whole))
    if kind == "blender":
        second = copy.deepcopy(whole)
        second["frames"] = second["frames"][1:]
        whole["frames"] = whole["frames"][:1]
        (tmp_path / names[0]).write_text(json.dumps(whole))
        (tmp_path / names[1]).write_text(json.dumps(second))
    file, found = tmp_path / names[0], set()

    def load() -> None:
        load_capture(tmp_path, points="capture")

    assert outcome(load) == "read"
    for path in places(whole):
        for evil in EVIL if kind == "transforms" else EVIL[::4]:
            file.write_text(json.dumps(put(whole, path, evil)))
            found.add(outcome(load))
    file.write_text("[" * 100_000)
    assert outcome(load) == "refused"
    data = json.dumps(whole).encode()
    found |= tried(data, file, load, cuts=30, flips=60)
    assert found == {"read", "refused"}
