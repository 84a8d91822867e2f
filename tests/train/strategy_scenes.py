"""Small sets of Gaussians, optimisers with moments and render infos for the tests of the strategies."""

from typing import Any

import torch
from torch import Tensor

from splat.train.optimizers import make_optimizers

Params = dict[str, torch.nn.Parameter]


def make_params(count: int, seed: int = 0, scale: float = 0.05, opacity: float = 0.5) -> Params:
    """`count` random Gaussians of equal size and opacity."""
    g = torch.Generator().manual_seed(seed)
    logit = torch.logit(torch.tensor(opacity)).item()
    tensors = {
        "means": torch.randn(count, 3, generator=g),
        "quats": torch.randn(count, 4, generator=g),
        "scales": torch.full((count, 3), scale).log(),
        "opacities": torch.full((count,), logit),
        "sh0": torch.randn(count, 1, 3, generator=g),
        "shN": torch.randn(count, 15, 3, generator=g),
    }
    return {name: torch.nn.Parameter(tensor) for name, tensor in tensors.items()}


def warm_optimizers(params: Params) -> dict[str, torch.optim.Optimizer]:
    """Optimisers whose moments are all different from zero."""
    optimizers: dict[str, torch.optim.Optimizer] = dict(make_optimizers(params))
    for name, param in params.items():
        g = torch.Generator().manual_seed(len(name))
        before = param.detach().clone()
        param.grad = torch.rand(param.shape, generator=g) + 0.5
        optimizers[name].step()
        param.data.copy_(before)
        param.grad = None
    return optimizers


def make_info(grads: Tensor, radii: Tensor | None = None, width: int = 200, height: int = 100) -> dict[str, Any]:
    """The info of C views after backward: image-plane gradients [C, N, 2] in pixels, radii [C, N, 2]."""
    means2d = torch.zeros_like(grads, requires_grad=True)
    means2d.grad = grads.clone()
    means2d.absgrad = 2 * grads.abs()
    radii = torch.full(grads.shape, 4, dtype=torch.int32) if radii is None else radii
    return {
        "means2d": means2d, "radii": radii, "width": width, "height": height, "n_cameras": grads.shape[0],
        "gaussian_ids": None,
    }  # fmt: skip


def moments(optimizers: dict[str, torch.optim.Optimizer], params: Params, name: str) -> tuple[Tensor, Tensor]:
    state = optimizers[name].state[params[name]]
    return state["exp_avg"], state["exp_avg_sq"]


def snapshot(params: Params) -> dict[str, Tensor]:
    return {name: param.detach().clone() for name, param in params.items()}


def check_aligned(params: Params, optimizers: dict[str, torch.optim.Optimizer], state: dict[str, Any]) -> None:
    """Every tensor has one row a Gaussian, and every optimiser holds exactly the present parameter."""
    count = len(params["means"])
    for name, param in params.items():
        assert len(param) == count
        assert param.requires_grad and param.is_leaf
        assert optimizers[name].param_groups[0]["params"][0] is param
        assert list(optimizers[name].state) in ([], [param])
        for value in optimizers[name].state.get(param, {}).values():
            assert value.ndim == 0 or value.shape == param.shape
    for value in state.values():
        assert not torch.is_tensor(value) or len(value) == count
