"""The parsers of captures and of scene files, by name."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from splat.capture.colmap import binary, text
from splat.capture.damage import damage
from splat.capture.photo import photo_header, read_mask, read_photo
from splat.capture.ply import read_ply_points
from tests.parser import BIN_WORDS, JSON_WORDS, NAMES, POSE, TEXT_WORDS, H, Parser, W, load, photos, picture
from tests.parsers_programs import PROGRAMS
from tests.scene_files import SCENE_PARSERS


def _cameras_bin() -> bytes:
    return struct.pack("<QIiQQ8d", 1, 1, 4, W, H, 20.0, 21.0, 12.0, 9.0, 0.01, 0.0, 0.0, 0.0)


def _images_bin() -> bytes:
    data = struct.pack("<Q", len(NAMES))
    for number, name in enumerate(NAMES):
        data += struct.pack("<I7dI", number + 1, 1.0, 0.0, 0.0, 0.1 * number, 0.2 * number, 0.0, 1.0, 1)
        data += f"{name}.png".encode() + b"\0" + struct.pack("<Q2dq", 1, 3.0, 4.0, 1)
    return data


def _points_bin() -> bytes:
    data = struct.pack("<Q", 2)
    for number in range(2):
        data += struct.pack("<Q3d3Bd", number + 1, 0.1 * number, 0.0, 4.0, 200, 100, 50, 0.5)
        data += struct.pack("<QII", 1, 1, number)
    return data


CAMERAS_TXT = f"# Camera list\n1 OPENCV {W} {H} 20 21 12 9 0.01 0 0 0\n2 PINHOLE {W} {H} 20 20 12 9\n".encode()
IMAGES_TXT = "".join(
    f"{number} 1 0 0 {0.1 * number} {0.2 * number} 0 1 1 {name}.png\n3 4 1\n" for number, name in enumerate(NAMES, 1)
).encode()
POINTS_TXT = b"# Number of points: 2\n1 0 0 4 200 100 50 0.5 1 0\n2 1 0 4 200 100 50 0.5 1 1 2 1\n"


def _colmap() -> dict[str, bytes]:
    model = {"cameras": _cameras_bin(), "images": _images_bin(), "points3D": _points_bin()}
    return photos() | {f"sparse/0/{name}.bin": data for name, data in model.items()}


def _points(form: str) -> bytes:
    header = f"ply\nformat {form} 1.0\nelement vertex 2\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    header += "".join(f"property uchar {color}\n" for color in ("red", "green", "blue")) + "end_header\n"
    if form == "ascii":
        return (header + "0 0 1 9 9 9\n1 0 1 9 9 9\n").encode()
    order = "<" if form.endswith("little_endian") else ">"
    return header.encode() + struct.pack(f"{order}3f3B3f3B", 0, 0, 1, 9, 9, 9, 1, 0, 1, 9, 9, 9)


def _transforms() -> bytes:
    first = {
        "file_path": "images/a.png", "mask_path": "masks/a.png", "depth_file_path": "depth/a.png", "fl_x": 20.0,
        "cx": 12.0, "w": W, "h": H, "k1": 0.01, "camera_model": "OPENCV", "transform_matrix": POSE,
    }  # fmt: skip
    others = [{"file_path": f"images/{name}.png", "transform_matrix": POSE} for name in NAMES[1:]]
    return json.dumps(
        {
            "camera_angle_x": 0.7, "fl_y": 20.0, "ply_file_path": "p.ply", "applied_transform": POSE[:3],
            "train_filenames": ["images/a.png", "images/c.png"], "test_filenames": ["images/b.png"],
            "frames": [first, *others],
        }
    ).encode()  # fmt: skip


def _beside_transforms() -> dict[str, bytes]:
    sides = {name: picture("PNG") for name in ("masks/a.png", "depth/a.png")}
    return photos() | sides | {"p.ply": _points("ascii")}


def _read_photo(folder: Path, file: Path) -> object:
    header, reason = photo_header(file), damage(file)
    return header, reason, read_photo(file), read_mask(file)


PLY_WORDS = (
    *(b"element ", b"property ", b"list ", b"uchar ", b"int ", b"float ", b"double ", b"vertex ", b"end_header\n"),
    *(b"format ascii 1.0\n", b"comment ", b"99999999999", b"-1", b"f_dc_0", b"nan "),
)


PARSERS = {
    parser.name: parser
    for parser in (
        Parser(
            "colmap_cameras_bin",
            "cameras.bin",
            (_cameras_bin(),),
            lambda folder, file: binary.read_cameras(file),
            words=BIN_WORDS,
        ),
        Parser(
            "colmap_images_bin",
            "images.bin",
            (_images_bin(),),
            lambda folder, file: (binary.read_images(file), binary.read_keypoints(file)),
            words=BIN_WORDS,
        ),
        Parser(
            "colmap_points_bin",
            "points3D.bin",
            (_points_bin(),),
            lambda folder, file: (binary.read_points(file, []), binary.read_places(file)),
            words=BIN_WORDS,
        ),
        Parser("colmap_capture", "sparse/0/images.bin", (_images_bin(),), load, _colmap, BIN_WORDS),
        Parser(
            "colmap_cameras_txt",
            "cameras.txt",
            (CAMERAS_TXT,),
            lambda folder, file: text.read_cameras(file),
            words=TEXT_WORDS,
        ),
        Parser(
            "colmap_images_txt",
            "images.txt",
            (IMAGES_TXT,),
            lambda folder, file: (text.read_images(file, []), text.read_keypoints(file)),
            words=TEXT_WORDS,
        ),
        Parser(
            "colmap_points_txt",
            "points3D.txt",
            (POINTS_TXT,),
            lambda folder, file: (text.read_points(file, []), text.read_places(file)),
            words=TEXT_WORDS,
        ),
        Parser("transforms", "transforms.json", (_transforms(),), load, _beside_transforms, JSON_WORDS),
        Parser(
            "ply_points",
            "p.ply",
            tuple(_points(form) for form in ("ascii", "binary_little_endian", "binary_big_endian")),
            lambda folder, file: read_ply_points(file, []),
            words=PLY_WORDS,
        ),
        *PROGRAMS,
        *SCENE_PARSERS,
        Parser("photo_jpeg", "a.jpg", (picture("JPEG"),), _read_photo, words=BIN_WORDS),
        Parser("photo_png", "a.png", (picture("PNG"),), _read_photo, words=(*BIN_WORDS, b"IHDR", b"IEND", b"tRNS")),
        Parser("photo_tiff", "a.tif", (picture("TIFF"),), _read_photo, words=BIN_WORDS),
        Parser("photo_webp", "a.webp", (picture("WEBP"),), _read_photo, words=(*BIN_WORDS, b"VP8X", b"ALPH", b"EXIF")),
    )
}
