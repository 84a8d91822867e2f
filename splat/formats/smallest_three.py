"""Unit quaternions by three of their components: the largest is left out, made positive, and follows from the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def others(largest: Array) -> Array:
    """[N, 3] the components that are stored, in order, beside the largest one, whose index is in [N]."""
    found: Array = np.arange(3)[None] + (np.arange(3)[None] >= largest[:, None])
    return found


def smallest(quats: Array) -> tuple[Array, Array]:
    """Of quaternions [N, 4] of any length but zero: which is the largest component [N], and the others of the unit one.

    Returns:
        [N] int64; [N, 3] float64 in +-1/sqrt(2), the most that a component beside a larger one has.
    """
    unit = quats.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    largest = np.argmax(np.abs(unit), axis=1)
    unit *= np.where(np.take_along_axis(unit, largest[:, None], axis=1) < 0, -1, 1)  # q and -q are one rotation
    return largest, np.take_along_axis(unit, others(largest), axis=1)


def restored(small: Array, largest: Array) -> Array:
    """[N, 4] float64 of unit length from what `smallest` gives."""
    rows = np.arange(len(small))
    quats = np.empty((len(small), 4))
    quats[rows[:, None], others(largest)] = small
    quats[rows, largest] = np.sqrt(np.clip(1 - (small * small).sum(axis=1), 0, None))
    return quats
