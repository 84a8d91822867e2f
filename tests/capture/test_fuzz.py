"""Damaged inputs of captures are read or refused in one line, nothing else; the damage is the same each time."""

import copy
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from capture_scenes import viewmat, write_colmap

from splat.capture import load_capture
from splat.capture.colmap.files import read_model
from splat.capture.damage import damage
from splat.capture.photo import photo_header, read_mask, read_photo
from splat.capture.ply import read_ply_points
from splat.errors import SplatError
from tests.fuzz import damaged, odd_records, survives

NOISE = np.random.default_rng(0).integers(0, 256, (18, 24, 3), dtype=np.uint8)


def tried(file: Path, read: Callable[[], object], cuts: int, count: int) -> set[bool]:
    """What becomes of a file that is cut at `cuts` places, then damaged in `count` ways; in the end it is whole."""
    data, found = file.read_bytes(), set()
    forms = [data[:size] for size in np.unique(np.linspace(0, len(data) - 1, cuts).astype(int))]
    for content in (*forms, *damaged(data, len(data), count)):
        file.write_bytes(content)
        found.add(survives(read, content))
    file.write_bytes(data)
    assert survives(read, data)
    return found


def picture(suffix: str, pixels: np.ndarray) -> bytes:
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return data.tobytes()


@pytest.mark.parametrize("text", [False, True])
def test_colmap_models(tmp_path, text):
    (tmp_path / "images").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).write_bytes(picture(".png", NOISE))
    camera = [("OPENCV", (20.0, 21.0, 12.0, 9.0, 0.01, 0.0, 0.0, 0.0), 24, 18)]
    images = [(name, 1, viewmat(index)) for index, name in enumerate(("a.png", "b.png"))]
    folder = write_colmap(tmp_path, camera, images, np.array([[0.0, 0.0, 4.0], [1.0, 0.5, 5.0]]), text=text)
    for file in sorted(folder.iterdir()):
        if file.stem in ("cameras", "images", "points3D"):
            assert tried(file, lambda: read_model(folder), cuts=40, count=80) >= {False}
            tried(file, lambda: load_capture(tmp_path, points="capture"), cuts=4, count=15)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
@pytest.mark.filterwarnings("ignore")  # Pillow's, about the damage
def test_photos_and_masks(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    for pixels in (NOISE, NOISE.astype(np.uint16) * 257) if suffix in (".png", ".tiff") else (NOISE,):
        file.write_bytes(picture(suffix, pixels))
        for read in (read_photo, read_mask, photo_header, damage):
            tried(file, lambda read=read: read(file), cuts=20, count=60)


def points_file(form: str) -> bytes:
    header = f"ply\nformat {form} 1.0\nelement vertex 3\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    header += "".join(f"property uchar {color}\n" for color in ("red", "green", "blue")) + "end_header\n"
    if form == "ascii":
        return (header + "0 0 1 9 9 9\n1 0 1 9 9 9\n0 1 1 9 9 9\n").encode()
    rows = np.zeros(3, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    rows["xyz"] = np.eye(3)
    return header.encode() + rows.tobytes()


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian"])
def test_files_of_points(tmp_path, form):
    file = tmp_path / "p.ply"
    data = points_file(form)
    file.write_bytes(data)
    assert tried(file, lambda: read_ply_points(file), cuts=100, count=300) == {True, False}
    for count in ("-1", "99999999999999999999999", "1" + "0" * 5000, "8000000000", "3.5", "³"):
        file.write_bytes(data.replace(b"vertex 3", f"vertex {count}".encode()))
        assert not survives(lambda: read_ply_points(file), count)


def transforms() -> dict[str, Any]:
    pose = np.eye(4).tolist()
    first = {
        "file_path": "images/a.png", "mask_path": "m/a.png", "depth_file_path": "z/a.png", "fl_x": 20.0, "cx": 12.0,
        "w": 24, "h": 18, "k1": 0.01, "camera_model": "OPENCV", "transform_matrix": pose,
    }  # fmt: skip
    second = {"file_path": "images/b.png", "transform_matrix": pose}
    return {
        "camera_angle_x": 0.7, "fl_y": 20.0, "ply_file_path": "p.ply", "train_filenames": ["images/a.png"],
        "test_filenames": ["images/b.png"], "frames": [first, second],
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["transforms", "blender"])
def test_transforms_files(tmp_path, kind):
    for name in ("images/a.png", "images/b.png", "m/a.png", "z/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(".png", NOISE))
    (tmp_path / "p.ply").write_bytes(points_file("ascii"))
    whole = transforms()
    file = tmp_path / "transforms.json"
    if kind == "blender":
        second = copy.deepcopy(whole)
        second["frames"], whole["frames"] = second["frames"][1:], whole["frames"][:1]
        file = tmp_path / "transforms_train.json"
        (tmp_path / "transforms_test.json").write_text(json.dumps(second))

    def load() -> None:
        load_capture(tmp_path, points="capture")

    found = set()
    for record in odd_records(whole, 1, 500 if kind == "transforms" else 150):
        file.write_text(json.dumps(record))
        found.add(survives(load, record))
    file.write_text(json.dumps(whole))
    found |= tried(file, load, cuts=30, count=60)
    assert found == {True, False}


@pytest.mark.parametrize(
    "header", [b"(((", b"{'descr': [", b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 17)}"]
)
def test_arrays_whose_header_is_damaged(tmp_path, header):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(picture(".png", NOISE))
    text = header + b" " * (117 - len(header)) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    (tmp_path / "poses_bounds.npy").write_bytes(content)
    assert not survives(lambda: load_capture(tmp_path), content)


@pytest.mark.parametrize("tag", [256, 257])
@pytest.mark.filterwarnings("ignore")  # Pillow's, about the damage
def test_a_photo_without_pixels_is_no_image(tmp_path, tag):
    data = bytearray(picture(".tiff", NOISE))
    entry = data.index(tag.to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00")  # a number of 2 bytes
    data[entry + 8 : entry + 10] = bytes(2)
    (tmp_path / "a.tiff").write_bytes(data)
    assert damage(tmp_path / "a.tiff") == "no image"


@pytest.mark.parametrize("left", [8, 11, 100])  # bytes, from where the chunk begins
def test_a_chunk_of_a_png_that_announces_gigabytes_takes_no_memory(tmp_path, left):
    data = picture(".png", NOISE)
    place = data.index(b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(data[:place] + b"\x49\xfa\xff\x6e" + data[place + 4 : place + left])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SplatError, match="cannot read photo"):
        read_photo(tmp_path / "a.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes
