"""Depth of the training views from the photos, whole where they agree and filled in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch

from splat import native
from splat.images import evenly
from splat.train.stereo.agreement import THROUGH, DepthView, votes
from splat.train.stereo.captured import captured_depths
from splat.train.stereo.filling import filled
from splat.train.stereo.pictures import Picture, Pictures
from splat.train.stereo.smoothing import chosen_depth, smoothed
from splat.train.stereo.sweep import matching_cost, plane_depths

VIEWS = 32  # that get a depth, at the most
SOURCES = 4  # photos that a view is compared with
JUDGES = 8  # views that agree with a depth or look through it
WITNESSES = 2  # that must agree for a depth to be sure; with fewer than three photos none is


def depth_views(
    pictures: Pictures,
    near: Sequence[Sequence[int]],
    points: np.ndarray,
    own: Callable[[int], np.ndarray | None] = lambda view: None,
    most: int = VIEWS,
) -> dict[int, DepthView]:
    """Views with their depth, filled where nothing is sure: `sure` says where several photos agree.

    Where the photos do not agree, depth maps of the capture that fit the known points count instead.

    Args:
        pictures: of all views.
        near: the others that see the same as each view, best first: `JUDGES` of them.
        points: [P, 3] known points.
        own: view -> the capture's depth map [H, W] in any unit, 0 where it is unknown, or None.
        most: views, evenly over their order.
    """
    chosen = evenly(range(len(near)), most)
    compared = {view: (pictures[view], [pictures[other] for other in near[view][:SOURCES]]) for view in chosen}
    with ThreadPoolExecutor(native.default_threads()) as pool:
        depths = list(pool.map(lambda view: swept_depth(*compared[view], points), chosen))
    found = {
        view: DepthView(pictures[view], depth, pictures[view].counts)
        for view, depth in zip(chosen, depths)
        if depth is not None
    }
    known = captured_depths({view: one.picture for view, one in found.items()}, own, points)
    found |= {view: with_map(found, near, view, depth) for view, depth in known.items()}
    return {view: completed(found, near, view, points) for view in found}


def swept_depth(picture: Picture, others: Sequence[Picture], points: np.ndarray) -> np.ndarray | None:
    """[h, w], or None where the view sees too few points; of one photo alone all depths are the same."""
    depths = plane_depths(picture.camera, points)
    if depths is None:
        return None
    if not others:
        return np.full(picture.counts.shape, np.median(depths))
    cost = matching_cost(picture, others, depths, points)
    return chosen_depth(smoothed(cost, picture.color.mean(axis=2)), depths)


def agreed(views: Mapping[int, DepthView], near: Sequence[Sequence[int]], view: int) -> np.ndarray:
    """[h, w] bool: where others come to the depth of a view, and more of them than look through it."""
    said = votes(views, near, view)
    found: np.ndarray = views[view].sure & (said.agree >= WITNESSES) & (said.agree > said.through)
    return found


def with_map(views: Mapping[int, DepthView], near: Sequence[Sequence[int]], view: int, depth: np.ndarray) -> DepthView:
    """A view with the capture's depth where photos do not agree, or agree on something else, as on plain walls.

    Where they come near it, they are finer than a phone's depth and stay.

    Args:
        depth: [h, w], 0 where it is unknown.
    """
    one = views[view]
    near_it = np.abs(one.depth / np.maximum(depth, 1e-9) - 1) < THROUGH
    own = (depth > 0) & ~(near_it & agreed(views, near, view))
    return replace(one, depth=np.where(own, depth, one.depth), captured=True)


def completed(
    views: Mapping[int, DepthView], near: Sequence[Sequence[int]], view: int, points: np.ndarray
) -> DepthView:
    """A view whose depth stays where others agree, and is filled between that and the known points elsewhere."""
    one, sure = views[view], agreed(views, near, view)
    inverse, known = 1 / one.depth, sure.copy()
    y, x, depth = _projected(one.picture, points)
    free = ~sure[y, x]
    inverse[y[free], x[free]] = 1 / depth[free]
    known[y[free], x[free]] = True
    if not known.any():
        return replace(one, sure=sure)
    return replace(one, depth=1 / np.maximum(filled(inverse, known, one.picture.color), 1e-9), sure=sure)


def _projected(picture: Picture, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and depths of the points in a picture, the nearest last."""
    pixels, depth = picture.camera.project(torch.from_numpy(points))
    inside = (depth > 1e-6) & picture.camera.contains(pixels)
    order = torch.argsort(depth[inside], descending=True, stable=True)
    x, y = pixels[inside][order].long().T.numpy()
    return y, x, depth[inside][order].numpy()
