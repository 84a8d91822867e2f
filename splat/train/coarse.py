"""Views at half their width and height, for the first part of a training."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from splat.images import area_mean
from splat.train.views import TrainingViews, View


class CoarseViews:
    """Half-size versions of training views, made on first use and kept where the views themselves are."""

    def __init__(self, views: TrainingViews) -> None:
        self.views = views
        self._made: dict[int, View] = {}

    @property
    def device(self) -> torch.device:
        return self.views.device

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, position: int) -> View:
        if position in self._made:
            return self._made[position]
        view = halved(self.views[position])
        if self.views.keeps_pixels:
            self._made[position] = view
        return view

    def clear(self) -> None:
        """Forget all views: the coarse part is over."""
        self._made.clear()


def halved(view: View) -> View:
    """The view at half its width and height, rounded down: each pixel is the mean of those that it covers.

    A pixel counts where all that it covers count. Colours are weighted with their opacity, as compositing does.
    """
    height, width = view.height // 2, view.width // 2
    K = view.K.clone()
    K[:, 0] *= width / view.width
    K[:, 1] *= height / view.height
    target, alpha = view.target.float(), None
    if view.alpha is None:
        target = area_mean(target, (height, width))
    else:
        alpha = area_mean(view.alpha, (height, width))
        target = area_mean(target * view.alpha, (height, width)) / alpha.clamp(min=1e-3)
    mask = None if view.mask is None else area_mean(view.mask[..., None], (height, width))[..., 0] > 0.999
    return dataclasses.replace(
        view, K=K, width=width, height=height, target=_bytes(target), alpha=None if alpha is None else _bytes(alpha),
        mask=mask,
    )  # fmt: skip


def _bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8).contiguous()
