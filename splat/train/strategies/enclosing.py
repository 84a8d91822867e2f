"""Gaussians so large that cameras stand inside them: veils over whole pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.gaussians import quat_to_matrix

if TYPE_CHECKING:
    from splat.train.params import Params

SMALLEST = 0.1  # reach of one that counts, over the cameras' largest distance from their mean


@torch.no_grad()
def enclosing(params: Params, positions: Tensor, within: float) -> Tensor:
    """[N] bool: Gaussians in which a camera stands, at most `within` standard deviations from the centre.

    Each is one even tint for whole pictures, which training balances between the views that it sees; in any other view
    it is haze. Far backgrounds do not count, unless one of their Gaussians fills half of what a camera can see.

    Args:
        params: raw parameters.
        positions: [V, 3] of the training cameras.
        within: standard deviations.
    """
    means, scales = params["means"].detach(), params["scales"].detach().exp()
    centre = positions.mean(dim=0)
    reach = (positions - centre).norm(dim=1).max()
    # only Gaussians of some size are looked at one by one: a small one hides little, whatever stands in it
    sizes = within * scales.amax(dim=1)
    rows = ((sizes > SMALLEST * reach) & ((means - centre).norm(dim=1) <= reach + sizes)).nonzero().squeeze(1)
    offsets = positions[None] - means[rows, None]
    local = torch.einsum("nij,nvi->nvj", quat_to_matrix(params["quats"].detach()[rows]), offsets) / scales[rows, None]
    found = torch.zeros(len(means), dtype=torch.bool, device=means.device)
    found[rows] = (local.square().sum(dim=2) <= within**2).any(dim=1)
    return found
