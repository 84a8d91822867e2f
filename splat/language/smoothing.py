"""Features of a Gaussian and its neighbours in space, averaged where they are alike."""

from __future__ import annotations

import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import normalize

from splat.language.lifting import Lifted

NEIGHBOURS = 12
SHARPNESS = 10.0  # of the weight exp(SHARPNESS (cos - 1)), as of relevancy
ROWS = 16_384


def smooth_features(means: Tensor, lifted: Lifted, rounds: int) -> Tensor:
    """[N, L, R] unit features after `rounds` of a bilateral mean over the nearest Gaussians.

    One region that a teacher misjudged in a few photos is outvoted by those around it; a border between things stays,
    because neighbours count by exp(10 (cos - 1)) and by the weight with which they were seen.

    Args:
        means: [N, 3].
        lifted: features and weights of the Gaussians; not changed.
    """
    points = means.detach().double().cpu().numpy()
    count = min(NEIGHBOURS, len(points) - 1) + 1
    near = torch.from_numpy(cKDTree(points).query(points, k=count)[1].reshape(len(points), count))
    found = lifted.features.clone()
    for _ in range(rounds):
        for level in range(found.shape[1]):
            before, weight = found[:, level].clone(), lifted.weight[:, level]
            for rows in torch.arange(len(before)).split(ROWS):
                around = before[near[rows]]
                alike = (around * before[rows][:, None]).sum(2)
                shares = torch.exp(SHARPNESS * (alike - 1)) * weight[near[rows]]
                found[rows, level] = normalize((shares[..., None] * around).sum(1), dim=1, eps=1e-12)
    return found
