"""Splits that stay on the surface which a depth prior shows (GeoTex-style)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.gaussians import quat_to_matrix
from splat.train.priors import depth_normals, sample_depth

if TYPE_CHECKING:
    from splat.train.params import Params
    from splat.train.strategies.context import DepthPrior, StrategyContext


@dataclass(frozen=True)
class SurfaceRules:
    """How strictly children keep to the surface."""

    flatten: float  # part of an offset along the normal that is taken away
    flat_cosine: float  # least |cosine| between the prior's normal and a Gaussian's shortest axis for that
    max_ratio: float  # largest change of depth against the prior's, as a logarithm
    repair: bool  # move children to the surface along their ray, where that is near; else their parent stays whole
    seen: float  # a parent counts as seen where its depth is that of the rendered surface within this part


@dataclass(frozen=True)
class _Look:
    """One view with what the prior says of it."""

    camera: Camera
    depth: Tensor  # [h, w]

    def at(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels, depths and the prior's depths (0: unknown) of world points."""
        pixels, depths = self.camera.project(points)
        prior = sample_depth(self.depth, pixels, (self.camera.width, self.camera.height))
        return pixels, depths, torch.where(depths > 0, prior, 0.0)


@torch.no_grad()
def surface_offsets(
    access: StrategyContext,
    prior: DepthPrior,
    params: Params,
    mask: Tensor,
    offsets: Tensor,
    positions: Sequence[int],
    rules: SurfaceRules,
) -> tuple[Tensor, Tensor]:
    """Offsets of children brought onto the prior's surface, and which parents may be split at all.

    Each parent is judged in the view, of those at `positions`, that shows it largest and in front. There its children
    keep to the tangent plane of the surface, and the ratio of the depths of child and parent must be the prior's own
    (which no unknown scale can change): a child that fails moves along its ray where the surface is near; else, if it
    stands in front, its parent stays whole. Parents that no view shows, and children outside the picture or hidden by
    what the prior shows there, are left as they are.

    Args:
        mask: [N] bool, the M parents; offsets: [2, M, 3] of their children.

    Returns:
        offsets [2, M, 3] and accepted [M] bool.
    """
    parents = params["means"].detach()[mask]
    sizes = params["scales"].detach()[mask].exp()
    shortest = quat_to_matrix(params["quats"].detach()[mask]).gather(
        2, sizes.argmin(1)[:, None, None].expand(-1, 3, 1)
    )[..., 0]
    ordered = sizes.sort(dim=1).values
    round_ones = ordered[:, 0] > 0.5 * ordered[:, 1]  # their shortest axis says nothing
    looks, chosen, normals = _choose_views(access, prior, params, parents, positions, rules.seen)
    offsets, accepted = offsets.clone(), torch.ones(len(parents), dtype=torch.bool, device=parents.device)
    for number, look in enumerate(looks):
        rows = (chosen == number).nonzero().squeeze(1)
        if len(rows) == 0:
            continue
        n = normals[rows]
        flat = round_ones[rows] | ((n * shortest[rows]).sum(1).abs() > rules.flat_cosine)
        strength = (rules.flatten * flat)[None, :, None]
        moved = offsets[:, rows]
        moved = moved - strength * (moved * n).sum(-1, keepdim=True) * n
        reach = 3 * ordered[rows, 2]
        offsets[:, rows], accepted[rows] = _validated(look, parents[rows], moved, reach, rules)
    return offsets, accepted


def _choose_views(
    access: StrategyContext, prior: DepthPrior, params: Params, parents: Tensor, positions: Sequence[int], seen: float
) -> tuple[list[_Look], Tensor, Tensor]:
    """The views, the number [M] of the one that judges each parent (-1: none), and the normals [M, 3] there."""
    looks: list[_Look] = []
    chosen = torch.full((len(parents),), -1, device=parents.device)
    largest, normals = torch.zeros(len(parents), device=parents.device), torch.zeros_like(parents)
    for position in positions:
        depth = prior.depth(position, params)
        if depth is None:
            continue
        camera = access.camera(position)
        size, look = (camera.width, camera.height), _Look(camera, depth)
        pixels, depths, known = look.at(parents)
        surface = sample_depth(access.renderer(params).depth(camera), pixels, size)
        footprint = float(camera.K[0, 0]) / depths.clamp_min(1e-9)
        better = (known > 0) & ((depths - surface).abs() < seen * surface) & (footprint > largest)
        field = depth_normals(depth, camera.viewmat.to(depth), camera.K.to(depth), size)
        h, w = depth.shape
        x = (pixels[:, 0] * w / camera.width).clamp(0, w - 1).nan_to_num().long()
        y = (pixels[:, 1] * h / camera.height).clamp(0, h - 1).nan_to_num().long()
        normals = torch.where(better[:, None], field[y, x], normals)
        largest = torch.where(better, footprint, largest)
        chosen = torch.where(better, len(looks), chosen)
        looks.append(look)
    return looks, chosen, normals


def _validated(
    look: _Look, parents: Tensor, offsets: Tensor, reach: Tensor, rules: SurfaceRules
) -> tuple[Tensor, Tensor]:
    """Offsets [2, R, 3] after the check of depth ratios and its repair, and accepted [R] bool."""
    centre = look.camera.position.to(parents)
    _, parent_depths, parent_prior = look.at(parents)
    children = parents + offsets
    _, depths, known = look.at(children.reshape(-1, 3))
    depths, known = depths.view(2, -1), known.view(2, -1)
    wanted = parent_depths * known / parent_prior.clamp_min(1e-12)
    judged = (known > 0) & (parent_prior > 0)
    change = (depths.clamp_min(1e-12) / wanted.clamp_min(1e-12)).log().abs()
    wrong = judged & (change >= rules.max_ratio)
    if not rules.repair:
        return offsets, ~wrong.any(dim=0)
    on_surface = centre + (children - centre) * (wanted / depths.clamp_min(1e-12))[..., None]
    far = (on_surface - parents).norm(dim=-1) > reach
    repaired = torch.where((wrong & ~far)[..., None], on_surface - parents, offsets)
    in_front = depths < wanted  # far behind, the child is hidden: the prior shows what stands before it
    return repaired, ~(wrong & far & in_front).any(dim=0)
