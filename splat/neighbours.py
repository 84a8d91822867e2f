"""Nearest points, exactly."""

from __future__ import annotations

import cv2
import numpy as np

SINGLE_TREE = 4  # FLANN's exact k-d tree for few dimensions


def nearest(points: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of `points` to each query, by OpenCV's FLANN, in single precision.

    It is loaded with OpenCV anyway; scipy's tree would take 27 MB more of a training's memory.

    Args:
        points: [N, D], D of 2 or 3.
        queries: [M, D].
        count: neighbours of each query, at most N.

    Returns:
        distances [M, count] and indices [M, count], nearest first.
    """
    points, queries = (np.ascontiguousarray(array, np.float32) for array in (points, queries))
    index = cv2.flann_Index(points, {"algorithm": SINGLE_TREE})  # type: ignore[attr-defined]
    found, squared = index.knnSearch(queries, count, params={"checks": -1, "eps": 0.0})  # all checks: exact
    return np.sqrt(np.maximum(squared, 0.0)), found
