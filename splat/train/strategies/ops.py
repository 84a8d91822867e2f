"""Changes to the set of Gaussians that keep parameters, optimizer states and strategy state row by row in step.

All functions work in place on the three mappings: `params` (every tensor one row a Gaussian), `optimizers` (one for
each trainable parameter, holding that one parameter) and `state` (its tensors have one row a Gaussian; numbers are left
alone). Parameters that change their length are replaced by new ones without gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.gaussians import quat_to_matrix
from splat.random import sample_indices
from splat.train.strategies.relocation import compute_relocation

if TYPE_CHECKING:
    from splat.train.params import Optimizers, Params
    from splat.train.strategies.base import State

SPLIT_SHRINK = 1.6  # 3DGS: the two halves of a split Gaussian are this much smaller than it was


def _replace(
    params: Params,
    optimizers: Optimizers,
    new_param: Callable[[str, Tensor], Tensor],
    new_moment: Callable[[Tensor], Tensor],
    names: Iterable[str] | None = None,
) -> None:
    """Put new parameters in place, and carry each optimizer's per-row tensors over with `new_moment`."""
    for name in list(params.keys()) if names is None else names:
        old = params[name]
        new = torch.nn.Parameter(new_param(name, old.detach()), requires_grad=old.requires_grad)
        params[name] = new
        if name not in optimizers:
            continue
        optimizer = optimizers[name]
        moments = optimizer.state.pop(old, None)
        optimizer.param_groups[0]["params"] = [new]
        if moments is not None:
            per_row = {key: torch.is_tensor(value) and value.shape == old.shape for key, value in moments.items()}
            optimizer.state[new] = {key: new_moment(value) if per_row[key] else value for key, value in moments.items()}


def _map_state(state: State, function: Callable[[Tensor], Tensor]) -> None:
    for key, value in state.items():
        if torch.is_tensor(value):
            state[key] = function(value)


def _append_zeros(values: Tensor, count: int) -> Tensor:
    return torch.cat([values, values.new_zeros((count, *values.shape[1:]))])


@torch.no_grad()
def duplicate(params: Params, optimizers: Optimizers, state: State, mask: Tensor) -> None:
    """Append a copy of each Gaussian in `mask` [N] bool; the copies start with zero moments."""
    chosen = mask.nonzero().squeeze(1)
    _replace(
        params,
        optimizers,
        lambda _, p: torch.cat([p, p[chosen]]),
        lambda m: _append_zeros(m, len(chosen)),
    )
    _map_state(state, lambda v: torch.cat([v, v[chosen]]))


