"""Numbers that files of other programs hold, or one line that says which is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from splat.capture.lens import Lens
from splat.errors import SplatError

LARGEST_SIDE = 1_000_000  # pixels
MOST_FOCAL = 1e9  # pixels


def floats(values: Any, count: int, where: str) -> np.ndarray:
    """[count] float64 of a list, or of a text with blanks between; NaN and infinities are kept.

    Raises:
        SplatError: another count, or something that is no number; the line names `where`.
    """
    listed = values.split() if isinstance(values, str) else values
    try:
        if not isinstance(listed, (list, tuple)) or len(listed) != count or any(isinstance(v, bool) for v in listed):
            raise ValueError
        return np.array([float(value) for value in listed], np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise SplatError(f"{where} must be {count} numbers; fix the file or export it again") from error


def number(source: Mapping[str, Any], key: str, where: str, default: float | None = None) -> float:
    """The finite number `key`, also one that is written as text.

    Args:
        source: what the file says of one thing.
        where: file and thing, for the message.
        default: where the key is missing or empty; None: it must be there.

    Raises:
        SplatError: it is missing or no finite number.
    """
    value = source.get(key)
    if value is None or value == "":
        if default is None:
            raise SplatError(f"{where} has no {key}; fix the file or export it again")
        return default
    try:
        result = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = float("nan")
    if not np.isfinite(result):
        raise SplatError(f"{key}={ascii(value)[:40]} of {where} must be a finite number; fix the file")
    return result


def sized_lens(model: str, params: Iterable[float], width: float, height: float, where: str) -> Lens:
    """A lens whose size and focal length some camera may have.

    Raises:
        SplatError: otherwise, naming `where`.
    """
    values = tuple(float(value) for value in params)
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):  # false for NaN
        raise SplatError(f"{where} is {width:g}x{height:g} pixels large; fix the file or export it again")
    if not (np.isfinite(values).all() and 0 < values[0] < MOST_FOCAL):
        listed = ", ".join(f"{value:g}" for value in values)
        raise SplatError(f"{where} has impossible intrinsics ({model}: {listed}); fix the file or export it again")
    return Lens(model, values, round(width), round(height))
