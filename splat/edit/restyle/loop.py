"""The optimisation toward pictures that stand still; the one with a model builds on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.console import progress
from splat.edit.operations.base import Edited
from splat.edit.restyle.options import GuideOptions
from splat.edit.restyle.regularize import anchor_loss
from splat.edit.restyle.targets import TargetView, draw, keep_visible, make_target_view
from splat.edit.restyle.trainable import TrainableSubset
from splat.edit.select.images import LEAST
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.images import to_bytes
from splat.render.scene import SceneRenderer
from splat.sh import SH_C0
from splat.train.losses import l1_ssim


class RestyleLoop:
    """Moves the chosen Gaussians until the views show their targets; nothing else moves."""

    def __init__(
        self, renderer: SceneRenderer, chosen: Tensor, views: list[TargetView], options: GuideOptions, steps: int
    ) -> None:
        """
        Args:
            chosen: [N] bool, the Gaussians that may move.
            shots: views of them.
        """
        self.renderer, self.views, self.options, self.steps = renderer, views, options, steps
        self.subset = TrainableSubset(renderer.scene, chosen, options.anchor, options.shape)
        self.first = len(self.subset)
        self.frozen = renderer.scene[~chosen]
        self.random = np.random.default_rng(options.seed)
        self.generator = torch.Generator(renderer.scene.means.device).manual_seed(options.seed)
        self.queue: list[int] = []
        for view in views:
            keep_visible(renderer, view, self.frozen)
        self._start_colors()

    def run(self, description: str = "restyling") -> Edited:
        """Optimise; repeatable, the seed decides.

        Raises:
            SplatError: when numbers run away.
        """
        with progress(description, self.steps) as bar:
            for step in range(self.steps):
                self.before(step)
                loss, info, camera = self.loss(step)
                if self.options.shape:
                    info["means2d"].retain_grad()
                (loss + anchor_loss(self.subset)).backward()
                if self.options.shape:
                    self.subset.collect(info, camera.width, camera.height)
                self.subset.step(step / self.steps)
                self._densify(step)
                bar.advance(loss=float(loss.detach()), gaussians=len(self.subset))
        if not all(bool(torch.isfinite(value).all()) for value in self.subset.params.values()):
            raise SplatError("restyle broke down, numbers ran away; give a larger guide.anchor, or guide.shape=false")
        return self.subset.finished(self.renderer.scene)

    def before(self, step: int) -> None:
        """What is due before a step."""

    def loss(self, step: int) -> tuple[Tensor, dict[str, Any], Any]:
        """What a step minimises, what the renderer told, and the view's camera."""
        return self.picture_loss(self._next(self.views))

    def picture_loss(self, view: TargetView) -> tuple[Tensor, dict[str, Any], Any]:
        """L1 + 0.2 (1 - SSIM) toward the shot's target, as a mean over the region that may change."""
        assert view.visible is not None and view.target is not None
        render, info = draw(self.renderer, view.cut, self.subset.gaussians, view.visible)
        return l1_ssim(render, view.target, 0.2) * view.weight, info, view.camera

    @torch.no_grad()
    def _start_colors(self) -> None:
        """Begin with the change of colour that the targets ask of each Gaussian, by blending weight over the views.

        The step that a solver of the linear problem would take first (rendering is linear in colours): what Adam would
        need some hundred steps for.
        """
        asked, total = torch.zeros(self.first, 3), torch.zeros(self.first)
        asked, total = asked.to(self.frozen.means), total.to(self.frozen.means)
        for view in self.views:
            if view.target is None or view.visible is None:
                continue
            scene = Gaussians.cat([self.subset.gaussians.detach(), view.visible])
            change = view.target - view.original[view.window]
            sums, weights = self.renderer.of(scene).lift(view.cut, change)
            asked += sums[: self.first]
            total += weights[: self.first]
        change = torch.where(total[:, None] > LEAST, asked / total.clamp(min=LEAST)[:, None], 0.0)
        self.subset.params["sh0"] += (change / SH_C0)[:, None]
        self.subset.anchor()

    def _next(self, views: list[TargetView]) -> TargetView:
        """One of the shots, all in turn, in an order drawn anew each round."""
        self.queue = [index for index in self.queue if index < len(views)]
        if not self.queue:
            self.queue = self.random.permutation(len(views)).tolist()
        return views[self.queue.pop()]

    def _densify(self, step: int) -> None:
        every, options = self.options.densify_every, self.options
        if not every or not options.shape or (step + 1) % every or step + 1 > self.steps // 2:
            return
        room = options.cap - (len(self.subset) - self.first)
        self.subset.densify(options.densify_share, room, options.anchor_growth, options.anchor, self.generator)


def target_views(
    renderer: SceneRenderer,
    chosen: Selection,
    pictures: Mapping[str, np.ndarray] | Callable[[np.ndarray], np.ndarray],
    options: GuideOptions,
) -> list[TargetView]:
    """Views of a selection, each with what it should show.

    Args:
        pictures: [H, W, 3] float32 0..1 by view name; or a function that makes one of a view's render, uint8.

    Raises:
        SplatError: when no view shows the selection.
    """
    if callable(pictures):
        cameras = renderer.views_of(chosen.weights, options.views)
    else:
        cameras = [camera for camera in renderer.cameras if camera.name in pictures]
    views = [
        view
        for one in cameras
        if (view := make_target_view(renderer, one, chosen.mask, options.margin or 0)) is not None
    ]
    if not views:
        raise SplatError(f"none of the {'training views' if callable(pictures) else 'pictures'} shows {chosen.source}")
    for view in views:
        if callable(pictures):
            picture = pictures(to_bytes(view.original))
        else:
            picture = pictures[view.camera.name]
        view.aim(torch.from_numpy(picture))
    return views
