"""First points on the surfaces that the photos agree on, and few on what lies between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from splat.cameras import Camera
from splat.train.stereo.agreement import DepthView, votes
from splat.train.stereo.depth import JUDGES, depth_views
from splat.train.stereo.pictures import Pictures, partners

MOST_THROUGH = 1  # other photos that may look through a seed: noise of their depth
UNSURE = 0.05  # seeds on pixels whose depth is a guess, over those where photos agree


@dataclass(frozen=True)
class Seeds:
    """Pixels of training views, at their depth."""

    xyz: np.ndarray  # [S, 3] float64
    rgb: np.ndarray  # [S, 3] uint8
    agreed: float  # 0..1, share of the pixels on whose depth several photos agree

    @classmethod
    def none(cls) -> Seeds:
        """Where no view sees points enough."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), 0.0)


def stereo_seeds(
    cameras: list[Camera],
    image: Callable[[int], np.ndarray],
    keep: Callable[[int], np.ndarray | None],
    points: np.ndarray,
    count: int,
    rng: np.random.Generator,
    unsure: float = UNSURE,
) -> Seeds:
    """Pixels at the depth that plane sweeping finds, but those that other photos look through.

    Where photos agree on depth, Gaussians may begin small and many: they stay. Where they do not (plain walls, what few
    photos see) a depth is a guess, and many small Gaussians at wrong depths explain each photo by itself, before the
    lens of all others. Few and large ones must fit many photos at once. So pixels that are not sure get one
    seed where sure ones get twenty, and there are fewer in all.

    Args:
        cameras: training cameras, in the frame of `points`.
        image: index -> [H, W, 3] uint8 of that camera.
        keep: index -> [H, W] bool, True where a pixel may become a seed, or None for all.
        points: [P, 3] known points.
        count: of seeds where all pixels are sure, and there are so many.
        rng: picks the pixels.
        unsure: seeds on a pixel whose depth is a guess, over those where photos agree. Photos with transparency show
            where there is nothing, so that guesses do no harm: 1.
    """
    if len(points) == 0:
        return Seeds.none()
    near = partners(cameras, points, JUDGES, rng)
    views = depth_views(Pictures(cameras, image, keep), near, points)
    found = [_candidates(views, near, view) for view in views]
    xyz, rgb, sure = (np.concatenate(part) for part in zip(*found)) if found else (np.zeros(0),) * 3
    if len(sure) == 0:
        return Seeds.none()
    weights = np.where(sure, 1.0, unsure)
    # the smallest of exponential times over weights: a weighted draw without replacement (Efraimidis & Spirakis, 2006)
    order = np.argsort(rng.exponential(size=len(weights)) / weights, kind="stable")
    chosen = order[: round(count * float(weights.mean()))]
    return Seeds(xyz[chosen], rgb[chosen], float(sure.mean()))


def _candidates(
    views: dict[int, DepthView], near: list[list[int]], view: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places [C, 3] and colors [C, 3] uint8 of the pixels of a view that count, and [C] bool, where photos agree.

    Without those that nobody is sure of and others look through.
    """
    one = views[view]
    _, through = votes(views, near, view)
    good = one.picture.counts & (through <= MOST_THROUGH)
    return one.points()[good], (255 * one.picture.color[good]).round().astype(np.uint8), one.sure[good]
