"""Depth maps that a capture brings, instead of depth from the photos where they know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch

from splat.train.stereo.pictures import Picture

FEWEST_POINTS = 12  # known points in a map that tell its unit
SPREAD = 0.1  # median relative difference of points from a map beyond which it belongs to other cameras


def in_unit_of_points(picture: Picture, depth: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """[h, w] float64 at the picture's size in the unit of the points, 0 where it is unknown.

    The unit is set by the median over the known points; most of these are not hidden. None where there are too few of
    them to tell, or where the map says something else than they do.

    Args:
        picture: of the view.
        depth: [H, W] along the optical axis in any unit, 0 where it is unknown.
        points: [P, 3] known points.
    """
    height, width = picture.counts.shape
    small = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.float64)
    seen = points[picture.camera.sees(torch.from_numpy(points)).numpy()]
    pixels, far = picture.camera.project(torch.from_numpy(seen))
    x, y = pixels.long().T.numpy()
    told = small[y, x] > 0
    ratios = np.log(far.numpy()[told] / small[y, x][told])
    if len(ratios) < FEWEST_POINTS:
        return None
    middle = np.median(ratios)
    if np.median(np.abs(ratios - middle)) > SPREAD:
        return None
    return small * float(np.exp(middle))


def captured_depths(
    pictures: Mapping[int, Picture], depth: Callable[[int], np.ndarray | None], points: np.ndarray
) -> dict[int, np.ndarray]:
    """Those of the views whose depth map is there and fits the known points: [h, w], 0 where it is unknown.

    Args:
        pictures: views by their number.
        depth: view -> [H, W] in any unit, 0 where it is unknown; None where there is none.
        points: [P, 3] known points.
    """
    found = {}
    for view, picture in pictures.items():
        own = depth(view)
        fitting = None if own is None else in_unit_of_points(picture, own, points)
        if fitting is not None:
            found[view] = fitting
    return found
