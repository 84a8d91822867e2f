"""Jumps of scale along a sequence: points must be equally far by the step before a photo and by the step after."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

import numpy as np

from splat.capture.colmap.tracks import Tracks
from splat.capture.examine.suspicion import Suspicion

JUMP = 1.25  # from one step to the next; good captures have 1.10 at most
FEWEST = 10  # points that three photos in a row must share
PARALLAX = 1.0  # degrees, under which the distance of a point is a guess


def scale_jumps(tracks: Tracks, without: Collection[str] = ()) -> list[Suspicion]:
    """Photos among which the scale changes, three in a row for each change.

    The step to the middle one and the step from it give the same points different distances: there the scale jumps, or
    one of the three is wrong.

    Distances are intersections of the rays of two photos, so the places of points in the model do not matter. Photos
    count as a sequence in name order; three that share few points say nothing.

    Args:
        tracks: what is seen where.
        without: names of photos that are suspicious by themselves.
    """
    found: set[int] = set()
    factors = []
    seen = [_seen(tracks, index) for index in range(len(tracks.names))]
    for index in range(1, len(tracks.names) - 1):
        if any(tracks.names[at] in without for at in (index - 1, index, index + 1)):
            continue
        factor = _change(tracks.viewmats[index - 1 : index + 2], seen[index - 1 : index + 2])
        if factor is not None and not 1 / JUMP < factor < JUMP:
            found |= {index - 1, index, index + 1}
            factors.append(max(factor, 1 / factor))
    if not found:
        return []
    reason = f"a jump of the scene's scale by a factor of {max(factors):.2g} among them: one is wrong or what follows"
    return [Suspicion("scale", tuple(tracks.names[at] for at in sorted(found)), reason)]


def _change(poses: np.ndarray, seen: Sequence[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """How many times as far the step before a photo puts its points as the step after it; None: too few points.

    Args:
        poses: [3, 4, 4] world to camera of the photo before, the photo, and the one after.
        seen: what `_seen` has of these.
    """
    common = functools.reduce(np.intersect1d, [points for points, _ in seen])
    if len(common) < FEWEST:
        return None
    before, here, after = (rays[np.searchsorted(points, common)] for points, rays in seen)
    first, first_angle = _distances(here, before, poses[1], poses[0])
    second, second_angle = _distances(here, after, poses[1], poses[2])
    good = (first > 0) & (second > 0) & (first_angle > PARALLAX) & (second_angle > PARALLAX)
    return float(np.median(first[good] / second[good])) if good.sum() >= FEWEST else None


def _seen(tracks: Tracks, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Rising numbers [K] of the points that a photo shows, and the rays [K, 3] with z = 1 to them."""
    rows = tracks.of(index)
    plane = tracks.plane[rows].astype(np.float64)
    good = np.isfinite(plane).all(axis=1)
    return tracks.point[rows][good], np.concatenate([plane[good], np.ones((good.sum(), 1))], axis=1)


def _distances(
    rays: np.ndarray, others: np.ndarray, viewmat: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depths [K] of points along rays [K, 3] of one photo where those of another meet them, and angles in degrees.

    The depth d solves o × (R d r + t) = 0 in the least squares (Hartley and Zisserman, section 12.2).
    """
    motion = other @ np.linalg.inv(viewmat)
    turned = rays @ motion[:3, :3].T
    normal = np.cross(others, turned)
    length = (normal**2).sum(axis=1)
    depth = -(normal * np.cross(others, motion[:3, 3])).sum(axis=1) / np.maximum(length, 1e-18)
    sine = np.sqrt(length) / (np.linalg.norm(others, axis=1) * np.linalg.norm(turned, axis=1))
    return depth, np.degrees(np.arcsin(np.clip(sine, 0, 1)))
