"""The cameras of a capture examined before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splat.capture.colmap.tracks import Tracks, read_tracks
from splat.capture.examine.errors import median_errors, photos_with_large_errors
from splat.capture.examine.poses import odd_poses
from splat.capture.examine.sharing import (
    photos_among_strangers,
    photos_apart,
    photos_with_few_points,
    points_seen,
    shared_points,
)
from splat.capture.examine.space import photos_inside
from splat.capture.examine.steps import scale_jumps
from splat.capture.examine.suspicion import Suspicion
from splat.capture.types import Capture
from splat.console import count


@dataclass(frozen=True)
class Examination:
    """What was looked at and what is suspicious."""

    suspicions: tuple[Suspicion, ...]
    looked_at: str  # in words

    @property
    def photos(self) -> tuple[str, ...]:
        """The names of all suspicious photos."""
        return tuple(sorted({name for suspicion in self.suspicions for name in suspicion.photos}))

    def in_words(self) -> str | None:
        """One line that names what is suspicious; None where nothing is."""
        return "; ".join(each.in_short() for each in self.suspicions) or None

    def in_full(self) -> list[str]:
        """What was looked at, then a line with all names for each suspicion."""
        return [self.looked_at, *(each.in_full() for each in self.suspicions)]


def examine(capture: Capture) -> Examination:
    """Look for cameras of a capture that can hardly be right.

    Poses are looked at in all captures; where it is known which photos see which points (a COLMAP model is behind the
    poses, or points were triangulated with them), that too.

    Raises:
        SplatError: the model is damaged.
    """
    cameras = capture.cameras()
    points = None if capture.points is None or capture.points.origin == "random" else capture.points.xyz
    tracks = None if capture.tracks is None else read_tracks(capture.tracks.folder, capture.tracks.names)
    poses_given = capture.points is not None and capture.points.origin == "triangulated"
    found = [] if tracks is None else suspicious_tracks(tracks, poses_given)
    found += odd_poses(cameras, points)
    return Examination(
        tuple(_of_these(found, {camera.name for camera in cameras})),
        f"poses of {count(len(cameras), 'photo')}; nothing tells which of them see the same points"
        if tracks is None
        else _figures(tracks),
    )


def suspicious_tracks(tracks: Tracks, poses_given: bool = False) -> list[Suspicion]:
    """All that is odd about what photos see of the points, which may have come after the poses."""
    shared = shared_points(tracks)
    misfits = photos_with_large_errors(tracks)
    wrong = {name for each in misfits for name in each.photos}
    found = photos_apart(tracks, shared) + photos_with_few_points(tracks, poses_given) + misfits
    known = {name for each in found for name in each.photos}
    jumps = scale_jumps(tracks, known)
    return found + photos_among_strangers(tracks, shared, wrong) + jumps + photos_inside(tracks)


def _of_these(found: Sequence[Suspicion], names: set[str]) -> list[Suspicion]:
    """The suspicions about photos that the capture has; a model may have more."""
    kept = [replace(each, photos=tuple(name for name in each.photos if name in names)) for each in found]
    return [each for each in kept if each.photos]


def _figures(tracks: Tracks) -> str:
    """What the model says of its photos, in one line."""
    seen, errors = points_seen(tracks), median_errors(tracks)
    fewest = int(seen.argmin())
    words = f"{count(len(tracks.names), 'photo')} of {len(tracks.xyz):,} points; a photo sees {np.median(seen):,.0f}"
    words += f" ({tracks.names[fewest]} {seen[fewest]:,})"
    if np.isfinite(errors).any():
        worst = int(np.nanargmax(errors))
        words += f", {np.nanmedian(errors):.2f} pixels from where they should be ({tracks.names[worst]}"
        words += f" {errors[worst]:.2f})"
    return words
