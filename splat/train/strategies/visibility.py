"""Gaussians beside what the photos show: nothing tells where they are, and in other views they are veils."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.cameras import Camera

if TYPE_CHECKING:
    from splat.train.params import Params

BEGINS = 0.05  # part of the centres in a picture that may lie before the distance at which what it shows begins
SAMPLE = 10_000  # centres that tell that distance


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


@torch.no_grad()
def veils(params: Params, cameras: Sequence[Camera], share: float) -> Tensor:
    """[N] bool: Gaussians whose centres lie in no picture, nearer to a camera than the things that it shows.

    Beside the pictures, but as far away as things are, one is where surfaces go on, and does no harm there.

    Args:
        params: raw parameters.
        cameras: of the training views, in the frame of the parameters.
        share: of the distance at which what a camera shows begins; nearer than that one is a veil. 0: none is.
    """
    found = seen_by_fewer(params, cameras, 1 if share > 0 else 0)
    means = params["means"].detach().double()
    rows = found.nonzero().squeeze(1)
    sample = means[:: -(-len(means) // SAMPLE)]
    near = torch.zeros(len(rows), dtype=torch.bool, device=means.device)
    for camera in cameras if len(rows) else ():
        pixels, depths = camera.project(sample)
        depths = depths[(depths > 0) & camera.contains(pixels)]
        if len(depths):
            away = (means[rows] - camera.position.to(means)).norm(dim=1)
            near |= away < share * depths.quantile(BEGINS)
    found[rows] = near
    return found
