"""Nearest points, exactly."""

from __future__ import annotations

import cv2
import numpy as np

SINGLE_TREE = 4  # FLANN's exact k-d tree for few dimensions
NEIGHBOURS = 8  # that a point may be linked with
LINK = 4.0  # times the usual distance between neighbours: what is nearer hangs together


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


def pieces(a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    """The connected pieces of a graph: [count] int64, numbered 0, 1, … in the order of their first members.

    Every node takes the smallest number among its neighbours', then that one's own, until nothing changes: some
    twenty rounds for neighbourhoods of points. scipy's is no faster for these, and takes 0.4 s to load.

    Args:
        a, b: [E] the ends of each edge, 0 .. count - 1.
        count: of nodes.
    """
    label = np.arange(count)
    while True:
        least = np.minimum(label[a], label[b])
        new = label.copy()
        np.minimum.at(new, a, least)
        np.minimum.at(new, b, least)
        np.minimum.at(new, label, new)  # the old root learns what its members found
        new = new[new]
        if np.array_equal(new, label):
            return np.unique(label, return_inverse=True)[1].reshape(-1)
        label = new


def clustered(points: np.ndarray, link: float = LINK, apart: np.ndarray | None = None) -> np.ndarray:
    """[P] int64 number of the piece that each of the points [P, 3], at least two, is in; as `pieces` counts them.

    A point hangs together with those of its eight nearest that are no farther than `link` times the usual distance
    (the median over all).

    Args:
        apart: [P, D] more coordinates (a colour); points farther apart in them than 1 do not hang together.
    """
    centred = points - points.mean(0)
    distance, near = nearest(centred, centred, min(NEIGHBOURS, len(points) - 1) + 1)
    linked = distance[:, 1:] <= link * max(float(np.median(distance[:, 1:])), 1e-12)
    a, b = linked.nonzero()[0], near[:, 1:][linked]
    if apart is not None:
        alike = np.linalg.norm(apart[a] - apart[b], axis=1) <= 1
        a, b = a[alike], b[alike]
    return pieces(a, b, len(points))
