"""One parser of captures, with small whole inputs and the folder that they belong into."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from splat.capture import load_capture

W, H = 24, 18
NAMES = ("a", "b", "c")
POSE = [[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 1.0]]


@dataclass(frozen=True)
class Parser:
    """What reads one kind of file."""

    name: str
    file: str  # below the folder, with forward slashes
    seeds: tuple[bytes, ...]  # whole inputs, the first is read without complaint
    read: Callable[[Path, Path], object]  # of the folder and the file
    beside: Callable[[], dict[str, bytes]] = dict  # further files of the folder
    words: tuple[bytes, ...] = ()  # that inputs are made of


def prepared(parser: Parser, folder: Path) -> Path:
    """Write the parser's files into an empty folder; returns the path of the file that is damaged."""
    for name, content in {**parser.beside(), parser.file: parser.seeds[0]}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / parser.file


def picture(kind: str) -> bytes:
    """A small photo."""
    pixels = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def photos() -> dict[str, bytes]:
    return {f"images/{name}.png": picture("PNG") for name in NAMES}


def load(folder: Path, file: Path) -> object:
    return load_capture(folder, points="capture")


JSON_WORDS = (
    *(b"null", b"true", b"1e400", b"-1", b"NaN", b"Infinity", b"[]", b"{}", b'""', b"1e308", b"..", b"../", b"\\u0000"),
    *(b'"frames"', b'"file_path"', b'"transform_matrix"', b'"fl_x"', b'"camera_model"', b'"EQUIRECTANGULAR"', b'"w"'),
    *(b'"OPENCV_FISHEYE"', b'"mask_path"', b'"depth_file_path"', b'"ply_file_path"', b'"test_filenames"', b'"k3"'),
)
TEXT_WORDS = (b"nan", b"inf", b"-1", b"1e400", b"PINHOLE", b"FULL_OPENCV", b"# ", b"\n", b"\r\n", b"9" * 40, b" ")
BIN_WORDS = (b"\xff" * 8, b"\0" * 8, struct.pack("<d", float("nan")), struct.pack("<d", float("inf")), b"\x7f" * 8)
