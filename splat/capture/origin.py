"""Geo-referenced captures: coordinates in the millions, of which float32 keeps half a metre."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from splat import console
from splat.capture.reader_result import ReaderResult
from splat.capture.types import Points
from splat.errors import SplatError

# Origins are whole hundreds, so that captures of one place mostly share theirs and people can type it. What is left is
# at most 50 units, of which float32 keeps a few thousandths of a millimetre if they are metres.
UNIT = 100.0


def near_zero(found: ReaderResult, origin: Sequence[float] | None = None) -> ReaderResult:
    """The same capture with `origin` subtracted from its coordinates.

    Scene files, and the renderers of all programs, hold float32. Poses and points are moved in float64, so nothing is
    lost; adding the origin gives the capture's own coordinates. Surveying programs do the same (an offset, a shift).

    Args:
        found: what a reader found.
        origin: x, y, z; None: `far_origin` where the coordinates are too large, else nothing is moved.

    Raises:
        SplatError: an origin that is not three finite numbers.
    """
    if origin is not None and not (len(origin) == 3 and np.isfinite(origin).all()):
        raise SplatError(f"capture.origin={list(origin)} must be three numbers, such as [448000,5412000,300]")
    chosen = far_origin(found) if origin is None else (float(origin[0]), float(origin[1]), float(origin[2]))
    if not any(chosen):
        return found
    listed = ", ".join(f"{value:.12g}" for value in chosen)
    note = f"everything is written minus the origin ({listed})"
    if origin is None:
        note = f"coordinates are too large for scene files (32 bits): {note}"
        console.warn(note)
    points = found.points
    if points is not None:
        points = Points(points.xyz - np.array(chosen), points.rgb, points.origin)
    posed = []
    for photo in found.posed:
        viewmat = np.array(photo.viewmat, np.float64)
        viewmat[:3, 3] += viewmat[:3, :3] @ np.array(chosen)
        posed.append(dataclasses.replace(photo, viewmat=viewmat))
    return dataclasses.replace(found, posed=posed, points=points, origin=chosen, notes=[*found.notes, note])


def far_origin(found: ReaderResult) -> tuple[float, float, float]:
    """A round place amid the cameras; zeros where they are within a hundred times their extent (or units) of zero."""
    if not found.posed:
        return 0.0, 0.0, 0.0
    positions = np.stack([-photo.viewmat[:3, :3].T @ photo.viewmat[:3, 3] for photo in found.posed])
    centre = np.median(positions, axis=0)  # a camera that was placed absurdly far out does not count
    extent = float(np.median(np.linalg.norm(positions - centre, axis=1)))
    if found.points is not None:
        extent = max(extent, float(np.median(np.linalg.norm(found.points.xyz - centre, axis=1))))
    if np.abs(centre).max() <= UNIT * max(extent, 1.0):
        return 0.0, 0.0, 0.0
    x, y, z = (float(value) for value in np.round(centre / UNIT) * UNIT)
    return x, y, z
