"""Boxes and balls as lines, for drawing them over the scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

ROUND = 48  # pieces of a circle


def box_lines(low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """[12, 2, 3] edges of the box between two corners [3]."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    edges = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(corners[a] - corners[b]).sum() == 1]
    placed = np.asarray(low, float) + corners * (np.asarray(high, float) - np.asarray(low, float))
    lines: np.ndarray = placed[np.array(edges)]
    return lines


def sphere_lines(centre: ArrayLike, radius: float) -> np.ndarray:
    """[3 * ROUND, 2, 3]: three circles around the axes."""
    angles = np.linspace(0, 2 * np.pi, ROUND + 1)
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
    circles = [np.roll(circle, axis, axis=1) for axis in range(3)]
    lines: np.ndarray = np.asarray(centre, float) + radius * np.concatenate(
        [np.stack([one[:-1], one[1:]], axis=1) for one in circles]
    )
    return lines


def outline(points: np.ndarray, closed: bool = False) -> np.ndarray:
    """[P - 1 or P, 2, 3] lines from each point [P, 3] to the next, and from the last to the first if closed."""
    ends = np.roll(points, -1, axis=0)
    lines: np.ndarray = np.stack([points, ends], axis=1)
    return lines if closed else lines[:-1]
