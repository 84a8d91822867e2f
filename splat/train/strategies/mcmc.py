"""Densification as sampling (3DGS-MCMC); importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.train.strategies.base import REFERENCE_STEPS, State, Strategy

if TYPE_CHECKING:
    from splat.train.strategies.base import Optimizers, Params


@dataclass
class MCMCStrategy(Strategy):
    """Move dead Gaussians to where live ones are, add a few per cent at a time up to a cap, and shake the transparent.

    Source: Kheradmand et al., "3D Gaussian Splatting as Markov Chain Monte Carlo", NeurIPS 2024. Rules and defaults
    are those of gsplat 1.5.3; it goes with regularisers of 0.01 on opacity and on size. One difference: a moved
    Gaussian starts with zero moments (gsplat clears only those of the one that it joins).
    """

    step_fields: ClassVar[tuple[str, ...]] = ("refine_start_iter", "refine_stop_iter", "refine_every")

    cap_max: int = option(1_000_000, "the most Gaussians there may ever be", minimum=1)
    noise_lr: float = option(5e5, "strength of the noise on the centres, times their learning rate", minimum=0)
    refine_start_iter: int = option(500, "no Gaussian is moved or added up to this step", minimum=0)
    refine_stop_iter: int = option(25_000, "no Gaussian is moved or added from this step on", minimum=0)
    refine_every: int = option(100, "steps between moving and adding", minimum=1)
    min_opacity: float = option(
        0.005, "Gaussians with no more opacity than this are dead and are moved", minimum=0, below=1
    )
    grow_factor: float = option(
        1.05, "how many times as many Gaussians there are after each addition, up to cap_max", minimum=1
    )

    @property
    def limit(self) -> int | None:
        return self.cap_max

    def scaled(self, max_steps: int) -> MCMCStrategy:
        """The schedule for a training of `max_steps`; unchanged from 30,000 steps on.

        Growing ends at the same part of the training as in the paper (5/6). It starts after a twentieth, between steps
        50 and 500: dead Gaussians must have had time to become transparent. Short trainings refine more often (every
        25 steps at the least), because each addition is only `grow_factor` times what is there. The noise needs no
        scaling: it follows the learning rate, whose decay is over max_steps.
        """
        if max_steps >= REFERENCE_STEPS:
            return dataclasses.replace(self)
        return dataclasses.replace(
            self,
            refine_start_iter=min(self.refine_start_iter, max(50, max_steps // 20)),
            refine_stop_iter=round(self.refine_stop_iter * max_steps / REFERENCE_STEPS),
            refine_every=min(self.refine_every, max(25, 5 * round(max_steps / 350))),
        )

    def step_post_backward(
        self,
        params: Params,
        optimizers: Optimizers,
        state: State,
        step: int,
        info: dict[str, Any],
        lr: float | None = None,
        **unused: Any,
    ) -> dict[str, int]:
        """Move and add when it is time, then add noise to the centres.

        Args:
            lr: learning rate of the means now; taken from their optimiser when it is not given.

        Returns:
            Numbers of Gaussians "relocated" and "added"; empty at steps without refinement.
        """
        from splat.train.strategies.draws import next_draw
        from splat.train.strategies.noise import inject_noise

        done: dict[str, int] = {}
        if self.refine_start_iter < step < self.refine_stop_iter and step % self.refine_every == 0:
            done["relocated"] = self._relocate(params, optimizers, state)
            done["added"] = self._add(params, optimizers, state)
        if lr is None:
            lr = float(optimizers["means"].param_groups[0]["lr"])
        inject_noise(params, scaler=lr * self.noise_lr, seed=next_draw(state))
        return done

    def _relocate(self, params: Params, optimizers: Optimizers, state: State) -> int:
        from splat.train.strategies import ops
        from splat.train.strategies.draws import next_generator

        dead = params["opacities"].detach().flatten().sigmoid() <= self.min_opacity
        count = int(dead.sum())
        if count == 0 or count == len(dead):
            return 0
        ops.relocate(params, optimizers, state, dead, next_generator(state, dead.device), self.min_opacity)
        return count

    def _add(self, params: Params, optimizers: Optimizers, state: State) -> int:
        from splat.train.strategies import ops
        from splat.train.strategies.draws import next_generator

        present = len(params["means"])
        count = max(0, min(self.cap_max, int(self.grow_factor * present)) - present)
        if count > 0:
            generator = next_generator(state, params["means"].device)
            ops.sample_add(params, optimizers, state, count, generator, self.min_opacity)
        return count
