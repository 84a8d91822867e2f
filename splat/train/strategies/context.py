"""What strategies and hooks may look at besides gradients: the training views, and the scene seen from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from splat.render import lift, rasterize, render_gaussians
from splat.render.config import RenderOptions
from splat.train.params import Params
from splat.train.views import TrainingViews

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class DepthPrior(Protocol):
    """Where surfaces are, seen from the training views (see `train.priors`)."""

    def depth(self, position: int, params: Params) -> Tensor | None:
        """[h, w] float32 depth along the optical axis, up to one factor for each view; 0 where it is unknown.

        Any size with the shape of the view's picture. None where nothing is known of that view.
        """
        ...


@dataclass(frozen=True)
class StrategyContext:
    """Handed once to a strategy's `attach` and to hooks; all is in the training frame, views are counted from 0."""

    views: TrainingViews
    points: Tensor  # [P, 3] float32, the points known from the photos; may be empty
    render: RenderOptions
    priors: dict[tuple[str, str], DepthPrior] = field(default_factory=dict)  # made so far, by name and kind

    def __len__(self) -> int:
        return len(self.views)

    def photo(self, position: int) -> Tensor:
        """[H, W, 3] float32, 0 to 1: the photo over black, and black where its pixels do not count."""
        view = self.views[position]
        image = view.target.float() / 255.0
        if view.alpha is not None:
            image = image * (view.alpha.float() / 255.0)
        return image if view.mask is None else image * view.mask[..., None]

    def grey(self, position: int) -> Tensor:
        """[H, W] float32, 0 to 1: the photo's luma."""
        return self.photo(position) @ torch.tensor(LUMA, device=self.views.device)

    @torch.no_grad()
    def picture(self, params: Params, position: int, render_mode: str = "RGB") -> tuple[Tensor, Tensor]:
        """The scene over black [H, W, X] and its opacity [H, W, 1], as `splat.render.render_gaussians` draws them."""
        view = self.views[position]
        renders, alphas, _ = render_gaussians(
            dict(params.items()), view.viewmat, view.K, view.width, view.height, render_mode=render_mode,
            **self.render.arguments(),
        )  # fmt: skip
        return renders[0], alphas[0]

    def draw(self, params: Params, position: int, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, D] of the Gaussians drawn over black [H, W, D], and opacity [H, W, 1]; with gradients."""
        view = self.views[position]
        renders, alphas, _ = rasterize(
            params["means"], params["quats"], params["scales"].exp(), params["opacities"].sigmoid(), features,
            view.viewmat, view.K, view.width, view.height,
            **self.render.arguments(),
        )  # fmt: skip
        return renders[0], alphas[0]

    def lift(self, params: Params, position: int, features: Tensor) -> tuple[Tensor, Tensor]:
        """For each Gaussian the sums [N, D] over the pixels of weight times `features` [H, W, D], and of weight [N]."""
        view = self.views[position]
        return lift(
            dict(params.items()), view.viewmat, view.K, view.width, view.height, features[None],
            **self.render.arguments(),
        )  # fmt: skip
