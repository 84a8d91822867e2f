"""What all densification strategies share; importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.errors import SplatError
from splat.options import option

if TYPE_CHECKING:
    from typing_extensions import Self

    from splat.train.params import Optimizers, Params
    from splat.train.strategies.context import StrategyContext

State = dict[str, Any]  # tensors [N], one row a Gaussian, and plain numbers: what a checkpoint can save

REFERENCE_STEPS = 30_000  # the length of training for which the published schedules were chosen
REQUIRED = ("means", "scales", "quats", "opacities")


@dataclass(frozen=True)
class CaptureFacts:
    """What is known of a capture before its training."""

    agreed: float | None  # 0..1, share of what photos show on whose depth they agree; None where it was not measured
    transparent: bool  # photos show where there is nothing


@dataclass
class Strategy:
    """Base class: changes nothing. Subclasses override the methods they need.

    A training loop calls, at every step (counted from 0): render, `step_pre_backward`, `loss.backward()`, the
    optimizers, `step_post_backward`.
    """

    regularization: ClassVar[float] = 0.0  # weight of mean opacity and mean size in the loss that it needs

    @property
    def needs_absgrad(self) -> bool:
        """Whether rasterize() must be asked for absolute image-plane gradients."""
        return False

    @property
    def limit(self) -> int | None:
        """The number of Gaussians that the strategy never goes beyond; None where it adds none."""
        return None

    @property
    def asked_limit(self) -> int | None:
        """The `limit` where its user has set it, None where it is a default, for the plan of the training to choose."""
        return None

    def chosen(self, facts: CaptureFacts) -> Strategy:
        """The strategy to train a capture with: this one."""
        return self

    def fitted(self, max_steps: int, cap_max: int, resets: bool = True, start: int = 0) -> Self:
        """This strategy for one training.

        Args:
            max_steps: length of the training, to which the schedule is fitted (`scaled`).
            cap_max: the plan's number of Gaussians to never go beyond.
            resets: False: opacities must never be reset.
            start: step up to which no Gaussian must be added.
        """
        fitted = self.scaled(max_steps).starting_after(start)
        return fitted if resets else fitted.without_resets()

    def starting_after(self, step: int) -> Self:
        """This strategy, leaving the number of Gaussians as it is up to a step."""
        own = next((item.name for item in dataclasses.fields(self) if item.name == "refine_start_iter"), None)
        if own is None or getattr(self, own) >= step:
            return self
        return dataclasses.replace(self, **{own: step})

    def without_resets(self) -> Self:
        """This strategy, never resetting opacities."""
        return self

    def attach(self, scene: StrategyContext) -> None:
        """Called once, before training or its continuation: where a strategy gets the photos and a renderer from.

        Nothing of it is saved: all that a continued training needs is in the state.

        Raises:
            SplatError: the capture lacks what the options ask for.
        """
        self._scene = scene

    @property
    def attached(self) -> StrategyContext | None:
        """What `attach` was given; None before."""
        return vars(self).get("_scene")

    @property
    def scene(self) -> StrategyContext:
        """What `attach` was given.

        Raises:
            ValueError: it was not called.
        """
        if self.attached is None:
            raise ValueError(f"{type(self).__name__} looks at the photos: call attach() before training")
        return self.attached

    def updates_at(self, step: int) -> bool:
        """Whether the optimizers move at this step; else its gradients are added to those of the next."""
        return True

    def scaled(self, max_steps: int) -> Self:
        """This strategy with its schedule fitted to a training of `max_steps`; unchanged from 30,000 steps on."""
        return self

    def initialize_state(self, scene_scale: float = 1.0, seed: int = 0) -> State:
        """The running state: `scene_scale` in world units, and `seed` with the number of random draws made so far.

        A draw depends on these two numbers only, so a checkpoint that keeps the state repeats the run exactly.
        """
        return {"scene_scale": float(scene_scale), "seed": int(seed), "draws": 0}

    def check_sanity(self, params: Params, optimizers: Optimizers) -> None:
        """Check names, shapes and the number of Gaussians before training.

        Raises:
            ValueError: a parameter is missing, has another number of rows, or does not match its optimizer.
            SplatError: there are more Gaussians than `limit` allows.
        """
        trainable = {name for name, param in params.items() if param.requires_grad}
        if trainable != set(optimizers):
            raise ValueError(f"one optimizer per trained parameter: {sorted(trainable)} != {sorted(optimizers)}")
        for name, optimizer in optimizers.items():
            if len(optimizer.param_groups) != 1 or len(optimizer.param_groups[0]["params"]) != 1:
                raise ValueError(f"the optimizer of {name!r} must hold exactly that one parameter")
        missing = [name for name in REQUIRED if name not in params]
        if missing:
            raise ValueError(f"parameters are missing: {', '.join(missing)}")
        rows = {name: param.shape[0] for name, param in params.items()}
        if len(set(rows.values())) != 1:
            raise ValueError(f"every parameter needs one row per Gaussian: {rows}")
        count = rows["means"]
        if self.limit is not None and count > self.limit:
            raise SplatError(
                f"{count} Gaussians to start with, but cap_max={self.limit}: raise cap_max or start from fewer points"
            )

    def step_pre_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any]
    ) -> None:
        """Called between rendering and `loss.backward()`."""

    def step_post_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any], **unused: Any
    ) -> dict[str, int]:
        """Called after `loss.backward()`, and before or after the optimizers' step.

        Changes `params`, `optimizers` and `state` in place. Takes gsplat's extra arguments (`packed`, `lr`) too. The
        trainer adds to `info` which training view it was, "view".

        Returns:
            How many Gaussians were changed, by what was done to them; empty when nothing was due at this step.
        """
        return {}


@dataclass
class NoneStrategy(Strategy):
    """No densification: the Gaussians of the start are optimized, none is added or taken away."""


@dataclass
class CappedStrategy(Strategy):
    """Base class of strategies that add Gaussians up to a cap."""

    cap_max: int = option(1_000_000, "the most Gaussians there may ever be", minimum=1)

    @property
    def limit(self) -> int | None:
        """`cap_max`."""
        return self.cap_max

    @property
    def asked_limit(self) -> int | None:
        """`cap_max`, where it is not the default."""
        default = next(item.default for item in dataclasses.fields(self) if item.name == "cap_max")
        return None if self.cap_max == default else self.cap_max

    def fitted(self, max_steps: int, cap_max: int, resets: bool = True, start: int = 0) -> Self:
        """As `Strategy.fitted`, with the plan's cap."""
        return dataclasses.replace(super().fitted(max_steps, cap_max, resets, start), cap_max=cap_max)
