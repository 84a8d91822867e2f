"""Strategies of other libraries that speak gsplat's protocol, in our training loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from splat.random import next_draw
from splat.train.strategies.base import State, Strategy

if TYPE_CHECKING:
    from splat.train.params import Optimizers, Params


@dataclass
class AdaptedStrategy(Strategy):
    """A strategy object of gsplat (or with the methods of one), as it is: its schedule and its cap are its own.

    Its draws come from torch's global generator, which is seeded before each step from the state, so that a resumed
    training repeats them. gsplat's MCMCStrategy needs CUDA, because its relocation and its noise run there only.

    Args:
        wrapped: has check_sanity, initialize_state, step_pre_backward and step_post_backward as in gsplat 1.5.3, and
            perhaps `absgrad`.
    """

    wrapped: Any

    @property
    def needs_absgrad(self) -> bool:
        """The strategy's `absgrad`; False where it has none."""
        return bool(getattr(self.wrapped, "absgrad", False))

    @property
    def limit(self) -> int | None:
        """The strategy's `cap_max`; None where it has none."""
        cap: int | None = getattr(self.wrapped, "cap_max", None)
        return cap

    def initialize_state(self, scene_scale: float = 1.0, seed: int = 0) -> State:
        """The strategy's own state, with the seed and the number of draws beside it."""
        own = _call(self.wrapped.initialize_state, scene_scale=scene_scale)
        return {**super().initialize_state(scene_scale, seed), **own}

    def check_sanity(self, params: Params, optimizers: Optimizers) -> None:
        """Our checks (see `Strategy.check_sanity` for what they raise), then the strategy's own."""
        super().check_sanity(params, optimizers)
        self.wrapped.check_sanity(params, optimizers)

    def step_pre_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any]
    ) -> None:
        """Hands over to the strategy."""
        self.wrapped.step_pre_backward(params, optimizers, state, step, info)

    def step_post_backward(
        self, params: Params, optimizers: Optimizers, state: State, step: int, info: dict[str, Any], **more: Any
    ) -> dict[str, int]:
        """Hands over to the strategy, with those of the arguments in `more` (lr, packed) that it takes.

        Returns:
            What the strategy returned, or nothing: gsplat's do not say what they did.
        """
        device = params["means"].device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(next_draw(state))
            done = _call(self.wrapped.step_post_backward, params, optimizers, state, step, info, **more)
        return done if isinstance(done, dict) else {}


def _call(function: Callable[..., Any], *arguments: Any, **optional: Any) -> Any:
    """Call with those of the optional arguments that the function takes."""
    known = inspect.signature(function).parameters
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values())
    return function(*arguments, **{name: value for name, value in optional.items() if open_ended or name in known})
