"""Running sums of image-plane gradients: where the image asks for more Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from splat import native

if TYPE_CHECKING:
    from splat.train.strategies.base import State


@torch.no_grad()
def collect(
    state: State, info: dict[str, Any], count: int, key: str, absolute: bool, with_radii: bool, name: str = "grad2d"
) -> None:
    """Add one step's gradient norms (in units of half the image), views and radii to the running state.

    Args:
        state: gets or has `name` and `count` [N], and `radii` [N] (largest radius over the image's longer side).
        info: radii [C, N, 2] px, info[key] [C, N, 2] px with .grad (or .absgrad), width, height and n_cameras; or,
            packed, radii and info[key] [nnz, 2] with gaussian_ids [nnz].
        count: N.
        absolute: take .absgrad (AbsGS), not .grad.
        with_radii: keep `radii` too.

    Raises:
        ValueError: there is no gradient.
    """
    screen = info[key]
    grads = screen.absgrad if absolute else screen.grad
    if grads is None:
        raise ValueError(f"{key} has no gradient: call step_pre_backward before loss.backward()")
    for entry in [name, "count"] + (["radii"] if with_radii else []):
        if entry not in state:
            state[entry] = torch.zeros(count, device=grads.device)
    cameras, radii = info["n_cameras"], info["radii"]
    scale_x, scale_y = info["width"] / 2 * cameras, info["height"] / 2 * cameras
    if grads.device.type == "cpu" and grads.ndim == 3 and radii.dtype == torch.int32:
        native.kernels().accumulate_gradients(
            grads.contiguous(), radii.contiguous(), state[name], state["count"],
            state["radii"] if with_radii else None, scale_x, scale_y, 1 / max(info["width"], info["height"]),
            native.default_threads(),
        )  # fmt: skip
        return
    norms = torch.hypot(grads[..., 0] * scale_x, grads[..., 1] * scale_y)
    visible = (radii > 0).all(dim=-1)
    relative = radii.amax(dim=-1) / float(max(info["width"], info["height"]))
    if grads.ndim == 2:  # packed: one row for each Gaussian that a view sees
        ids = info["gaussian_ids"]
        state[name].index_add_(0, ids, norms)
        state["count"].index_add_(0, ids, torch.ones_like(norms))
        if with_radii:
            state["radii"].scatter_reduce_(0, ids, relative, "amax")
        return
    state[name] += torch.where(visible, norms, 0.0).sum(dim=0)
    state["count"] += visible.sum(dim=0)
    if with_radii:
        torch.maximum(state["radii"], torch.where(visible, relative, 0.0).amax(dim=0), out=state["radii"])
