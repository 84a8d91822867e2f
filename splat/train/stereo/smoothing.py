"""Depth from matching costs: neighbours lie on one surface unless the photo has an edge between them."""

from __future__ import annotations

import numpy as np

ONE_PLANE, MORE_PLANES = 0.04, 0.25  # cost of a neighbour one plane away, and farther away
EDGE = 0.05  # difference of grey at which a jump costs half


def smoothed(cost: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """[h, w, D]: the costs of the cheapest paths to each pixel and plane, from four sides, added.

    Source: Hirschmüller, "Stereo Processing by Semiglobal Matching and Mutual Information", 2008, section 3.2.

    Args:
        cost: [h, w, D] float32 of each pixel on each plane.
        grey: [h, w] of the photo; jumps are cheap where it changes.
    """
    total = np.zeros_like(cost)
    for axis in (0, 1):
        lines, edges = np.moveaxis(cost, axis, 0), np.abs(np.diff(np.moveaxis(grey, axis, 0), axis=0))
        jumps = MORE_PLANES / (1 + edges / EDGE)
        ahead = _paths(lines, jumps)
        back = _paths(lines[::-1], jumps[::-1])[::-1]
        total += np.moveaxis(ahead + back, 0, axis)
    return total


def _paths(lines: np.ndarray, jumps: np.ndarray) -> np.ndarray:
    """[n, m, D] cost of the cheapest path along the first axis of `lines` [n, m, D], jumps costing [n - 1, m]."""
    paths = np.empty_like(lines)
    paths[0] = lines[0]
    for index in range(1, len(lines)):
        last = paths[index - 1]
        least = last.min(axis=1, keepdims=True)
        moved = np.minimum(last, least + jumps[index - 1][:, None])
        moved[:, 1:] = np.minimum(moved[:, 1:], last[:, :-1] + ONE_PLANE)
        moved[:, :-1] = np.minimum(moved[:, :-1], last[:, 1:] + ONE_PLANE)
        paths[index] = lines[index] + moved - least
    return paths


def chosen_depth(total: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """[h, w]: the depth of the cheapest plane, between planes by the parabola through it and its neighbours.

    Args:
        total: [h, w, D].
        depths: [D], evenly spaced in their inverse.
    """
    best = total.argmin(axis=2)
    inner = best.clip(1, len(depths) - 2)
    before, here, after = (np.take_along_axis(total, (inner + at)[..., None], 2)[..., 0] for at in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend > 1e-6, 0.5 * (before - after) / np.maximum(bend, 1e-6), 0).clip(-0.5, 0.5)
    place = np.where(inner == best, best + shift, best)
    inverse: np.ndarray = np.interp(place, np.arange(len(depths)), 1 / depths)
    return 1 / inverse
