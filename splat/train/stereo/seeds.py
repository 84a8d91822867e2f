"""First points on the surfaces that the photos agree on, and few on what lies between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from splat.cameras import Camera
from splat.train.stereo.agreement import DepthView, votes
from splat.train.stereo.depth import JUDGES, WITNESSES, depth_views
from splat.train.stereo.pictures import Pictures, partners

MOST_THROUGH = 1  # other photos that may look through a seed: noise of their depth
UNSURE = 0.025  # seeds on pixels whose depth is a guess of one photo, over those where several come to the same
DENSER = 2.0  # times as many on the latter than where all are such pixels, so that a start stays large enough
CLOSE = 0.03  # relative difference up to which guesses in two photos are of one surface


@dataclass(frozen=True)
class Seeds:
    """Pixels of training views that the first Gaussians may stand on."""

    xyz: np.ndarray  # [S, 3] float64
    rgb: np.ndarray  # [S, 3] uint8
    sure: np.ndarray  # [S] bool, whether several photos agree on the depth
    likely: np.ndarray  # [S] bool, where it is sure, or a guess to which other photos' guesses come too
    maps: int = 0  # views whose depth maps of the capture were used

    @property
    def agreed(self) -> float:
        """0..1, the share of pixels on whose depth several photos agree; 0 without pixels."""
        return float(self.sure.mean()) if len(self.sure) else 0.0

    def some(self, count: int, rng: np.random.Generator, unsure: float = UNSURE) -> Seeds:
        """Some of them, drawn at random: `count` if half are likely and there are so many, else fewer.

        Where photos agree on depth, Gaussians may begin small and many: they stay. Where they do not (plain walls, what
        few photos see) a depth is a guess, and many small Gaussians at wrong depths explain each photo by itself,
        before the lens of all others. Few and large ones must fit many photos at once. So pixels that are not likely
        get one seed where the others get forty, and where these are less than half there are fewer in all.

        Args:
            count: of seeds where at least half of the pixels are likely.
            rng: picks them.
            unsure: seeds on a pixel that is not likely, over those on one that is.
        """
        weights = np.where(self.likely, 1.0, unsure)
        # the smallest of exponential times over weights: a weighted draw without replacement (Efraimidis & Spirakis)
        order = np.argsort(rng.exponential(size=len(weights)) / weights, kind="stable")
        share = min(1.0, DENSER * float(weights.mean())) if len(weights) else 0.0
        return self.at(order[: round(count * share)])

    def at(self, rows: np.ndarray) -> Seeds:
        """Those of some rows [M]."""
        return Seeds(self.xyz[rows], self.rgb[rows], self.sure[rows], self.likely[rows], self.maps)


def stereo_seeds(
    cameras: list[Camera],
    image: Callable[[int], np.ndarray],
    keep: Callable[[int], np.ndarray | None],
    points: np.ndarray,
    rng: np.random.Generator,
    own: Callable[[int], np.ndarray | None] = lambda view: None,
) -> Seeds:
    """All pixels at the depth that plane sweeping finds, in small pictures, but those that other photos look through.

    Depth maps of the capture count instead where they know it and fit the known points.

    None where no view sees points enough.

    Args:
        cameras: training cameras, in the frame of `points`.
        image: index -> [H, W, 3] uint8 of that camera.
        keep: index -> [H, W] bool, True where a pixel may become a seed, or None for all.
        points: [P, 3] known points.
        rng: picks the points that tell which views see the same.
        own: index -> the capture's depth map [H, W] in any unit, 0 where it is unknown, or None.
    """
    near = partners(cameras, points, JUDGES, rng) if len(points) else []
    views = depth_views(Pictures(cameras, image, keep), near, points, own) if near else {}
    found = [candidates(views, near, view) for view in views]
    if not found:
        return Seeds(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.zeros(0, bool), np.zeros(0, bool))
    return Seeds(
        np.concatenate([one.xyz for one in found]),
        np.concatenate([one.rgb for one in found]),
        np.concatenate([one.sure for one in found]),
        np.concatenate([one.likely for one in found]),
        sum(view.captured for view in views.values()),
    )


def candidates(views: Mapping[int, DepthView], near: Sequence[Sequence[int]], view: int) -> Seeds:
    """The pixels of a view that count, without those that other photos look through.

    Args:
        views: those that have a depth, by their number.
        near: the others that see the same as each view.
        view: which one.
    """
    one = views[view]
    said, guessed = votes(views, near, view), votes(views, near, view, CLOSE, guesses=True)
    good = one.picture.counts & (said.through <= MOST_THROUGH)
    backed = guessed.agree >= guessed.shown.clip(1, WITNESSES)  # by the only other photo there, else by two
    likely = one.sure | (backed & (said.through == 0))
    rgb = (255 * one.picture.color[good]).round().astype(np.uint8)
    return Seeds(one.points()[good], rgb, one.sure[good], likely[good])
