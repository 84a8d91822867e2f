"""Positions of 64 bits in scenes of 32: what is far from zero is moved near it, and nothing is rounded silently."""

from __future__ import annotations

import numpy as np

from splat.formats.scene_file import NO_ORIGIN, Origin

TOLERANCE = 1e-4  # of the median Gaussian's size: rounding of positions that nobody sees
LARGEST_UNIT = 100.0  # origins are whole hundreds, as those of captures, or of a smaller power of ten where needed
_SAMPLE = 100_000  # rows that are looked at to choose
_COARSE = 0.1  # of the median size: from here on the steps between 32-bit numbers show


@np.errstate(over="ignore", invalid="ignore")  # absurd numbers become infinite: sorted out with the unusable rows
def near_zero(means: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, Origin, list[str]]:
    """Positions that float32 can hold.

    Args:
        means: [N, 3] centres as the file has them, any numeric type.
        scales: [N, 3] logarithms of the standard deviations.

    Returns:
        means as float32; the origin that was subtracted in float64, zeros where rounding alone keeps `TOLERANCE`;
        remarks for people.
    """
    if means.dtype == np.float32:
        return means, NO_ORIGIN, _lost_before(means, scales)
    means = means.astype(np.float64)
    sample, size = _typical(means, scales)
    if not len(sample):
        return _to_float32(means), NO_ORIGIN, []
    limit = TOLERANCE * size
    origin, remarks = _origin(sample, limit), []
    if any(origin):
        listed = ", ".join(f"{value:.12g}" for value in origin)
        remarks.append(f"coordinates are too large for scenes of 32 bits: everything is read minus ({listed})")
    moved = means - np.array(origin)
    error = _rounding(moved[np.isfinite(moved).all(axis=1)])
    over = int((error > limit).sum())
    if over:
        remarks.append(
            f"{over:,} of {len(means):,} positions are rounded by more than a ten-thousandth of the median Gaussian's "
            f"size (worst: {error.max():.2g})"
        )
    return _to_float32(moved), origin, remarks


def _origin(means: np.ndarray, limit: float) -> Origin:
    """A round place amid the Gaussians that makes rounding harmless, or as small as may be; zeros if none is needed."""
    least = float(np.median(_rounding(means)))
    best = NO_ORIGIN
    centre = np.median(means, axis=0)
    extent = float(np.median(np.abs(means - centre)))
    unit = LARGEST_UNIT
    while least > limit:
        x, y, z = (float(value) for value in np.round(np.round(centre / unit) * unit, 12))
        error = float(np.median(_rounding(means - np.array([x, y, z]))))
        if error < least:
            least, best = error, (x, y, z)
        if unit <= max(extent, 1e-9):
            break
        unit /= 10
    return best


def _typical(means: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, float]:
    """Positions [M, 3] of usable rows, some of many, and their median standard deviation."""
    step = max(1, len(means) // _SAMPLE)
    means, scales = means[::step], scales[::step]
    usable = np.isfinite(means).all(axis=1) & np.isfinite(scales).all(axis=1)
    means, scales = means[usable], scales[usable]
    return means, float(np.exp(np.median(scales.astype(np.float64)))) if len(scales) else 0.0


def _rounding(means: np.ndarray) -> np.ndarray:
    """[N] the largest error of each row's coordinates in float32."""
    return np.abs(means - _to_float32(means)).max(axis=1)


def _to_float32(means: np.ndarray) -> np.ndarray:
    return means.astype(np.float32)


def _lost_before(means: np.ndarray, scales: np.ndarray) -> list[str]:
    """A remark where a file of 32 bits is so far from zero that its writer has already lost detail."""
    sample, size = _typical(means, scales)
    if not len(sample):
        return []
    far = np.abs(np.median(sample, axis=0)).max()
    step = float(np.spacing(far))
    if step <= _COARSE * size:
        return []
    return [
        f"it lies {far:.3g} from zero, where numbers of 32 bits are {step:.2g} apart (median Gaussian: {size:.2g}); "
        "save it with double coordinates, or nearer to zero"
    ]
