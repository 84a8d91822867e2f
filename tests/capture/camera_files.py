"""HEIC and raw photos as phones and cameras write them, made by the tests."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image


def write_heic(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """A HEIC of [H, W, 3 or 4] uint8."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "HEIF", quality=-1, chroma=444, **options)
    return path


def write_dng(path: Path, pixels: np.ndarray, orientation: int = 1) -> Path:
    """A DNG (version 1.4) of one mosaic of 16 bits, whose colours are [H, W, 3] in [0, 1], linear sRGB."""
    height, width, _ = pixels.shape
    mosaic = np.empty((height, width), np.uint16)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):  # red green / green blue
        mosaic[row::2, column::2] = np.rint(pixels[row::2, column::2, channel] * 65535)
    from_xyz = np.array([[3.2405, -1.5371, -0.4985], [-0.9693, 1.8760, 0.0416], [0.0556, -0.2040, 1.0572]])
    entries: list[tuple[int, int, list[int]]] = [
        *((254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803])),
        *((273, 4, [0]), (274, 3, [orientation]), (277, 3, [1]), (278, 4, [height]), (279, 4, [2 * width * height])),
        *((33421, 3, [2, 2]), (33422, 1, [0, 1, 1, 2]), (50706, 1, [1, 4, 0, 0]), (50714, 4, [0]), (50717, 4, [65535])),
        (50721, 10, [part for value in from_xyz.flat for part in (round(10000 * value), 10000)]),
        *((50728, 5, [1, 1] * 3), (50778, 3, [21])),
    ]  # fmt: skip
    forms = {1: "B", 3: "H", 4: "I", 5: "I", 10: "i"}
    data_at = 8 + 2 + 12 * len(entries) + 4
    directory, data = struct.pack("<H", len(entries)), b""
    total = sum(len(values) * struct.calcsize(forms[kind]) for _, kind, values in entries)
    pixels_at = data_at + total + 64
    for tag, kind, values in entries:
        values = [pixels_at] if tag == 273 else values
        packed = struct.pack(f"<{len(values)}{forms[kind]}", *values)
        count = len(values) // 2 if kind in (5, 10) else len(values)
        if len(packed) > 4:
            packed, data = struct.pack("<I", data_at + len(data)), data + packed
        directory += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.ljust(pixels_at, b"\0") + mosaic.tobytes())
    return path
