"""How far the points of each photo lie from where it shows them."""

from __future__ import annotations

import numpy as np

from splat.capture.colmap.tracks import Tracks
from splat.capture.examine.suspicion import Suspicion

TIMES = 3.0  # the usual error, from which one is suspicious; good captures stay within 2.1
LEAST = 0.001  # of the longer side, under which no error is
LARGE = 0.004  # of the longer side, above which the error of a whole model is suspicious; good ones have 0.0011


def median_errors(tracks: Tracks) -> np.ndarray:
    """[C] the median reprojection error of each photo in pixels; NaN without points, infinite for most behind it."""
    found = [tracks.error[tracks.of(index)] for index in range(len(tracks.names))]
    return np.array([np.median(error) if len(error) else np.nan for error in found])


def photos_with_large_errors(tracks: Tracks) -> list[Suspicion]:
    """Photos whose error is far above that of the others; or all, where the usual one is large."""
    errors = median_errors(tracks)
    measured = errors[np.isfinite(errors)]
    if not len(measured):
        return []
    usual, side = float(np.median(measured)), float(np.median(tracks.sides))
    if usual > LARGE * side:
        reason = f"points fit badly: the usual error is {usual:,.1f} pixels of {side:,.0f}"
        return [Suspicion("error", tracks.names, reason)]
    with np.errstate(invalid="ignore"):
        large = np.flatnonzero(errors > np.maximum(TIMES * usual, LEAST * tracks.sides))
    if not len(large):
        return []
    worst = errors[large].max()
    most = f"up to {worst:,.1f}" if np.isfinite(worst) else "points behind the camera"
    reason = f"points fit badly ({most}, usual are {usual:,.2f} pixels)"
    return [Suspicion("error", tuple(tracks.names[index] for index in large), reason)]
