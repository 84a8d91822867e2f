"""From the bytes of SPZ attributes to numbers; axes are those of the file."""

from __future__ import annotations

import math

import numpy as np

from splat.formats.smallest_three import restored
from splat.formats.spz.layout import SMALLEST_THREE, SpzHeader

COLOR_SCALE = 0.15  # SPZ keeps the SH coefficient itself, over a wider range than colours in [0, 1]


def positions(data: bytes, header: SpzHeader) -> np.ndarray:
    """[N, 3] float64: half floats in version 1, then signed little-endian integers of three bytes."""
    if header.version == 1:
        return np.frombuffer(data, "<f2").reshape(-1, 3).astype(np.float64)
    raw = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
    values = raw[:, 0] | (raw[:, 1] << 8) | (raw[:, 2] << 16)
    signed = np.where(values >= 1 << 23, values - (1 << 24), values).astype(np.float64)
    return np.ldexp(signed, -header.fractional_bits).reshape(-1, 3)


def rotations(data: bytes, header: SpzHeader) -> np.ndarray:
    """[N, 4] float64 wxyz."""
    return smallest_three(data) if header.version >= SMALLEST_THREE else first_three(data)


def first_three(data: bytes) -> np.ndarray:
    """[N, 4] wxyz: x y z as bytes over [-1, 1], w from unit length, not negative."""
    xyz = np.frombuffer(data, np.uint8).reshape(-1, 3) / 127.5 - 1
    w = np.sqrt(np.clip(1 - (xyz * xyz).sum(axis=1, keepdims=True), 0, None))
    return np.concatenate([w, xyz], axis=1)


def smallest_three(data: bytes) -> np.ndarray:
    """[N, 4] wxyz: the top two bits name the largest of xyzw, the others have a sign and nine bits over 1/sqrt(2)."""
    words = np.frombuffer(data, "<u4")
    fields = np.stack([(words >> shift) & 0x3FF for shift in (20, 10, 0)], axis=-1).astype(np.int64)
    small = (fields & 0x1FF) / 511 * math.sqrt(0.5) * np.where(fields >> 9, -1.0, 1.0)
    largest = (words >> 30).astype(np.int64)
    return restored(small, largest)[:, [3, 0, 1, 2]]


def scales(data: bytes) -> np.ndarray:
    """[N, 3] logarithms of the standard deviations, -10 to 5.9."""
    return np.frombuffer(data, np.uint8).reshape(-1, 3) / 16 - 10


def colors(data: bytes) -> np.ndarray:
    """[N, 3] coefficients of the constant band."""
    return (np.frombuffer(data, np.uint8).reshape(-1, 3) / 255 - 0.5) / COLOR_SCALE


def directional(data: bytes, header: SpzHeader, sh_degree: int) -> np.ndarray:
    """[N, K-1, 3] float32 coefficients up to a degree that is not above the file's."""
    stored, kept = ((degree + 1) ** 2 - 1 for degree in (header.sh_degree, sh_degree))
    table = np.frombuffer(data, np.uint8).reshape(header.count, stored, 3)[:, :kept]
    return (table.astype(np.float32) - 128) / 128
