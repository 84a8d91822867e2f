"""All that changes while training, and how a checkpoint holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from splat.gaussians import Gaussians
from splat.records import is_number
from splat.train.config import TrainConfig
from splat.train.optimizers import FusedAdam, make_optimizers
from splat.train.plan import Plan
from splat.train.strategies.adapter import AdaptedStrategy
from splat.train.strategies.base import Strategy

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass
class TrainState:
    """All that changes while training; a checkpoint holds exactly this."""

    params: dict[str, Parameter]
    optimizers: dict[str, FusedAdam]
    strategy: Strategy
    strategy_state: dict[str, Any]
    generator: torch.Generator  # view order, random backgrounds
    scene_scale: float  # radius of the scene in the training frame
    step: int = 0  # steps done
    queue: list[int] = field(default_factory=list)  # views still to come in this epoch
    seconds: float = 0.0  # spent so far, over all sessions
    measured: dict[str, float] = field(default_factory=dict)  # last readings: loss, psnr (smoothed), test_psnr
    unread_loss: Tensor | None = None  # sum of the losses left on the GPU; in no checkpoint

    def gaussians(self) -> Gaussians:
        """The scene in the training frame."""
        return Gaussians.from_dict({name: value.detach() for name, value in self.params.items()})


def fitted_strategy(strategy: Strategy, plan: Plan, resets: bool = True, start: int = 0) -> Strategy:
    """The strategy for one training, as `Strategy.fitted` has it; a strategy object of gsplat runs as it is."""
    own = strategy if isinstance(strategy, Strategy) else AdaptedStrategy(strategy)
    return own.fitted(plan.max_steps, plan.cap_max, resets, start)


def new_state(
    gaussians: Gaussians, config: TrainConfig, strategy: Strategy, scene_scale: float, device: torch.device
) -> TrainState:
    """State before the first step.

    Args:
        gaussians: the first Gaussians, in the training frame.
        scene_scale: radius of the scene in the training frame; scales learning rates and thresholds.
    """
    params = {name: Parameter(value.to(device).contiguous()) for name, value in gaussians.as_dict().items()}
    optimizers = make_optimizers(params, scene_scale, config.optim)
    strategy.check_sanity(params, optimizers)
    return TrainState(
        params=params,
        optimizers=optimizers,
        strategy=strategy,
        strategy_state=strategy.initialize_state(scene_scale=scene_scale, seed=config.seed),
        generator=torch.Generator().manual_seed(config.seed),
        scene_scale=scene_scale,
    )


def state_record(state: TrainState) -> dict[str, Any]:
    """The state as a nested dictionary that `save_checkpoint` takes."""
    moments = {}
    for name, optimizer in state.optimizers.items():
        held = optimizer.state.get(state.params[name], {})
        moments[name] = {key: held[key] for key in MOMENTS if key in held}
    return {
        "params": {name: value.detach() for name, value in state.params.items()},
        "moments": moments,
        "grads": {name: value.grad for name, value in state.params.items() if value.grad is not None},
        "strategy_state": state.strategy_state,
        "generator": state.generator,
        "step": state.step,
        "queue": state.queue,
        "seconds": state.seconds,
        "measured": state.measured,
    }


def restored_state(
    record: dict[str, Any],
    config: TrainConfig,
    strategy: Strategy,
    scene_scale: float,
    device: torch.device,
    views: int | None = None,
) -> TrainState:
    """The state that `state_record` described, exactly.

    Args:
        views: number of training views, to check those that are still to come.

    Raises:
        ValueError, TypeError, KeyError: the record is damaged.
    """
    state = new_state(Gaussians.from_dict(_params(record)), config, strategy, scene_scale, device)
    for name, moments in record["moments"].items():
        if moments:
            # torch keeps the step count of Adam on the CPU unless it is fused on a GPU
            held = {key: value.to(device) if value.ndim else value for key, value in moments.items()}
            for key in set(MOMENTS) - {"step"}:
                fits = held[key].shape == state.params[name].shape and held[key].dtype == torch.float32
                _require(fits, f"moments of {name} of another shape")
            _require(held["step"].numel() == 1, f"no step count of {name}")
            state.optimizers[name].state[state.params[name]] = held
    for name, grad in record.get("grads", {}).items():  # of the views since the last update, if it was not the last
        _require(grad.dtype == torch.float32, "gradients of another kind")
        state.params[name].grad = grad.to(device)
    state.strategy_state = {
        key: value.to(device) if torch.is_tensor(value) else value for key, value in record["strategy_state"].items()
    }
    state.generator, state.step, state.queue = record["generator"], record["step"], record["queue"]
    state.seconds, state.measured = record["seconds"], record.get("measured", {})
    _require(isinstance(state.generator, torch.Generator), "no generator")
    _require(isinstance(state.step, int) and state.step >= 0, "no step")
    _require(is_number(state.seconds) and all(map(is_number, state.measured.values())), "no readings")
    last = 2**31 if views is None else views
    _require(all(isinstance(view, int) and 0 <= view < last for view in state.queue), "views that there are not")
    return state


def _params(record: dict[str, Any]) -> dict[str, Tensor]:
    """The parameters of a record, if they are those of one scene."""
    params: dict[str, Tensor] = record["params"]
    shapes = {name: tuple(value.shape[1:]) for name, value in params.items()}
    bands = params["shN"].shape[1]
    wanted = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "sh0": (1, 3), "shN": (bands, 3)}
    rows = {len(value) for value in params.values()}
    fits = shapes == wanted and len(rows) == 1 and all(value.dtype == torch.float32 for value in params.values())
    _require(fits and bands in (0, 3, 8, 15), "no scene")
    return params


def _require(fine: bool, otherwise: str) -> None:
    if not fine:
        raise ValueError(f"it holds {otherwise}")
