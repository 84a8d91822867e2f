"""What of a capture is used, in one line, so that nobody trains without the masks that they believe to be there."""

from __future__ import annotations

from splat.capture.types import Capture
from splat.console import count


def inventory(capture: Capture) -> str:
    """Photos, masks, depth maps and points that a capture brings.

    For example "50 of 67 photos, masks: none, depth maps: none, points: 1,603 from the capture".
    """
    used = len(capture.frames)
    photos = (
        f"{used:,} of {count(capture.photos_found, 'photo')}" if capture.photos_found > used else count(used, "photo")
    )
    masks = _of(sum(plan.mask_path is not None for plan in capture.images.plans), used)
    depth_maps = _of(capture.depth_maps, used)
    return f"{photos}, masks: {masks}, depth maps: {depth_maps}, points: {_points(capture)}"


def _of(number: int, photos: int) -> str:
    """How many of the photos have something."""
    if number == 0:
        return "none"
    return f"{number:,}" if number == photos else f"{number:,} of {photos:,}"


def _points(capture: Capture) -> str:
    if capture.points is None:
        return "none"
    origins = {"capture": "from the capture"}
    return f"{len(capture.points.xyz):,} {origins.get(capture.points.origin, capture.points.origin)}"
