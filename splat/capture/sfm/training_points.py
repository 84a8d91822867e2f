"""The points of our own structure from motion as the training photos show them.

Cameras are fitted to all photos, because a held-out photo needs a pose to be compared with, and the places of points
along with them. But a point is only there where two training photos show it, and its colour is the mean of what they
show.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from splat.capture.photo import oriented, photo_header, read_photo
from splat.capture.types import Points

FEWEST_PHOTOS = 2  # a point needs to be seen from two places


def training_points(model: Any, photos: Mapping[str, Path]) -> Points | None:
    """Points that at least two training photos show, in their colours; None where there are none.

    Args:
        model: a pycolmap.Reconstruction, whose images are the upright photos, perhaps smaller.
        photos: name in the model -> file, of the training photos.
    """
    numbers = sorted(number for number, point in model.points3D.items() if np.isfinite(point.xyz).all())
    row_of = {number: row for row, number in enumerate(numbers)}
    sums, counts = np.zeros((len(numbers), 3)), np.zeros(len(numbers), np.int64)
    for image in model.images.values():
        if image.name not in photos or not image.has_pose:
            continue
        seen = [point for point in image.points2D if point.has_point3D() and point.point3D_id in row_of]
        if not seen:
            continue
        rows = np.array([row_of[point.point3D_id] for point in seen])
        camera = model.cameras[image.camera_id]
        xy = np.array([point.xy for point in seen], np.float32)
        np.add.at(sums, rows, _colors(photos[image.name], camera.width, camera.height, xy))
        np.add.at(counts, rows, 1)
    kept = counts >= FEWEST_PHOTOS
    if not kept.any():
        return None
    xyz = np.array([model.points3D[number].xyz for number in numbers], np.float64)
    rgb = np.rint(sums[kept] / counts[kept, None]).astype(np.uint8)
    return Points(xyz[kept], rgb)


def _colors(file: Path, width: int, height: int, xy: np.ndarray) -> np.ndarray:
    """[M, 3] float: colours of a photo at pixels [M, 2] of its upright picture of that size (centres at + 0.5)."""
    picture = oriented(read_photo(file)[..., :3], photo_header(file).orientation)
    if picture.shape[:2] != (height, width):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    columns, rows = np.ascontiguousarray(xy[:, 0]) - 0.5, np.ascontiguousarray(xy[:, 1]) - 0.5
    return cv2.remap(
        np.ascontiguousarray(picture), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).reshape(-1, 3)
