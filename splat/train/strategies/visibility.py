"""Gaussians beside what the photos show: nothing tells where they are, and in other views they are veils."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.cameras import Camera

if TYPE_CHECKING:
    from splat.train.params import Params


@torch.no_grad()
def seen_by_fewer(params: Params, cameras: Iterable[Camera], views: int) -> Tensor:
    """[N] bool: Gaussians whose centres lie in the pictures of fewer than `views` of the cameras.

    The tails of one that stands beside a picture tint its edge. As nothing else holds it, it may be of any size at any
    depth, and lies before whatever a camera elsewhere looks at.

    Args:
        params: raw parameters.
        cameras: of the training views, in the frame of the parameters.
        views: that must see a centre, hidden or not.
    """
    means = params["means"].detach().double()
    counts = torch.zeros(len(means), dtype=torch.int32, device=means.device)
    rows = torch.arange(len(means), device=means.device)
    for camera in cameras:
        rows = rows[counts[rows] < views]  # few are left after some cameras
        if len(rows) == 0:
            break
        counts[rows] += camera.sees(means[rows])
    return counts < views
