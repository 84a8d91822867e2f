"""Damaged photos among good ones: left out with one warning, in every kind of capture; never a traceback."""

import json

import cv2
import numpy as np
import pytest
from capture_scenes import H, W, room_photo, room_poses, smooth_photo, viewmat, write_colmap, write_photo
from PIL import Image

from splat.capture import load_capture
from splat.capture.damage import damage
from splat.errors import SplatError

NOISE = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])


def encoded(suffix, pixels=NOISE):
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return data.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp"])
def test_photos_that_were_cut_short_are_found_and_whole_ones_are_not(tmp_path, suffix):
    data = encoded(suffix)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    assert damage(path) is None
    path.write_bytes(data + b"\0" * 100_000)  # phones append films
    assert damage(path) is None
    for share in (0.05, 0.5, 0.99):
        path.write_bytes(data[: int(len(data) * share)])
        if suffix != ".bmp":  # whose decoder leaves the rest black
            assert damage(path) is not None, share


@pytest.mark.parametrize("kind", [2, 7])  # text, bytes
def test_a_tiff_that_has_no_number_for_where_its_pixels_stand_is_unreadable(tmp_path, kind):
    Image.fromarray(NOISE).save(tmp_path / "a.tif")
    data = (tmp_path / "a.tif").read_bytes()
    entry = next(start for start in (b"\x11\x01\x04\0", b"\x11\x01\x03\0") if data.count(start) == 1)
    assert damage(tmp_path / "a.tif") is None
    (tmp_path / "a.tif").write_bytes(data.replace(entry, entry[:2] + bytes([kind, 0])))
    assert damage(tmp_path / "a.tif") is not None


def test_a_jpeg_cut_behind_its_preview_is_found(tmp_path):
    picture = Image.fromarray(NOISE)
    exif = picture.getexif()
    exif.get_ifd(0x8769)[0x927C] = encoded(".jpg", NOISE[:60, :80])  # a preview with an end marker of its own
    picture.save(tmp_path / "a.jpg", exif=exif)
    data = (tmp_path / "a.jpg").read_bytes()
    assert data.count(b"\xff\xd9") == 2 and damage(tmp_path / "a.jpg") is None
    (tmp_path / "a.jpg").write_bytes(data[: len(data) - 100])
    assert damage(tmp_path / "a.jpg") == "cut short"


BAD = {
    "empty.jpg": b"",
    "text.jpg": b"no photo at all",
    "half.jpg": encoded(".jpg")[:9000],
    "half.png": encoded(".png")[:900],
}


def with_bad_ones(root, good=4):
    names = []
    for index in range(good):
        names.append(f"good{index}.png")
        write_photo(root / names[-1], smooth_photo(index))
    for name, data in BAD.items():
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        names.append(name)
    return names


@pytest.mark.parametrize("kind", ["colmap", "transforms", "transforms without size"])
def test_posed_captures_leave_damaged_photos_out(tmp_path, kind, capsys):
    names = with_bad_ones(tmp_path / "images")
    if kind == "colmap":
        images = [(name, 1, viewmat(index)) for index, name in enumerate(names)]
        write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, W / 2, H / 2), W, H)], images)
    else:
        poses = [np.linalg.inv(viewmat(index)).tolist() for index in range(len(names))]
        frames = [{"file_path": f"images/{name}", "transform_matrix": pose} for name, pose in zip(names, poses)]
        size = {"w": W, "h": H} if kind == "transforms" else {}
        (tmp_path / "transforms.json").write_text(json.dumps({"fl_x": 200.0, **size, "frames": frames}))
    capture = load_capture(tmp_path, points="none")
    assert [frame.path.name for frame in capture.frames] == [f"good{index}.png" for index in range(4)]
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(warnings) == 1 and "4 of 8 photos cannot be read" in warnings[0]
    assert any("cannot be read" in note for note in capture.notes)
    for index in range(4):
        assert capture.images.image(index).shape == (H, W, 3)


def test_bare_photos_leave_damaged_ones_out(tmp_path, capsys):
    for index, pose in enumerate(room_poses(6)):
        write_photo(tmp_path / f"{index}.png", room_photo(pose, K, 400, 300))
    for name, data in BAD.items():
        (tmp_path / name).write_bytes(data)
    capture = load_capture(tmp_path, num_threads=2)
    assert len(capture.frames) == 6
    assert "4 of 10 photos cannot be read (first: empty.jpg, empty)" in capsys.readouterr().err


def test_only_damaged_photos_are_an_error_of_one_line(tmp_path):
    (tmp_path / "photos").mkdir()
    for name, data in BAD.items():
        (tmp_path / "photos" / name).write_bytes(data)
    with pytest.raises(SplatError, match=r"none of the 4 photos can be read \(first: empty.jpg, empty\)") as caught:
        load_capture(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_mask_is_an_error_that_names_it(tmp_path):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    write_photo(tmp_path / "masks" / "a.png", smooth_photo(0))
    data = (tmp_path / "masks" / "a.png").read_bytes()
    (tmp_path / "masks" / "a.png").write_bytes(data[: len(data) // 2])
    write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, W / 2, H / 2), W, H)], [("a.png", 1, viewmat(0))])
    with pytest.raises(SplatError, match=r"the mask .*a\.png cannot be read \(cut short\)") as caught:
        load_capture(tmp_path, points="none")
    assert "\n" not in str(caught.value)
    assert load_capture(tmp_path, points="none", masks="none").images.mask(0) is None


def test_a_photo_that_goes_bad_while_training_is_an_error_that_names_it(tmp_path):
    write_photo(tmp_path / "images" / "a.png", NOISE)
    write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, W / 2, H / 2), W, H)], [("a.png", 1, viewmat(0))])
    capture = load_capture(tmp_path, points="none")
    for content in (encoded(".png")[:5000], b"", None):
        path = tmp_path / "images" / "a.png"
        path.write_bytes(content) if content is not None else path.unlink()
        with pytest.raises(SplatError, match=r"a\.png") as caught:
            capture.images.image(0)
        assert "\n" not in str(caught.value)
