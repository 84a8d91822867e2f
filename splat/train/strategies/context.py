"""What strategies and hooks may look at besides gradients: the training views, and the scene seen from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.images import luma
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.train.params import Params
from splat.train.views import TrainingViews


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
        return luma(self.photo(position))

    def camera(self, position: int) -> Camera:
        """The camera of a training view, in the training frame."""
        return self.views.cameras[position]

    def renderer(self, params: Params) -> SceneRenderer:
        """Draws the scene as it is now, over black."""
        return SceneRenderer(Gaussians.from_dict(dict(params.items())), self.render)
