"""What several photos agree on, and what others look through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splat.train.stereo.pictures import Picture

AGREE = 0.05  # relative difference up to which two depths are of one place
THROUGH = 0.1  # relative depth by which a place must lie before what another photo shows to be looked through


@dataclass(frozen=True)
class DepthView:
    """A view whose depth is known."""

    picture: Picture
    depth: np.ndarray  # [h, w] along the optical axis
    sure: np.ndarray  # [h, w] bool, where it counts
    captured: bool = False  # whether the capture's depth map is part of it

    def points(self) -> np.ndarray:
        """[h, w, 3]: where its pixels lie."""
        height, width = self.depth.shape
        y, x = np.mgrid[:height, :width] + 0.5
        pixels = torch.from_numpy(np.stack([x, y], axis=-1).reshape(-1, 2))
        depth = torch.from_numpy(self.depth.astype(np.float64).reshape(-1))
        return self.picture.camera.unproject(pixels, depth).numpy().reshape(height, width, 3)


@dataclass(frozen=True)
class Votes:
    """What other views say of a view's places, [h, w] int32 each."""

    agree: np.ndarray  # how many come to the same depth
    through: np.ndarray  # how many look through the place
    shown: np.ndarray  # in how many pictures it lies, hidden or not


def votes(
    views: Mapping[int, DepthView],
    partners: Sequence[Sequence[int]],
    view: int,
    within: float = AGREE,
    guesses: bool = False,
) -> Votes:
    """What the partners of a view say of its places.

    Args:
        views: those that have a depth, by their number.
        partners: the others that see the same as each view.
        view: which one.
        within: relative difference up to which two depths agree.
        guesses: whether all depths of the partners vote, or only those that are `sure`.
    """
    points = torch.from_numpy(views[view].points().reshape(-1, 3))
    agree, through, shown = np.zeros((3, len(points)), np.int32)
    for other in partners[view]:
        if other not in views:
            continue
        camera = views[other].picture.camera
        pixels, depth = camera.project(points)
        inside = ((depth > 1e-6) & camera.contains(pixels)).numpy()
        shown += inside
        x, y = np.where(inside[:, None], pixels.numpy(), 0).astype(int).T
        inside &= (views[other].picture.counts if guesses else views[other].sure)[y, x]
        ratio = depth.numpy() / views[other].depth[y, x]
        agree += inside & (np.abs(ratio - 1) < within)
        through += inside & (ratio < 1 - THROUGH)
    shape = views[view].depth.shape
    return Votes(agree.reshape(shape), through.reshape(shape), shown.reshape(shape))
