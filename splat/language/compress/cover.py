"""Few vectors that stand for many: greedy cover, and k-means on the sphere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from splat.errors import SplatError


def greedy_cover(vectors: Tensor, threshold: float, limit: int | None = None, chunk: int = 4096) -> Tensor:
    """Indices [K] of rows such that every row has a cosine of at least `threshold` with one of them.

    A row is taken if none of those taken before is that near, so the taken ones lie farther apart than the threshold.
    (M3, Zou et al. 2025, algorithm 1, marks neighbourhoods instead; a row whose neighbourhood overlaps one that was
    taken, without lying in it, stays without any.) Memory grows with chunk x K, not with the rows squared.

    Args:
        vectors: [T, R] of any length; rows of zeros are passed over.
        threshold: above 0, at most 1. Above 1 - 1e-6 it means "equal up to rounding".
        limit: how many may be taken.

    Raises:
        SplatError: when more than `limit` would be taken.
    """
    unit = normalize(vectors.float(), dim=1)
    threshold = min(threshold, 1 - 1e-6)
    alive = (vectors.norm(dim=1) > 0).nonzero()[:, 0]
    taken: list[int] = []
    for part in alive.split(chunk):
        candidates = part
        if taken:
            candidates = part[(unit[part] @ unit[taken].T).amax(1) < threshold]
        while len(candidates):
            first = candidates[0]
            taken.append(int(first))
            if limit is not None and len(taken) > limit:
                raise SplatError(
                    f"more than {limit} memory rows are needed to cover the features at {threshold:g}; lower "
                    "compress.threshold or raise compress.max_rows"
                )
            candidates = candidates[1:]
            candidates = candidates[unit[candidates] @ unit[first] < threshold]
    return torch.tensor(taken, dtype=torch.long)


def spherical_kmeans(vectors: Tensor, weights: Tensor, count: int, seed: int, rounds: int = 20) -> Tensor:
    """[count or fewer, R] unit centres of unit vectors [P, R] by their cosines; the first ones as in k-means++."""
    generator = torch.Generator().manual_seed(seed)
    centres = vectors[torch.multinomial(weights, 1, generator=generator)]
    best = vectors @ centres[0]
    for _ in range(1, min(count, len(vectors))):
        far = weights * (1 - best).clamp(min=0)
        if float(far.max()) < 1e-6:
            break
        centres = torch.cat([centres, vectors[torch.multinomial(far, 1, generator=generator)]])
        best = torch.maximum(best, vectors @ centres[-1])
    for _ in range(rounds):
        nearest = (vectors @ centres.T).argmax(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, vectors * weights[:, None])
        empty = sums.norm(dim=1) < 1e-9
        centres = torch.where(empty[:, None], centres, normalize(sums, dim=1))
    return centres
