"""Adam for Gaussians: one optimizer for each kind of parameter, as gsplat's strategies expect."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam  # torch.optim has no attribute of this name

from splat import native
from splat.train.config import LearningRates

BETAS = (0.9, 0.999)
EPS = 1e-15  # 3DGS: gradients of single Gaussians are so small that the usual 1e-8 would damp the steps


class FusedAdam(torch.optim.Optimizer):
    """Adam (Kingma & Ba, 2015) with the state and the results of torch.optim.Adam, in one pass over memory on the CPU.

    Differences: `step` takes a mask of the rows to update, and a group's `active_columns` (None for all) limits the
    update to so many leading numbers of each row. The latter gives the same result as long as the others' gradients
    have always been zero, which is so for the bands of spherical harmonics that are not switched on yet.

    Args:
        params: parameters of any shape, or groups of them; rows are counted along the first dimension.
        lr: step size.
        betas, eps: as in torch.optim.Adam.
    """

    def __init__(self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = BETAS, eps: float = EPS) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "active_columns": None})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in torch, but without importing torch's compiler only to exempt this method from it (140 MB, a second)."""
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As in torch; see `add_param_group`."""
        inspect.unwrap(torch.optim.Optimizer.zero_grad)(self, set_to_none)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None, visibility: Tensor | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: evaluates the loss again, as in any torch optimizer.
            visibility: [N] bool; rows that are False keep their value and their moments (after Mallick et al., "Taming
                3DGS", 2024). The bias of the moments is corrected with the number of steps, not of a row's updates.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                if len(state) == 0:
                    state["step"] = torch.tensor(0.0)
                    state["exp_avg"] = torch.zeros_like(param, memory_format=torch.preserve_format)
                    state["exp_avg_sq"] = torch.zeros_like(param, memory_format=torch.preserve_format)
                state["step"] += 1
                _update(param, state, group, visibility)
        return loss


def _update(param: Tensor, state: dict[str, Tensor], group: dict[str, Any], visibility: Tensor | None) -> None:
    assert param.grad is not None
    step = float(state["step"])
    beta1, beta2 = group["betas"]
    tensors = param, param.grad, state["exp_avg"], state["exp_avg_sq"]
    rates = group["lr"], beta1, beta2, group["eps"]
    if all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors):
        _cpu_adam(*tensors, step, *rates, group["active_columns"], visibility)
    elif param.is_cuda and visibility is None:
        # made anew each time: strategies of gsplat take everything in the state but "step" for one row a Gaussian
        device_step = torch.full((), step - 1, dtype=torch.float32, device=param.device)  # the kernel counts it up
        _cuda_adam(*tensors, device_step, *rates)
    else:
        torch_adam(*tensors, step, *rates, group["active_columns"], visibility)


def _cpu_adam(
    param: Tensor,
    grad: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    columns: int | None,
    visibility: Tensor | None,
) -> None:
    """The kernel, which works in place; it needs plain layouts, which only the gradient may lack."""
    if not (param.is_contiguous() and exp_avg.is_contiguous() and exp_avg_sq.is_contiguous()):
        raise ValueError("FusedAdam needs contiguous parameters")
    rows = param.shape[0] if param.ndim > 0 else 1
    visible = None if visibility is None else visibility.to(torch.bool).contiguous().view(torch.uint8)
    native.kernels().adam(
        param.detach(), grad.detach().contiguous(), exp_avg, exp_avg_sq, rows=rows,
        columns=2**31 - 1 if columns is None else columns, visible=visible, lr=lr, beta1=beta1, beta2=beta2, eps=eps,
        step=step, threads=native.default_threads(),
    )  # fmt: skip


def _cuda_adam(
    param: Tensor,
    grad: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    device_step: Tensor,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    """Torch's own fused kernel; it may touch inactive columns, whose gradients and moments are all zero."""
    adam(
        [param], [grad], [exp_avg], [exp_avg_sq], [], [device_step], fused=True, amsgrad=False, maximize=False,
        lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=0.0,
    )  # fmt: skip


def torch_adam(
    param: Tensor,
    grad: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    columns: int | None = None,
    visibility: Tensor | None = None,
) -> None:
    """One step of Adam in place with torch operations, on any device and in any floating point type."""
    tensors = [param, grad, exp_avg, exp_avg_sq]
    if columns is not None and param.ndim > 1:
        tensors = [tensor.view(len(param), -1)[:, :columns] for tensor in tensors]
    whole = tensors
    if visibility is not None:
        tensors = [tensor[visibility] for tensor in tensors]
    p, g, m, v = tensors
    m.lerp_(g, 1 - beta1)
    v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    root = v.sqrt().div_((1 - beta2**step) ** 0.5).add_(eps)
    p.addcdiv_(m, root, value=-lr / (1 - beta1**step))
    if visibility is not None:
        for target, part in zip(whole, tensors):
            if target is not whole[1]:
                target[visibility] = part


def make_optimizers(
    params: Mapping[str, torch.nn.Parameter],
    scene_scale: float = 1.0,
    lrs: LearningRates | None = None,
) -> dict[str, FusedAdam]:
    """One FusedAdam for each parameter that is trained.

    Args:
        params: parameters by name.
        scene_scale: radius of the scene in world units; the rate of the means is in units of it.
        lrs: learning rates of means, quats, scales, opacities, sh0 and shN.

    Raises:
        ValueError: there is no learning rate for a parameter.
    """
    lrs = lrs or LearningRates()
    rates = {name: getattr(lrs, name) for name in ("means", "quats", "scales", "opacities", "sh0", "shN")}
    rates["means"] *= scene_scale
    optimizers: dict[str, FusedAdam] = {}
    for name, param in params.items():
        if not param.requires_grad:
            continue
        if name not in rates:
            raise ValueError(f"no learning rate for the parameter {name!r}")
        optimizers[name] = FusedAdam([param], lr=rates[name])
    return optimizers


def set_active_sh_degree(optimizers: Mapping[str, torch.optim.Optimizer], degree: int) -> None:
    """Let the optimizer of shN [N, K-1, 3] skip the bands above `degree`, whose gradients are all zero."""
    if "shN" in optimizers and isinstance(optimizers["shN"], FusedAdam):
        optimizers["shN"].param_groups[0]["active_columns"] = 3 * ((degree + 1) ** 2 - 1)
