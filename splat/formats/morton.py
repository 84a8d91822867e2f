"""The order along a Morton curve: Gaussians that are close to one another in the file are close in the scene."""

from __future__ import annotations

import numpy as np

_BITS = 21  # an axis; three fit into 63 bits, and equal codes are then equal places for every purpose here
# Each step doubles the gaps between the bits until two zeros follow every one of them.
_STEPS = (
    (32, 0x001F00000000FFFF),
    (16, 0x001F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def _spread(values: np.ndarray) -> np.ndarray:
    """[N] uint64 of 21 bits, with two zero bits put behind each."""
    for shift, mask in _STEPS:
        values = (values | (values << np.uint64(shift))) & np.uint64(mask)
    return values


def morton_order(means: np.ndarray) -> np.ndarray:
    """Indices [N] that sort positions [N, 3] along a Morton curve through their bounding box, x in the lowest bits.

    Positions that share a cell keep their order. Rows with NaN or infinite values come last.
    """
    means = np.asarray(means, np.float64)
    finite = np.isfinite(means).all(axis=1)
    if not finite.any():
        return np.arange(len(means))
    low, high = means[finite].min(axis=0), means[finite].max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    top = (1 << _BITS) - 1
    cells = np.zeros(means.shape, np.uint64)
    cells[finite] = np.clip((means[finite] - low) / extent * top, 0, top)
    x, y, z = (_spread(cells[:, axis]) for axis in range(3))
    codes = x | (y << np.uint64(1)) | (z << np.uint64(2))
    codes[~finite] = np.iinfo(np.uint64).max
    return np.argsort(codes, kind="stable")
