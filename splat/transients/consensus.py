"""What most photos of a place find wrong is the scene's fault; what one finds wrong is what passes before it.

A photo differs from the scene where somebody stands in it, but also where the scene has not yet learned what is there,
or shows somebody whom another photo had. Left out, these places would never be learned. So the differences of all
photos are carried to the Gaussians with the weights that draw them, and each Gaussian says how many of the photos that
see it differ there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.images import area_mean

if TYPE_CHECKING:
    from splat.cameras import Camera
    from splat.train.params import Params
    from splat.train.strategies.context import StrategyContext

LONGEST = 120  # pixels of the longer side at which surfaces are asked
LEAST = 0.02  # such pixels that a Gaussian must draw in a view to have been seen by it


@torch.no_grad()
def disputed(scene: StrategyContext, params: Params, differing: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """How many of the photos that see a surface differ there, for each photo's pixels.

    Args:
        scene: the training views.
        params: of the scene as it is now.
        differing: by position of the view, [h, w] bool, where its photo differs grossly.

    Returns:
        By position [h, w] 0..1, at most LONGEST pixels: of the other photos that see what is drawn there the
        share that differ there, should this one differ; a photo has one vote for each Gaussian that it sees at all. 1
        where no other photo sees it: nobody is there to contradict.
    """
    renderer = scene.renderer(params)
    cameras = {position: _small(scene.camera(position)) for position in differing}
    tally = torch.zeros(len(params["means"]), 2, device=renderer.device)  # votes against, and votes
    for position, flags in differing.items():
        camera = cameras[position]
        small = area_mean(flags[..., None], (camera.height, camera.width))
        sums, weights = renderer.lift(camera, small)
        seen = weights > LEAST
        tally[:, 0] += torch.where(seen, sums[:, 0] / weights.clamp(min=1e-9), 0.0)
        tally[:, 1] += seen
    found = {}
    for position, camera in cameras.items():
        drawn, alpha = renderer.blended(camera, tally)
        against, votes = (drawn / alpha[..., None].clamp(min=1e-9)).unbind(-1)
        others = (against - 1).clamp(min=0) / (votes - 1).clamp(min=1e-9)
        found[position] = torch.where((alpha > 0.5) & (votes > 1.5), others.clamp(max=1), 1.0)
    return found


def _small(camera: Camera) -> Camera:
    """The camera at the size at which surfaces are asked."""
    return camera.scaled(min(1.0, LONGEST / max(camera.width, camera.height)))
