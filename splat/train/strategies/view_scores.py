"""Scores of Gaussians from the training photos, lifted with the weights that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.random import next_generator

if TYPE_CHECKING:
    from splat.train.params import Params
    from splat.train.strategies.base import State
    from splat.train.strategies.context import StrategyContext


def some_views(state: State, total: int, count: int) -> list[int]:
    """`count` different views of `total` at random (all of them where there are no more)."""
    generator = next_generator(state, torch.device("cpu"))
    return sorted(torch.randperm(total, generator=generator)[:count].tolist())


def edge_map(grey: Tensor) -> Tensor:
    """[H, W]: magnitude of the Laplacian over the 8 neighbours of each pixel of `grey` [H, W]; 0 at the border."""
    kernel = torch.full((1, 1, 3, 3), -1.0, dtype=grey.dtype, device=grey.device)
    kernel[0, 0, 1, 1] = 8.0
    edges = torch.zeros_like(grey)
    if min(grey.shape) > 2:
        edges[1:-1, 1:-1] = torch.nn.functional.conv2d(grey[None, None], kernel)[0, 0].abs()
    return edges


@torch.no_grad()
def edge_scores(access: StrategyContext, params: Params, positions: Sequence[int]) -> Tensor:
    """[N] float32: how much edge of the photos each Gaussian draws, 1 on the average of those that draw any.

    Source: Improved-GS (arXiv 2508.12313), section on the edge-aware score: the sum over pixels of blending weight
    times edge strength, divided in each view by the mean of its positive values, averaged over the views.
    """
    total = torch.zeros(len(params["means"]), device=params["means"].device)
    for position in positions:
        edges = edge_map(access.grey(position))
        mask = access.views[position].mask
        if mask is not None:  # no edge where the photo merely ends
            edges = edges * mask
        sums = access.renderer(params).lift(access.camera(position), edges[..., None])[0][:, 0]
        positive = sums > 0
        if positive.any():
            total += sums.clamp_min(0) / sums[positive].mean()
    return total / max(len(positions), 1)


@torch.no_grad()
def error_scores(
    access: StrategyContext, params: Params, positions: Sequence[int], threshold: float
) -> tuple[Tensor, Tensor]:
    """Where views are wrong: wrong pixels drawn by each Gaussian, and how much of the views' error it stands for.

    Source: FastGS (CVPR 2026). A pixel is wrong where its absolute error, scaled to 0..1 over its view, exceeds
    `threshold`. FastGS counts the wrong pixels that a Gaussian touches; this sums their blending weights, which asks of
    it how much it has to do with them.

    Returns:
        mean over the views of the wrong pixels [N] (in units of whole pixels), and [N] in 0..1: these times the mean
        error of their view, summed and scaled from their least to their greatest.
    """
    importance = torch.zeros(len(params["means"]), device=params["means"].device)
    blame = torch.zeros_like(importance)
    for position in positions:
        renderer, camera = access.renderer(params), access.camera(position)
        picture = renderer.image(camera)
        mask = access.views[position].mask
        error = (picture - access.photo(position)).abs().mean(dim=-1)
        error = error if mask is None else error * mask
        span = (error.max() - error.min()).clamp_min(1e-12)
        wrong = ((error - error.min()) / span > threshold).float()
        pixels = renderer.lift(camera, wrong[..., None])[0][:, 0].clamp_min(0)
        importance += pixels / max(len(positions), 1)
        blame += pixels * error.mean()
    least, most = blame.min(), blame.max()
    return importance, (blame - least) / (most - least).clamp_min(1e-12)
