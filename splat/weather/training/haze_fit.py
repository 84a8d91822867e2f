"""Density and airlight of a fog, from how the colors of the same surface points change with their distance.

A point of color J at distance d is seen as I = A + (J - A) exp(-beta d) (Koschmieder's law; see Narasimhan and Nayar,
"Vision and the Atmosphere", 2002). Several views of a point at several distances give beta and A without any prior on
J: for a given beta the equations are linear in A and in all J, and each J is eliminated in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

THINNEST, THICKEST = 0.02, 6.0  # optical depths at the typical distance, between which beta is searched
CANDIDATES = 48
ROUNDS = 4  # of reweighting, for points that are hidden or shine


@dataclass(frozen=True)
class HazeFit:
    """A fog, and how much of the change of colors it explains."""

    beta: float  # extinction, 1 / unit of the distances
    airlight: Tensor  # [3] float64, 0..1
    evidence: float  # 0..1: 1 - squared error with fog / without


def fit_haze(colors: Tensor, distances: Tensor, valid: Tensor) -> HazeFit:
    """The fog that explains the colors of P points in V views best.

    Args:
        colors: [P, V, 3] 0..1. distances: [P, V] along the ray, more than 0. valid: [P, V] bool, where the point is
            seen; some that are hidden or shine do no harm.
    """
    colors, distances = colors.double(), distances.double()
    weights = valid.double()
    typical = float(distances[valid].median())
    low, high = math.log(THINNEST / typical), math.log(THICKEST / typical)
    best = (0.0, torch.ones(3, dtype=torch.float64, device=colors.device), 0.0)
    for _ in range(ROUNDS):
        grid = torch.linspace(low, high, CANDIDATES, dtype=torch.float64).exp().tolist()
        found = [(_residuals(beta, colors, distances, weights), beta) for beta in grid]
        costs = [float((weights[..., None] * residual.square()).sum()) for (residual, _), _ in found]
        index = min(range(len(grid)), key=costs.__getitem__)
        residual, airlight = found[index][0]
        without = float((weights[..., None] * _clear(colors, weights).square()).sum())
        best = (grid[index], airlight, 1 - costs[index] / max(without, 1e-12))
        step = (high - low) / (CANDIDATES - 1)
        low, high = math.log(grid[index]) - 3 * step, math.log(grid[index]) + 3 * step
        size = residual.square().sum(dim=2).sqrt()
        scale = 2.5 * float(size[valid].median())
        weights = valid.double() / (1 + (size / max(scale, 1e-6)).square()).square()
    return HazeFit(best[0], best[1], max(0.0, best[2]))


def _residuals(beta: float, colors: Tensor, distances: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """What is left of the colors [P, V, 3] under the best airlight and point colors, and that airlight [3].

    With e = exp(-beta d): I = J e + A (1 - e). What is proportional to e in a point's views can be put down to its J.
    """
    e = torch.exp(-beta * distances)[..., None]
    w = weights[..., None]
    norm = (w * e * e).sum(dim=1, keepdim=True).clamp(min=1e-12)
    own = colors - e * (w * e * colors).sum(dim=1, keepdim=True) / norm
    veil = (1 - e) - e * (w * e * (1 - e)).sum(dim=1, keepdim=True) / norm
    airlight = (w * veil * own).sum(dim=(0, 1)) / (w * veil * veil).sum(dim=(0, 1)).clamp(min=1e-12)
    airlight = airlight.clamp(0.05, 1.0)
    return own - veil * airlight, airlight


def _clear(colors: Tensor, weights: Tensor) -> Tensor:
    """What is left of the colors without fog: the difference to each point's mean."""
    w = weights[..., None]
    return colors - (w * colors).sum(dim=1, keepdim=True) / w.sum(dim=1, keepdim=True).clamp(min=1e-12)
