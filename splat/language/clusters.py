"""Selected Gaussians as objects: pieces that hang together, with box, centre and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.gaussians import Gaussians
from splat.neighbours import clustered

EDGE = 0.02  # of the mass on each side of a box is left out: a few stray Gaussians would stretch it


@dataclass
class Cluster:
    """One object; lengths in the capture's own frame and units."""

    indices: np.ndarray  # [M] int64, Gaussians
    score: float  # mean relevancy, by mass
    mass: float  # sum of opacity times relevancy times the square of the size, about the surface that it fills
    centre: list[float]
    low: list[float]  # the box
    high: list[float]


@torch.no_grad()
def find_clusters(scene: Gaussians, relevancy: Tensor, selected: Tensor, top: int, least: int = 5) -> list[Cluster]:
    """The `top` largest pieces of a selection, the one with most mass first. The tensors may be on any devices.

    Args:
        relevancy: [N] 0..1.
        selected: [N] bool.
        least: pieces of fewer Gaussians are dust.
    """
    scene, relevancy = scene.to("cpu"), relevancy.cpu()
    opacity = torch.sigmoid(scene.opacities)
    chosen = (selected.cpu() & (opacity > 0.1)).nonzero()[:, 0].numpy()
    if len(chosen) < least:
        return []
    means = scene.means[chosen].double().numpy()
    size = scene.scales[chosen].exp().topk(2, dim=1).values.prod(1)
    mass = (opacity[chosen] * relevancy[chosen] * size).numpy().astype(np.float64)
    piece = clustered(means)
    total = np.bincount(piece, mass)
    enough = np.bincount(piece) >= least
    order = [int(number) for number in np.argsort(-total).tolist() if enough[number]][:top]
    scores = relevancy.numpy()
    return [
        _cluster(chosen[piece == number], means[piece == number], mass[piece == number], scores) for number in order
    ]


def _cluster(indices: np.ndarray, means: np.ndarray, mass: np.ndarray, scores: np.ndarray) -> Cluster:
    low, high = (weighted_quantile(means, mass, q) for q in (EDGE, 1 - EDGE))
    return Cluster(
        indices,
        float(np.average(scores[indices], weights=mass + 1e-12)),
        float(mass.sum()),
        ((low + high) / 2).tolist(),
        low.tolist(),
        high.tolist(),
    )


def weighted_quantile(points: np.ndarray, mass: np.ndarray, share: float) -> np.ndarray:
    """[3] for each axis the coordinate below which `share` of the mass [M] of points [M, 3] lies."""
    found = []
    for axis in range(points.shape[1]):
        order = np.argsort(points[:, axis])
        below = np.cumsum(mass[order]) / mass.sum()
        place = min(int(np.searchsorted(below, share)), len(order) - 1)
        found.append(float(points[order[place], axis]))
    return np.array(found)
