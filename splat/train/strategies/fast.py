"""Densification only where several views are wrong (FastGS-like); importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.train.strategies.base import REFERENCE_STEPS, State
from splat.train.strategies.default import DefaultStrategy
from splat.train.strategies.tools import gradients, ops, torch, view_scores

if TYPE_CHECKING:
    from torch import Tensor

    from splat.train.params import Optimizers, Params


@dataclass
class FastStrategy(DefaultStrategy):
    """`default`, but only Gaussians that draw wrong pixels in several views are cloned or split: a small scene, soon.

    After FastGS (CVPR 2026). Small Gaussians are cloned by their mean gradient, large ones split by their absolute one;
    later on those that are transparent, or stand for most of the error, are removed. Differences: wrong pixels are
    counted with their blending weights (`render.lift`), so `least_wrong` is smaller than the published 5; resets are
    DefaultStrategy's; the published renderer and learning rates are not part of it.

    It needs `attach` with the training views.
    """

    collected: ClassVar[tuple[str, ...]] = (*DefaultStrategy.collected, "absgrad2d")

    grow_scale3d: float = option(
        0.001, "size, over the scene's radius, up to which it is cloned and above which split", minimum=0
    )
    split_grad2d: float = option(
        0.0012, "mean absolute image-plane gradient above which a large Gaussian is split", minimum=0
    )
    score_views: int = option(10, "views that are compared with their photos at each change", minimum=1)
    wrong_error: float = option(
        0.1, "error, scaled to 0..1 over its view, above which a pixel is wrong", minimum=0, maximum=1
    )
    least_wrong: float = option(
        0.5, "wrong pixels a view, by weight, from which a Gaussian may be cloned or split", minimum=0
    )
    late_prune_every: int = option(3000, "steps between removals after refine_stop_iter (0: none)", minimum=0)
    late_prune_stop_iter: int = option(30_000, "no removal from this step on", minimum=0)
    late_prune_opa: float = option(0.1, "those with less opacity are then removed", minimum=0, below=1)
    late_prune_score: float = option(0.9, "and those with a larger share of the error, 0 to 1", minimum=0, maximum=1)
    most_opacity: float = option(
        0.8, "opacity that a change leaves at most, so that all stay free to move", above=0, below=1
    )

    @property
    def needs_absgrad(self) -> bool:
        return True

    def scaled(self, max_steps: int) -> FastStrategy:
        """As DefaultStrategy's; later removals keep their places in the training (the last ends at its length)."""
        fitted = super().scaled(max_steps)
        assert isinstance(fitted, FastStrategy)
        if max_steps >= REFERENCE_STEPS:
            return fitted
        part = max_steps / REFERENCE_STEPS
        return dataclasses.replace(
            fitted,
            late_prune_every=round(self.late_prune_every * part),
            late_prune_stop_iter=round(self.late_prune_stop_iter * part),
        )

    def step_post_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any], **unused: Any
    ) -> dict[str, int]:
        """As DefaultStrategy's, and removals afterwards."""
        if step < self.refine_stop_iter:
            done = super().step_post_backward(params, optimizers, state, step, info)
            if "pruned" in done:
                ops.reset_opacity(params, optimizers, state, value=self.most_opacity)
            return done
        due = self.late_prune_every > 0 and (step - self.refine_stop_iter) % self.late_prune_every == 0
        if not due or not self.refine_stop_iter < step < self.late_prune_stop_iter:
            return {}
        return {"pruned": self._prune_late(params, optimizers, state)}

    def _collect(self, params: Params, state: State, info: dict[str, Any]) -> None:
        super()._collect(params, state, info)
        views = {"count": state["count"].clone()}
        if "absgrad2d" in state:
            views["absgrad2d"] = state["absgrad2d"]
        gradients.collect(views, info, len(params["means"]), self.key_for_gradient, True, False, name="absgrad2d")
        state["absgrad2d"] = views["absgrad2d"]

    def _scores(self, params: Params, state: State) -> tuple[Tensor, Tensor]:
        views = view_scores.some_views(state, len(self.scene), self.score_views)
        return view_scores.error_scores(self.scene, params, views, self.wrong_error)

    def _wanted(self, params: Params, state: State) -> tuple[Tensor, Tensor]:
        views = state["count"].clamp_min(1)
        small = params["scales"].detach().exp().amax(dim=-1) <= self.grow_scale3d * state["scene_scale"]
        need = torch.where(
            small, state["grad2d"] / views / self.grow_grad2d, state["absgrad2d"] / views / self.split_grad2d
        )
        wrong, _ = self._scores(params, state)
        return need, (need > 1) & (wrong > self.least_wrong)

    def _prune_late(self, params: Params, optimizers: Optimizers, state: State) -> int:
        _, blame = self._scores(params, state)
        mask = params["opacities"].detach().flatten().sigmoid() < self.late_prune_opa
        mask |= blame > self.late_prune_score
        count = int(mask.sum())
        if count == 0 or count == len(mask):
            return 0
        ops.remove(params, optimizers, state, mask)
        return count
