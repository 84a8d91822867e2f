"""Points where nothing can be: between a camera and what it sees."""

from __future__ import annotations

import numpy as np

from splat.capture.colmap.tracks import Tracks
from splat.capture.examine.suspicion import Suspicion

NEAREST = 10.0  # per cent of a photo's own points that may be wrong, nearer than anything it sees
CLOSER = 0.6  # of the distance of the nearest thing that the photo sees
MOST = 0.05  # of the points in the picture; good captures have less than 0.012
SAMPLE = 3_000  # points that are looked at, evenly picked
FEWEST = 25  # points of its own that a photo must see


def photos_inside(tracks: Tracks) -> list[Suspicion]:
    """Photos that would have points close before their lens that they do not see: they stand inside of something."""
    found, most = [], 0.0
    some = tracks.xyz[:: max(1, len(tracks.xyz) // SAMPLE)]
    for index, viewmat in enumerate(tracks.viewmats):
        rows = tracks.of(index)
        plane = tracks.plane[rows]
        plane = plane[np.isfinite(plane).all(axis=1)]
        if len(plane) < FEWEST:
            continue
        own = tracks.xyz[tracks.point[rows]] @ viewmat[2, :3] + viewmat[2, 3]
        own = own[own > 0]
        local = some @ viewmat[:3, :3].T + viewmat[:3, 3]
        depth = local[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            place = local[:, :2] / depth[:, None]
        inside = (depth > 0) & (place >= plane.min(axis=0)).all(axis=1) & (place <= plane.max(axis=0)).all(axis=1)
        if not len(own) or not inside.any():
            continue
        before = float((depth[inside] < CLOSER * np.percentile(own, NEAREST)).mean())
        if before > MOST:
            found.append(tracks.names[index])
            most = max(most, before)
    if not found:
        return []
    reason = f"up to {most:.0%} of the points in the picture close before the lens, where the photo shows none"
    return [Suspicion("inside", tuple(found), reason)]
