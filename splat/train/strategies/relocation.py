"""Opacity and size of n Gaussians stacked in the place of one (3DGS-MCMC, Eq. 9)."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

MAX_RATIO = 51  # larger stacks are treated as this many, as in the authors' code


@lru_cache(maxsize=1)
def _signed_binomials() -> Tensor:
    """Table [MAX_RATIO + 1, MAX_RATIO] float64: C(n, j) (-1)^(j-1) / sqrt(j) for n = row, j = column + 1."""
    columns = range(1, MAX_RATIO + 1)
    rows = [[math.comb(n, j) * (-1.0) ** (j - 1) / math.sqrt(j) for j in columns] for n in range(MAX_RATIO + 1)]
    return torch.tensor(rows, dtype=torch.float64)


def compute_relocation(opacities: Tensor, scales: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """What each of `ratios` equal Gaussians must be so that together they look like the one they replace.

    Source: Kheradmand et al., "3D Gaussian Splatting as Markov Chain Monte Carlo", NeurIPS 2024, Eq. 9. The opacity
    follows from 1 - (1 - o')^n = o; the size keeps the integral of the blended profile along a ray through the centre.
    The double sum of the paper over i and k collapses to one sum over j = k + 1, because sum_i C(i-1, k) = C(n, k+1).

    Args:
        opacities: [M] in (0, 1), before.
        scales: [M, 3] standard deviations (not logarithms), before.
        ratios: [M] integers n >= 1, how many stand in one place afterwards; clamped to 51.

    Returns:
        opacities [M] and scales [M, 3] afterwards, in the input's type.
    """
    n = ratios.long().clamp(1, MAX_RATIO)
    table = _signed_binomials().to(opacities.device)
    old = opacities.double()
    new = -torch.expm1(torch.log1p(-old) / n)
    coefficients = torch.empty_like(old)
    exponents = torch.arange(1, MAX_RATIO + 1, device=old.device)
    # In float64 because terms of alternating sign reach 1e4 times their sum; in chunks because of the [M, 51] table.
    for rows in torch.arange(len(old), device=old.device).split(1 << 16):
        terms = table[n[rows]] * new[rows, None] ** exponents
        coefficients[rows] = old[rows] / terms.sum(dim=1)
    return new.to(opacities.dtype), (coefficients[:, None] * scales.double()).to(scales.dtype)
