"""From numbers to the bytes of SPZ attributes, rounded as load-spz.cc does: in 32 bits, halves away from zero."""

from __future__ import annotations

import numpy as np

from splat.formats.smallest_three import others
from splat.formats.spz.decoding import COLOR_SCALE

MOST_FRACTIONAL_BITS = 12  # what the library always writes: steps of 1/4096 in +-2048
LARGEST_INTEGER = (1 << 23) - 1  # of 24 bits with sign
_SH_BITS = (5, 4, 4)  # kept of degree 1, 2 and 3; coarser bytes pack better
_SQRT_HALF = np.float32(np.sqrt(0.5))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Nearest integers as float64, halves away from zero."""
    wide = values.astype(np.float64)
    rounded: np.ndarray = np.copysign(np.floor(np.abs(wide) + 0.5), wide)
    return rounded


def _bytes(values: np.ndarray) -> bytes:
    return bytes(np.clip(_rounded(values), 0, 255).astype(np.uint8).data)


def fractional_bits(largest: float) -> int | None:
    """The bits behind the point with which coordinates up to `largest` fit into 24, at most 12; None: none fit."""
    for bits in range(MOST_FRACTIONAL_BITS, -1, -1):
        if float(_rounded(np.array(largest * (1 << bits)))) <= LARGEST_INTEGER:
            return bits
    return None


def positions(means: np.ndarray, bits: int) -> bytes:
    """[N, 3] with that many bits behind the point; they fit, see `fractional_bits`."""
    fixed = _rounded(means * np.float32(1 << bits)).astype("<i4")
    return fixed.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()


def alphas(opacities: np.ndarray) -> bytes:
    """[N] logits."""
    with np.errstate(over="ignore"):
        return _bytes(np.float32(255) / (1 + np.exp(-opacities)))


def colors(sh0: np.ndarray) -> bytes:
    """[N, 3] coefficients of the constant band."""
    return _bytes(sh0 * np.float32(COLOR_SCALE * 255) + np.float32(127.5))


def scales(logarithms: np.ndarray) -> bytes:
    """[N, 3]."""
    return _bytes((logarithms + np.float32(10)) * np.float32(16))


def _unit(quats: np.ndarray) -> np.ndarray:
    """[N, 4] float32 xyzw of length 1 of wxyz of any length but zero."""
    xyzw = quats[:, [1, 2, 3, 0]].astype(np.float32)
    unit: np.ndarray = xyzw / np.linalg.norm(xyzw, axis=1, keepdims=True)
    return unit


def first_three(quats: np.ndarray) -> bytes:
    """[N, 4] wxyz as three bytes: x y z over [-1, 1] of the one of +-q whose w is not negative."""
    xyzw = _unit(quats)
    half = np.where(xyzw[:, 3:] < 0, np.float32(-127.5), np.float32(127.5))
    return _bytes(xyzw[:, :3] * half + np.float32(127.5))


def smallest_three(quats: np.ndarray) -> bytes:
    """[N, 4] wxyz as 32 bits: which of xyzw is the largest, and sign and nine bits over 1/sqrt(2) of the others."""
    xyzw = _unit(quats)
    magnitudes = np.abs(xyzw)
    largest = np.argmax(magnitudes, axis=1)
    negated = np.take_along_axis(xyzw, largest[:, None], axis=1) < 0  # q and -q are one rotation
    signs = ((xyzw < 0) ^ negated).astype(np.uint32)
    sizes = np.minimum(magnitudes / _SQRT_HALF * np.float32(511) + np.float32(0.5), 511).astype(np.uint32)
    fields = np.take_along_axis((signs << 9) | sizes, others(largest), axis=1)
    words = (largest.astype(np.uint32) << 30) | (fields[:, 0] << 20) | (fields[:, 1] << 10) | fields[:, 2]
    return bytes(words.astype("<u4").data)


def directional(shN: np.ndarray) -> bytes:
    """[N, K-1, 3] coefficients: bytes over [-1, 1], put into the middle of the bins that `_SH_BITS` leave."""
    count = shN.shape[1]
    degrees = np.sqrt(np.arange(1, count + 1)).astype(int)  # of each coefficient: 1 1 1 2 2 2 2 2 3 ...
    bins = np.array([1 << (8 - _SH_BITS[degree - 1]) for degree in degrees], np.int64)[:, None]  # [K-1, 1]
    values = np.clip(_rounded(shN * np.float32(128)), -(1 << 12), 1 << 12).astype(np.int64) + 128
    return bytes(np.clip((values + bins // 2) // bins * bins, 0, 255).astype(np.uint8).data)
