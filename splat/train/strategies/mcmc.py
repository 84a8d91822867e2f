"""Densification as sampling (3DGS-MCMC); importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.random import next_draw, next_generator
from splat.train.strategies.base import REFERENCE_STEPS, CappedStrategy, State
from splat.train.strategies.tools import noise, ops, visibility

if TYPE_CHECKING:
    from splat.train.params import Optimizers, Params


MIN_OPACITY, GROW_FACTOR = 0.005, 1.05  # as published, for 30,000 steps
SHORT_MIN_OPACITY, SHORT_GROWTH = 0.05, 3.0  # of trainings that are very short


@dataclass
class MCMCStrategy(CappedStrategy):
    """Move dead Gaussians to where live ones are, add a few per cent at a time up to a cap, and shake the transparent.

    Source: Kheradmand et al., "3D Gaussian Splatting as Markov Chain Monte Carlo", NeurIPS 2024. Rules and defaults
    are those of gsplat 1.5.3; it goes with regularisers of 0.01 on opacity and on size. Differences: a moved Gaussian
    starts with zero moments (gsplat clears only those of the one that it joins), short trainings have values of their
    own (`scaled`), and what no training photo shows is dead too (`min_views`).
    """

    regularization: ClassVar[float] = 0.01  # without it no Gaussian would die

    noise_lr: float = option(5e5, "strength of the noise on the centres, times their learning rate", minimum=0)
    refine_start_iter: int = option(500, "no Gaussian is moved or added up to this step", minimum=0)
    refine_stop_iter: int = option(25_000, "no Gaussian is moved or added from this step on", minimum=0)
    refine_every: int = option(100, "steps between moving and adding", minimum=1)
    min_opacity: float | None = option(
        None,
        "Gaussians with no more opacity than this are dead and are moved"
        " (null: 0.005, up to 0.05 in trainings under 30,000 steps)",
        minimum=0,
        below=1,
    )
    grow_factor: float | None = option(
        None,
        "how many times as many Gaussians there are after each addition, up to cap_max"
        " (null: 1.05, more in trainings under 1,500 steps)",
        minimum=1,
    )
    spread: float | None = option(
        None,
        "how far copies are drawn from what they copy, in its standard deviations"
        " (null: 0, up to 1 in trainings under 30,000 steps)",
        minimum=0,
    )

    min_views: int = option(
        1, "Gaussians whose centres fewer training photos show are dead too, seen through or not (0: none)", minimum=0
    )

    def scaled(self, max_steps: int) -> MCMCStrategy:
        """The schedule for a training of `max_steps`; unchanged from 30,000 steps on.

        Growing ends at the same part of the training as in the paper (5/6). It starts after a twentieth, between steps
        50 and 500: dead Gaussians must have had time to become transparent. Short trainings refine more often (every
        25 steps at the least) and grow at least threefold in their first half, because each addition is only
        `grow_factor` times what is there. The noise needs no scaling: it follows the learning rate, whose decay is over
        max_steps.

        Copies in the very place of their source have the same gradients as it, which Adam makes steps of the same
        length: they stay together, as if they were one, until the noise parts them. It acts on the nearly transparent
        only, so that takes thousands of steps. In the same way few Gaussians have time to sink to an opacity of 0.005
        and are moved. Both are made up for by `spread` and `min_opacity`, the less the longer the training is (see
        `docs/methods.md` for what they bring).
        """
        if max_steps >= REFERENCE_STEPS:
            return dataclasses.replace(self)
        part = max_steps / REFERENCE_STEPS
        start = min(self.refine_start_iter, max(50, max_steps // 20))
        every = min(self.refine_every, max(25, 5 * round(max_steps / 350)))
        early = max(1, (max_steps // 2 - start) // every)  # additions in the first half
        fitted = {
            "min_opacity": MIN_OPACITY**part * SHORT_MIN_OPACITY ** (1 - part),
            "grow_factor": max(GROW_FACTOR, SHORT_GROWTH ** (1 / early)),
            "spread": 1 - part,
        }
        return dataclasses.replace(
            self,
            refine_start_iter=start,
            refine_stop_iter=round(self.refine_stop_iter * part),
            refine_every=every,
            **{name: value for name, value in fitted.items() if getattr(self, name) is None},
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
            lr: learning rate of the means now; taken from their optimizer when it is not given.

        Returns:
            Numbers of Gaussians "relocated" and "added"; empty at steps without refinement.
        """
        done: dict[str, int] = {}
        if self.refine_start_iter < step < self.refine_stop_iter and step % self.refine_every == 0:
            done["relocated"] = self._relocate(params, optimizers, state)
            done["added"] = self._add(params, optimizers, state)
        if lr is None:
            lr = float(optimizers["means"].param_groups[0]["lr"])
        noise.inject_noise(params, scaler=lr * self.noise_lr, seed=next_draw(state))
        return done

    @property
    def _dead(self) -> float:
        """The opacity up to which a Gaussian is dead."""
        return MIN_OPACITY if self.min_opacity is None else self.min_opacity

    def _relocate(self, params: Params, optimizers: Optimizers, state: State) -> int:
        dead = params["opacities"].detach().flatten().sigmoid() <= self._dead
        if self.attached is not None:
            dead |= visibility.seen_by_fewer(params, self.attached.views.cameras, self.min_views)
        count = int(dead.sum())
        if count == 0 or count == len(dead):
            return 0
        generator = next_generator(state, dead.device)
        ops.relocate(params, optimizers, state, dead, generator, self._dead, self.spread or 0.0)
        return count

    def _add(self, params: Params, optimizers: Optimizers, state: State) -> int:
        present = len(params["means"])
        factor = GROW_FACTOR if self.grow_factor is None else self.grow_factor
        count = max(0, min(self.cap_max, int(factor * present)) - present)
        if count > 0:
            generator = next_generator(state, params["means"].device)
            ops.sample_add(params, optimizers, state, count, generator, self._dead, self.spread or 0.0)
        return count
