"""Densification on edges, within a growing budget (Improved-GS); importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.random import next_generator, sample_distinct
from splat.train.strategies.base import REFERENCE_STEPS, CappedStrategy, State
from splat.train.strategies.tools import enclosing, gradients, ops, torch, view_scores, visibility

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self

    from splat.train.params import Optimizers, Params
    from splat.train.strategies.context import StrategyContext

ENCLOSING_UNTIL = 1.8  # times refine_stop_iter: what goes later nothing could fill


@dataclass
class ImprovedStrategy(CappedStrategy):
    """Split Gaussians along their longest axis where the photos have edges, within a budget that grows with time.

    Source: Improved-GS (arXiv 2508.12313), on the ground of Mallick et al., "Taming 3DGS", 2024, and Ye et al.,
    "AbsGS", 2024; the rules and the numbers are the published ones. Candidates have a large absolute gradient; those to
    be split are drawn in proportion to an edge-aware score. Differences: the budget grows from the number of Gaussians
    at the first change, not from zero, because scenes here may start with half of their Gaussians; `cap_max` is the
    budget at its end and never exceeded; in trainings under 30,000 steps all that counts steps shrinks along.

    It needs `attach` with the training views. `step_post_backward` reads the same `info` as DefaultStrategy's.
    """

    collected: ClassVar[tuple[str, ...]] = ("grad2d", "count")  # sums in the state, begun anew after changes

    cap_max: int = option(1_000_000, "the most Gaussians there may ever be, and the budget at its end", minimum=1)
    grow_grad2d: float = option(
        0.0003, "mean absolute image-plane gradient above which a Gaussian may be split", minimum=0
    )
    late_factor: float = option(
        1.5, "after budget_stop_iter grow_grad2d is divided by this, and gradients are the score", above=0
    )
    score_views: int = option(
        10,
        "views whose edges are looked at for each change (four times as many at the first and after a reset)",
        minimum=1,
    )
    split_part: float = option(
        0.45, "how far children stand from their parent, over three standard deviations", minimum=0
    )
    split_opacity: float = option(0.6, "opacity of children over that of their parent", above=0, maximum=1)
    prune_opa: float = option(0.005, "Gaussians with less opacity than this are removed", minimum=0, below=1)
    prune_around: float = option(
        3.0, "Gaussians with a training camera within so many standard deviations are removed (0: none)", minimum=0
    )
    veil_distance: float = option(
        0.5,
        "Gaussians whose centres no training photo shows are removed if they are nearer to a camera than this part of"
        " the distance at which what it shows begins (0: none)",
        minimum=0,
    )
    min_views: int = option(
        0, "Gaussians whose centres fewer training photos show are removed, hidden or not (0: none)", minimum=0
    )
    refine_start_iter: int = option(500, "no change to the number of Gaussians up to this step", minimum=0)
    budget_stop_iter: int = option(14_500, "step at which the budget has grown to cap_max", minimum=0)
    refine_stop_iter: int = option(15_000, "no change to the number of Gaussians from this step on", minimum=0)
    refine_every: int = option(100, "steps between changes to the number of Gaussians", minimum=1)
    reset_every: int = option(3000, "steps between resets of opacities (0: never)", minimum=0)
    reset_opacity: float = option(0.05, "opacity that a reset leaves at most", above=0, below=1)
    recovery_steps: int = option(300, "steps after a reset at which those that did not recover are removed", minimum=0)
    recovery_part: float = option(
        0.2, "part of the Gaussians, those with the lowest opacity, that did not recover", minimum=0, maximum=1
    )
    recovery_times: int = option(2, "number of resets that are followed by such a removal", minimum=0)
    second_interval: int = option(
        5, "steps between updates from second_interval_iter on; gradients add up between", minimum=1
    )
    second_interval_iter: int = option(15_000, "step from which updates come every second_interval steps", minimum=0)
    third_interval: int = option(20, "steps between updates from third_interval_iter on", minimum=1)
    third_interval_iter: int = option(22_500, "step from which updates come every third_interval steps", minimum=0)

    @property
    def needs_absgrad(self) -> bool:
        return True

    def attach(self, scene: StrategyContext) -> None:
        super().attach(scene)
        self._positions = torch.stack([camera.position for camera in scene.views.cameras])

    def without_resets(self) -> Self:
        """This strategy with `reset_every=0`."""
        return dataclasses.replace(self, reset_every=0)

    def scaled(self, max_steps: int) -> ImprovedStrategy:
        """The schedule for a training of `max_steps`; unchanged from 30,000 steps on.

        As DefaultStrategy's, and: the budget and the update intervals keep their place in the training; the intervals
        themselves shrink along (to 1, which is every step, under some 6,000 steps), because a short training has no
        steps to spare. Changes come closer together, and each looks at fewer views, so that scoring stays a small part
        of the time: two views instead of ten cost less than the difference between seeds (fox, 1,000 steps).
        """
        if max_steps >= REFERENCE_STEPS:
            return dataclasses.replace(self)
        part = max_steps / REFERENCE_STEPS
        reset_every = min(self.reset_every, max(1000, round(self.reset_every * part)))
        refine_every = min(self.refine_every, max(30, 5 * round(max_steps / 350)))
        return dataclasses.replace(
            self,
            refine_start_iter=min(self.refine_start_iter, max(50, max_steps // 20)),
            budget_stop_iter=round(self.budget_stop_iter * part),
            refine_stop_iter=round(self.refine_stop_iter * part),
            refine_every=refine_every,
            score_views=min(self.score_views, max(2, round(self.score_views * refine_every / self.refine_every / 2))),
            reset_every=reset_every,
            recovery_steps=min(self.recovery_steps, reset_every),
            second_interval=max(1, round(self.second_interval * part)),
            second_interval_iter=round(self.second_interval_iter * part),
            third_interval=max(1, round(self.third_interval * part)),
            third_interval_iter=round(self.third_interval_iter * part),
        )

    def updates_at(self, step: int) -> bool:
        """Whether the optimizers move at this step, with the gradients of all steps since they last did."""
        if step < self.second_interval_iter:
            return True
        if step < self.third_interval_iter:
            return (step + 1) % self.second_interval == 0
        return (step + 1) % self.third_interval == 0

    def budget(self, step: int, start: int) -> int:
        """The number of Gaussians allowed at a step, when there were `start` at the first change."""
        length = max(1, self.budget_stop_iter - self.refine_start_iter)
        passed = min(1.0, max(0.0, (step - self.refine_start_iter) / length))
        return min(self.cap_max, start + int(max(0, self.cap_max - start) * passed**0.5))

    def step_pre_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any]
    ) -> None:
        """Ask autograd to keep the gradient of the projected centres."""
        if step < self.refine_stop_iter:
            info["means2d"].retain_grad()

    def step_post_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any], **unused: Any
    ) -> dict[str, int]:
        """Collect this step's gradients; split, remove and reset when it is time.

        Returns:
            Numbers of Gaussians "split", "pruned" and "reset"; only at steps that did something.
        """
        if step >= self.refine_stop_iter:
            late = step < ENCLOSING_UNTIL * self.refine_stop_iter and step % self.refine_every == 0
            removed = self._prune(params, optimizers, state, self._misplaced(params)) if late else 0
            return {"pruned": removed} if removed else {}
        self._collect(params, state, info)
        done: dict[str, int] = {}
        if step > self.refine_start_iter and step % self.refine_every == 0:
            done["split"] = self._grow(params, optimizers, state, step)
            done["pruned"] = self._prune(
                params, optimizers, state, params_below(params, self.prune_opa) | self._misplaced(params)
            )
            for name in self.collected:
                if name in state:
                    state[name].zero_()
        if self._recovery_ends(step):
            done["pruned"] = done.get("pruned", 0) + self._prune(params, optimizers, state, self._unrecovered(params))
        if self.reset_every > 0 and step > 0 and step % self.reset_every == 0:
            ops.reset_opacity(params, optimizers, state, value=self.reset_opacity)
            state["look_everywhere"] = True
            done["reset"] = len(params["means"])
        return done

    def _recovery_ends(self, step: int) -> bool:
        """Whether a reset that counts was `recovery_steps` ago."""
        if self.reset_every <= 0 or self.recovery_steps <= 0:
            return False
        reset, left = divmod(step - self.recovery_steps, self.reset_every)
        return left == 0 and 1 <= reset <= self.recovery_times

    def _unrecovered(self, params: Params) -> Tensor:
        """[N] bool: the `recovery_part` of the Gaussians whose opacity is lowest."""
        logits = params["opacities"].detach().flatten()
        mask = torch.zeros_like(logits, dtype=torch.bool)
        mask[logits.topk(int(self.recovery_part * len(logits)), largest=False).indices] = True
        return mask

    def _collect(self, params: Params, state: State, info: dict[str, Any]) -> None:
        """Add this step's absolute gradients (in units of half the image) and views to the running state."""
        gradients.collect(state, info, len(params["means"]), "means2d", absolute=True, with_radii=False)

    def _wanted(self, params: Params, state: State, threshold: float) -> tuple[Tensor, Tensor]:
        """Mean gradients [N], and [N] bool, whether a Gaussian may be split."""
        grads = state["grad2d"] / state["count"].clamp_min(1)
        return grads, grads > threshold

    def _split(self, params: Params, optimizers: Optimizers, state: State, step: int, mask: Tensor) -> int:
        """Split the Gaussians in `mask` [N] bool; returns how many were."""
        offsets = ops.long_axis_offsets(params, mask, self.split_part)
        ops.split_long_axis(params, optimizers, state, mask, self.split_part, self.split_opacity, offsets)
        return int(mask.sum())

    def _grow(self, params: Params, optimizers: Optimizers, state: State, step: int) -> int:
        """Split as many candidates as the budget allows, drawn by their score; each is one Gaussian more."""
        present = len(params["means"])
        start = state.setdefault("start", present)
        late = step > self.budget_stop_iter
        threshold = self.grow_grad2d / self.late_factor if late else self.grow_grad2d
        grads, candidates = self._wanted(params, state, threshold)
        room = min(self.budget(step, start) - present, int(candidates.sum()))
        if room <= 0:
            return 0
        scores = grads if late else self._edge_scores(params, state)
        chosen = sample_distinct(torch.where(candidates, scores, 0.0), room, next_generator(state, grads.device))
        if len(chosen) == 0:
            return 0
        mask = torch.zeros_like(candidates)
        mask[chosen] = True
        return self._split(params, optimizers, state, step, mask)

    def _edge_scores(self, params: Params, state: State) -> Tensor:
        scene = self.scene
        everywhere = state.get("look_everywhere", True)
        state["look_everywhere"] = False
        count = min(len(scene), self.score_views * (4 if everywhere else 1))
        return view_scores.edge_scores(scene, params, view_scores.some_views(state, len(scene), count))

    def _misplaced(self, params: Params) -> Tensor:
        """[N] bool: Gaussians that too few photos show, veils, and those in which a training camera stands."""
        if self.attached is None:
            return torch.zeros(len(params["means"]), dtype=torch.bool, device=params["means"].device)
        cameras = self.attached.views.cameras
        found = visibility.seen_by_fewer(params, cameras, self.min_views)
        found |= visibility.veils(params, cameras, self.veil_distance)
        if self.prune_around > 0:
            found |= enclosing.enclosing(params, self._positions.to(params["means"]), self.prune_around)
        return found

    def _prune(self, params: Params, optimizers: Optimizers, state: State, mask: Tensor) -> int:
        count = int(mask.sum())
        if count == 0 or count == len(mask):  # an empty scene cannot recover; leave it for the trainer to report
            return 0
        ops.remove(params, optimizers, state, mask)
        return count


def params_below(params: Params, opacity: float) -> Tensor:
    """[N] bool: the Gaussians with less opacity than this."""
    return params["opacities"].detach().flatten().sigmoid() < opacity