@torch.no_grad()
def split_offsets(params: Params, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Where the halves of the M Gaussians in `mask` [N] bool go, from their centres: two draws each, [2, M, 3]."""
    sizes = params["scales"].detach()[mask].exp()
    axes = quat_to_matrix(params["quats"].detach()[mask])
    normal = torch.randn((2, *sizes.shape), device=sizes.device, dtype=sizes.dtype, generator=generator)
    return torch.einsum("nij,bnj->bni", axes, normal * sizes)


@torch.no_grad()
def split(
    params: Params,
    optimizers: Optimizers,
    state: State,
    mask: Tensor,
    offsets: Tensor,
    revised_opacity: bool = False,
) -> None:
    """Replace each Gaussian in `mask` [N] bool by two, 1.6 times smaller, at its centre plus `offsets` [2, M, 3].

    Args:
        revised_opacity: give the halves 1 - sqrt(1 - o), so that both together cover what one did (Rota Bulò et al.,
            "Revising Densification in Gaussian Splatting", 2024), instead of o each.
    """
    sizes = params["scales"].detach()[mask].exp()
    changed = {
        "means": params["means"].detach()[mask] + offsets,
        "scales": (sizes / SPLIT_SHRINK).log().expand(2, *sizes.shape),
    }
    if revised_opacity:
        opacities = torch.sigmoid(params["opacities"].detach()[mask])
        halves = torch.logit(1 - torch.sqrt(1 - opacities), eps=1e-7)
        changed["opacities"] = halves.expand(2, *halves.shape)
    _replace_by_two(params, optimizers, state, mask, changed)


@torch.no_grad()
def long_axis_offsets(params: Params, mask: Tensor, part: float = 0.45) -> Tensor:
    """Where `split_long_axis` puts children, from the centres of the M Gaussians in `mask` [N] bool: [2, M, 3]."""
    sizes = params["scales"].detach()[mask].exp()
    longest = sizes.argmax(dim=1, keepdim=True)
    along = torch.zeros_like(sizes).scatter_(1, longest, 1.0)
    axis = (quat_to_matrix(params["quats"].detach()[mask]) @ along[..., None]).squeeze(-1)
    offset = 3 * part * sizes.gather(1, longest) * axis
    return torch.stack([offset, -offset])


@torch.no_grad()
def split_long_axis(
    params: Params,
    optimizers: Optimizers,
    state: State,
    mask: Tensor,
    part: float = 0.45,
    opacity: float = 0.6,
    offsets: Tensor | None = None,
) -> None:
    """Replace each Gaussian in `mask` [N] bool by two on both sides of it along its longest axis.

    Source: Improved-GS (arXiv 2508.12313). With the standard deviation s of the longest axis the children stand at
    +-3 s `part` on it (or at `offsets` [2, M, 3]), their longest axis is s (1 - `part`), so that both together reach as
    far as the parent did; the other two axes shrink by sqrt(1 - part^2) (the parent's cross-section at that distance)
    and opacities by `opacity`.
    """
    sizes = params["scales"].detach()[mask].exp()
    offsets = long_axis_offsets(params, mask, part) if offsets is None else offsets
    along = torch.zeros_like(sizes).scatter_(1, sizes.argmax(dim=1, keepdim=True), 1.0)
    shrink = torch.where(along > 0, 1 - part, (1 - part**2) ** 0.5)
    logits = torch.logit(opacity * torch.sigmoid(params["opacities"].detach()[mask]), eps=1e-7)
    changed = {
        "means": params["means"].detach()[mask] + offsets,
        "scales": (sizes * shrink).log().expand(2, *sizes.shape),
        "opacities": logits.expand(2, *logits.shape),
    }
    _replace_by_two(params, optimizers, state, mask, changed)


def _replace_by_two(
    params: Params, optimizers: Optimizers, state: State, mask: Tensor, changed: dict[str, Tensor]
) -> None:
    """Take the M Gaussians in `mask` away and append two each, equal to it but for `changed` (name: [2, M, ...])."""
    chosen, rest = mask.nonzero().squeeze(1), (~mask).nonzero().squeeze(1)

    def halves(name: str, p: Tensor) -> Tensor:
        both = changed[name] if name in changed else p[chosen].expand(2, *p[chosen].shape)
        return torch.cat([p[rest], both.flatten(0, 1)])

    _replace(params, optimizers, halves, lambda m: _append_zeros(m[rest], 2 * len(chosen)))
    _map_state(state, lambda v: torch.cat([v[rest], v[chosen], v[chosen]]))


@torch.no_grad()
def remove(params: Params, optimizers: Optimizers, state: State, mask: Tensor) -> None:
    """Take the Gaussians in `mask` [N] bool away."""
    rest = (~mask).nonzero().squeeze(1)
    _replace(params, optimizers, lambda _, p: p[rest], lambda m: m[rest])
    _map_state(state, lambda v: v[rest])


@torch.no_grad()
def reset_opacity(params: Params, optimizers: Optimizers, state: State, value: float) -> None:
    """Lower every opacity above `value` (0 to 1) to it, and forget the moments of the opacities."""
    limit = torch.logit(torch.tensor(value, dtype=torch.float64)).item()
    _replace(params, optimizers, lambda _, p: p.clamp(max=limit), torch.zeros_like, names=["opacities"])


def _stacked(params: Params, sources: Tensor, min_opacity: float) -> tuple[Tensor, Tensor]:
    """Logits [M] and log sizes [M, 3] of the Gaussians `sources` [M], one more of which stands for each mention."""
    opacities = torch.sigmoid(params["opacities"].detach()[sources].flatten())
    ratios = torch.bincount(sources, minlength=len(params["opacities"]))[sources] + 1
    new_opacities, new_sizes = compute_relocation(opacities, params["scales"].detach()[sources].exp(), ratios)
    eps = torch.finfo(torch.float32).eps
    return torch.logit(new_opacities.clamp(min_opacity, 1 - eps)), new_sizes.log()


def _set_rows(params: Params, rows: Tensor, logits: Tensor, log_sizes: Tensor) -> None:
    opacities = params["opacities"].data
    opacities[rows] = logits.reshape(-1, *opacities.shape[1:])
    params["scales"].data[rows] = log_sizes


def _zero_moments(params: Params, optimizers: Optimizers, state: State, rows: Tensor) -> None:
    for name, optimizer in optimizers.items():
        for value in optimizer.state.get(params[name], {}).values():
            if torch.is_tensor(value) and value.shape == params[name].shape:
                value[rows] = 0
    for value in state.values():
        if torch.is_tensor(value):
            value[rows] = 0


def _shift(params: Params, rows: Tensor, spread: float, generator: torch.Generator) -> None:
    """Move the Gaussians `rows` [M] to where they would be drawn from themselves, `spread` times as far."""
    if spread == 0:
        return
    sizes = params["scales"].detach()[rows].exp()
    axes = quat_to_matrix(params["quats"].detach()[rows])
    normal = torch.randn(sizes.shape, device=sizes.device, dtype=sizes.dtype, generator=generator)
    params["means"].data[rows] += spread * torch.einsum("nij,nj->ni", axes, normal * sizes)


@torch.no_grad()
def forget(params: Params, optimizers: Optimizers, state: State, mask: Tensor) -> None:
    """Zero the moments and the running sums of the Gaussians in `mask` [N] bool, which were of another place."""
    _zero_moments(params, optimizers, state, mask.nonzero().squeeze(1))


@torch.no_grad()
def relocate(
    params: Params,
    optimizers: Optimizers,
    state: State,
    mask: Tensor,
    generator: torch.Generator,
    min_opacity: float = 0.005,
    spread: float = 0.0,
) -> None:
    """Move the dead Gaussians of `mask` [N] bool onto live ones, drawn in proportion to opacity.

    They stand around those at a normal distance of `spread` standard deviations of theirs. Each live one and its new
    neighbours share its look (`compute_relocation`); both lose their moments, because the gradients that those remember
    were of another place. Nothing happens if no Gaussian lives.
    """
    dead, alive = mask.nonzero().squeeze(1), (~mask).nonzero().squeeze(1)
    if len(dead) == 0 or len(alive) == 0:
        return
    weights = torch.sigmoid(params["opacities"].detach()[alive].flatten())
    sources = alive[sample_indices(weights, len(dead), generator)]
    _set_rows(params, sources, *_stacked(params, sources, min_opacity))
    for param in params.values():
        param.data[dead] = param.data[sources]
    _shift(params, dead, spread, generator)
    _zero_moments(params, optimizers, state, torch.cat([sources, dead]))


@torch.no_grad()
def sample_add(
    params: Params,
    optimizers: Optimizers,
    state: State,
    count: int,
    generator: torch.Generator,
    min_opacity: float = 0.005,
    spread: float = 0.0,
) -> None:
    """Append `count` Gaussians in the places of existing ones, drawn in proportion to opacity, and share their look.

    They stand around those at a normal distance of `spread` standard deviations of theirs.
    """
    sources = sample_indices(torch.sigmoid(params["opacities"].detach().flatten()), count, generator)
    _set_rows(params, sources, *_stacked(params, sources, min_opacity))
    _replace(params, optimizers, lambda _, p: torch.cat([p, p[sources]]), lambda m: _append_zeros(m, count))
    _map_state(state, lambda v: _append_zeros(v, count))
    _shift(params, torch.arange(len(params["means"]), device=sources.device)[-count:], spread, generator)
