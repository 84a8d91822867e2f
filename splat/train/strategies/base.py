"""What all densification strategies share; importing this needs no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from splat.errors import SplatError

if TYPE_CHECKING:
    import torch

    from splat.train.access import SceneAccess

    Params = MutableMapping[str, torch.nn.Parameter] | torch.nn.ParameterDict
    Optimizers = Mapping[str, torch.optim.Optimizer]

State = dict[str, Any]  # tensors [N], one row a Gaussian, and plain numbers: what a checkpoint can save
Self = TypeVar("Self", bound="Strategy")

REFERENCE_STEPS = 30_000  # the length of training for which the published schedules were chosen
REQUIRED = ("means", "scales", "quats", "opacities")


@dataclass
class Strategy:
    """Base class: changes nothing. Subclasses override the methods they need.

    A training loop calls, at every step (counted from 0): render, `step_pre_backward`, `loss.backward()`, the
    optimisers, `step_post_backward`.
    """

    step_fields: ClassVar[tuple[str, ...]] = ()  # the options that count training steps

    @property
    def needs_absgrad(self) -> bool:
        """Whether rasterize() must be asked for absolute image-plane gradients."""
        return False

    @property
    def limit(self) -> int | None:
        """The number of Gaussians that the strategy never goes beyond; None where it adds none."""
        return None

    def attach(self, scene: SceneAccess) -> None:
        """Called once, before training or its continuation: where a strategy gets the photos and a renderer from.

        Nothing of it is saved: all that a continued training needs is in the state.

        Raises:
            SplatError: the capture lacks what the options ask for.
        """

    def updates_at(self, step: int) -> bool:
        """Whether the optimisers move at this step; else its gradients are added to those of the next."""
        return True

    def scaled(self: Self, max_steps: int) -> Self:
        """This strategy with its schedule fitted to a training of `max_steps`; unchanged from 30,000 steps on."""
        return self

    def with_steps_scaled(self: Self, steps_scaler: float) -> Self:
        """A copy with every option that counts steps multiplied by `steps_scaler` (at least 1 where it was not 0)."""
        old = {name: getattr(self, name) for name in self.step_fields}
        new = {name: max(1, round(steps * steps_scaler)) if steps > 0 else steps for name, steps in old.items()}
        return dataclasses.replace(self, **new)

    def initialize_state(self, scene_scale: float = 1.0, seed: int = 0) -> State:
        """The running state: `scene_scale` in world units, and `seed` with the number of random draws made so far.

        A draw depends on these two numbers only, so a checkpoint that keeps the state repeats the run exactly.
        """
        return {"scene_scale": float(scene_scale), "seed": int(seed), "draws": 0}

    def check_sanity(self, params: Params, optimizers: Optimizers) -> None:
        """Check names, shapes and the number of Gaussians before training.

        Raises:
            ValueError: a parameter is missing, has another number of rows, or does not match its optimiser.
            SplatError: there are more Gaussians than `limit` allows.
        """
        trainable = {name for name, param in params.items() if param.requires_grad}
        if trainable != set(optimizers):
            raise ValueError(f"one optimiser per trained parameter: {sorted(trainable)} != {sorted(optimizers)}")
        for name, optimizer in optimizers.items():
            if len(optimizer.param_groups) != 1 or len(optimizer.param_groups[0]["params"]) != 1:
                raise ValueError(f"the optimiser of {name!r} must hold exactly that one parameter")
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
        """Called after `loss.backward()`, and before or after the optimisers' step.

        Changes `params`, `optimizers` and `state` in place. Takes gsplat's extra arguments (`packed`, `lr`) too. The
        trainer adds to `info` which training view it was, "view".

        Returns:
            How many Gaussians were changed, by what was done to them; empty when nothing was due at this step.
        """
        return {}


@dataclass
class NoneStrategy(Strategy):
    """No densification: the Gaussians of the start are optimised, none is added or taken away."""
