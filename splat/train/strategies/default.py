"""The densification of the original 3DGS; importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.random import next_generator
from splat.train.strategies.base import REFERENCE_STEPS, CappedStrategy, State
from splat.train.strategies.tools import gradients, ops, torch

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self

    from splat.train.params import Optimizers, Params


@dataclass
class DefaultStrategy(CappedStrategy):
    """Clone small Gaussians and split large ones where the image asks for more; drop what is transparent or too big.

    Sources: Kerbl et al., "3D Gaussian Splatting for Real-Time Radiance Field Rendering", 2023, section 5; with
    `absgrad`, Ye et al., "AbsGS", 2024. Rules and defaults are those of gsplat 1.5.3, with two differences: the number
    of Gaussians never exceeds `cap_max` (when room is short, the largest gradients go first), and opacities are
    really reset (in gsplat 1.5.3 the condition `step % reset_every == 0 & step > 0` can never hold).

    Args of `step_post_backward`: `info` holds radii [C, N, 2] px, means2d [C, N, 2] px with .grad (or .absgrad), width,
    height and n_cameras; or, packed, radii and means2d [nnz, 2] with gaussian_ids [nnz].
    """

    collected: ClassVar[tuple[str, ...]] = ("grad2d", "count", "radii")  # sums in the state, begun anew after changes

    cap_max: int = option(5_000_000, "the most Gaussians there may ever be", minimum=1)
    prune_opa: float = option(0.005, "Gaussians with less opacity than this are removed", minimum=0, below=1)
    grow_grad2d: float = option(
        0.0002, "mean image-plane gradient above which a Gaussian is cloned or split", minimum=0
    )
    grow_scale3d: float = option(
        0.01, "size, over the scene's radius, up to which it is cloned and above which split", minimum=0
    )
    grow_scale2d: float = option(
        0.05, "radius in the image, over its longer side, above which a Gaussian is split", minimum=0
    )
    prune_scale3d: float = option(
        0.1, "size, over the scene's radius, above which it is removed after the first reset", minimum=0
    )
    prune_scale2d: float = option(
        0.15, "radius in the image, over its longer side, above which it is removed", minimum=0
    )
    refine_scale2d_stop_iter: int = option(
        0, "last step at which the two radii in the image count (0: never)", minimum=0
    )
    refine_start_iter: int = option(500, "no change to the number of Gaussians up to this step", minimum=0)
    refine_stop_iter: int = option(15_000, "no change to the number of Gaussians from this step on", minimum=0)
    refine_every: int = option(100, "steps between changes to the number of Gaussians", minimum=1)
    reset_every: int = option(3000, "steps between resets of all opacities to twice prune_opa (0: never)", minimum=0)
    pause_refine_after_reset: int = option(
        0, "steps after a reset without change to the number of Gaussians", minimum=0
    )
    absgrad: bool = option(False, "use absolute gradients (AbsGS); grow_grad2d=0.0008 suits them")
    revised_opacity: bool = option(False, "lower the opacity of the halves of a split to cover as one did")
    key_for_gradient: str = option(
        "means2d", "entry of info whose gradient is used", choices=("means2d", "gradient_2dgs")
    )

    @property
    def needs_absgrad(self) -> bool:
        """Whether the absolute gradients decide (`absgrad`)."""
        return self.absgrad

    def without_resets(self) -> Self:
        """This strategy with `reset_every=0`."""
        return dataclasses.replace(self, reset_every=0)

    def scaled(self, max_steps: int) -> DefaultStrategy:
        """The schedule for a training of `max_steps`; unchanged from 30,000 steps on.

        - Densification ends at half of the training, as in 3DGS, so that the other half can settle what was added.
        - It starts after a twentieth (never later than step 500), at the soonest at step 50: before that, most
          Gaussians were seen by too few views for a mean gradient.
        - Short trainings refine more often (every 25 steps at the least), or they would hardly grow at all.
        - Resets stay at least 1,000 steps apart, because opacities need some 800 steps to come back. Trainings of less
          than about 2,000 steps therefore have none; as the last one lies before the half, at least 1,000 steps follow.
        """
        if max_steps >= REFERENCE_STEPS:
            return dataclasses.replace(self)
        part = max_steps / REFERENCE_STEPS
        return dataclasses.replace(
            self,
            refine_start_iter=min(self.refine_start_iter, max(50, max_steps // 20)),
            refine_stop_iter=round(self.refine_stop_iter * part),
            refine_every=min(self.refine_every, max(25, 5 * round(max_steps / 350))),
            reset_every=min(self.reset_every, max(1000, round(self.reset_every * part))) if self.reset_every > 0 else 0,
            refine_scale2d_stop_iter=round(self.refine_scale2d_stop_iter * part),
        )

    def step_pre_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any]
    ) -> None:
        """Ask autograd to keep the gradient of the projected centres."""
        if step < self.refine_stop_iter:
            info[self.key_for_gradient].retain_grad()

    def step_post_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any], **unused: Any
    ) -> dict[str, int]:
        """Collect this step's gradients; clone, split, remove and reset when it is time.

        Returns:
            Numbers of Gaussians "duplicated", "split" and "pruned", and "reset"; only at steps that did something.
        """
        if step >= self.refine_stop_iter:
            return {}
        self._collect(params, state, info)
        done: dict[str, int] = {}
        since_reset = step % self.reset_every if self.reset_every > 0 else step
        if (
            step > self.refine_start_iter
            and step % self.refine_every == 0
            and since_reset >= self.pause_refine_after_reset
        ):
            done.update(self._grow(params, optimizers, state, step))
            done["pruned"] = self._prune(params, optimizers, state, step)
            for name in self.collected:
                if name in state:
                    state[name].zero_()
        if self.reset_every > 0 and step > 0 and step % self.reset_every == 0:
            ops.reset_opacity(params, optimizers, state, value=2 * self.prune_opa)
            done["reset"] = len(params["means"])
        return done

    def _collect(self, params: Params, state: State, info: dict[str, Any]) -> None:
        """Add this step's gradient norms (in units of half the image), views and radii to the running state."""
        with_radii = self.refine_scale2d_stop_iter > 0
        gradients.collect(state, info, len(params["means"]), self.key_for_gradient, self.absgrad, with_radii)

    def _wanted(self, params: Params, state: State) -> tuple[Tensor, Tensor]:
        """Priority [N] of a Gaussian when room is short, and [N] bool, whether the image asks for more there."""
        grads = state["grad2d"] / state["count"].clamp_min(1)
        return grads, grads > self.grow_grad2d

    def _split(self, params: Params, optimizers: Optimizers, state: State, step: int, mask: Tensor) -> int:
        """Split the Gaussians in `mask` [N] bool; returns how many were."""
        offsets = ops.split_offsets(params, mask, next_generator(state, mask.device))
        ops.split(params, optimizers, state, mask, offsets, self.revised_opacity)
        return int(mask.sum())

    def _grow(self, params: Params, optimizers: Optimizers, state: State, step: int) -> dict[str, int]:
        grads, high = self._wanted(params, state)
        small = params["scales"].detach().exp().amax(dim=-1) <= self.grow_scale3d * state["scene_scale"]
        to_duplicate, to_split = high & small, high & ~small
        if step < self.refine_scale2d_stop_iter:
            to_split |= state["radii"] > self.grow_scale2d
        room = self.cap_max - len(grads)
        # One that is small, but large in the image, is both cloned and split; as in gsplat, its copy stays whole.
        if int(to_duplicate.sum()) + int(to_split.sum()) > room:
            to_duplicate, to_split = _within_room(grads, to_duplicate, to_split, room)
        n_duplicate, n_split = int(to_duplicate.sum()), int(to_split.sum())
        if n_duplicate > 0:
            ops.duplicate(params, optimizers, state, to_duplicate)
        if n_split > 0:
            mask = torch.cat([to_split, to_split.new_zeros(n_duplicate)])
            n_split = self._split(params, optimizers, state, step, mask)
        return {"duplicated": n_duplicate, "split": n_split}

    def _prune(self, params: Params, optimizers: Optimizers, state: State, step: int) -> int:
        mask = params["opacities"].detach().flatten().sigmoid() < self.prune_opa
        if 0 < self.reset_every < step:
            too_big = params["scales"].detach().exp().amax(dim=-1) > self.prune_scale3d * state["scene_scale"]
            if step < self.refine_scale2d_stop_iter:
                too_big |= state["radii"] > self.prune_scale2d
            mask |= too_big
        count = int(mask.sum())
        if count == len(mask):  # an empty scene cannot recover; leave it for the trainer to report
            return 0
        if count > 0:
            ops.remove(params, optimizers, state, mask)
        return count


def _within_room(grads: Tensor, to_duplicate: Tensor, to_split: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """The two masks [N] cut to `room` additions in all, those with the largest gradients [N] first."""
    rows = torch.cat([to_duplicate.nonzero().squeeze(1), to_split.nonzero().squeeze(1)])
    best = grads[rows].topk(max(room, 0)).indices
    n_duplicate = int(to_duplicate.sum())
    duplicated, split = torch.zeros_like(to_duplicate), torch.zeros_like(to_split)
    duplicated[rows[best[best < n_duplicate]]] = True
    split[rows[best[best >= n_duplicate]]] = True
    return duplicated, split
