"""What falls on surfaces: which face up, which see the sky, and what snow and water make of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.gaussians import Gaussians, quat_to_matrix
from splat.neighbours import nearest
from splat.sh import rgb_to_sh0, sh0_to_rgb

NEIGHBOURS = 12
POINTS = 1_500_000  # that stand for all Gaussians on the map of the sky
DENSE = 8  # of them in a cell, where one opaque layer covers it
SOLID = 0.5  # coverage from above below which nothing falls
FLAT = (0.5, 0.8)  # cosines to the vertical: no snow holds below the first, all above the second
THICKNESS = 0.02  # m of snow
PATCH = 0.4  # m, the size of patches of snow where not all is covered
SNOW = 0.95  # of the light


@torch.no_grad()
def surface_normals(scene: Gaussians, towards: Tensor, metres: float = 1.0) -> Tensor:
    """[N, 3] unit normals of the surface that each Gaussian lies on, on the side of the point `towards` [3].

    The shortest axis of the covariance of the mixture of a Gaussian and its nearest neighbours, each weighted by its
    opacity: of their centres, and of their own extents, since both lie along the surface.
    """
    means = scene.means.double().cpu()
    indices = torch.arange(len(means))[:, None]
    if len(means) > 1:
        found = nearest(means.numpy(), means.numpy(), min(NEIGHBOURS, len(means)))[1]
        indices = torch.from_numpy(found.astype(np.int64))
    turned = quat_to_matrix(scene.quats.double().cpu()) * scene.scales.double().cpu().exp()[:, None, :]
    own = turned @ turned.transpose(1, 2)
    # a neighbour that is much larger would speak for places far away
    size = turned.square().sum(dim=(1, 2))
    weights = torch.sigmoid(scene.opacities.double().cpu())[indices] * (size[:, None] / size[indices]).clamp(max=1)
    weights = weights / weights.sum(dim=1, keepdim=True)
    middle = (weights[..., None] * means[indices]).sum(dim=1)
    offsets = means[indices] - middle[:, None]
    spread = torch.einsum("nk,nki,nkj->nij", weights, offsets, offsets)
    spread += torch.einsum("nk,nkij->nij", weights, own[indices])
    normals = torch.linalg.eigh(spread).eigenvectors[..., 0]
    facing = ((towards.to(means) - means) * normals).sum(dim=1, keepdim=True)
    return torch.where(facing < 0, -normals, normals).to(scene.means)


@dataclass(frozen=True)
class SkyMap:
    """The first surface that something falling along one direction meets, on a grid across that direction."""

    axes: Tensor  # [3, 3] float64 rows: two across the fall, then against it ("up" for what falls)
    low: Tensor  # [2] corner of the grid
    cell: float
    heights: Tensor  # [R, C] along the third axis; -inf where nothing stops the fall

    def under_sky(self, points: Tensor, tolerance: float | Tensor = 0.0) -> Tensor:
        """[P] bool of points [P, 3]: whether nothing above stops what falls; outside the grid nothing does."""
        local = points.double().cpu() @ self.axes.T
        index = ((local[:, :2] - self.low) / self.cell).floor().long()
        rows, columns = self.heights.shape
        inside = (index >= 0).all(dim=1) & (index[:, 0] < rows) & (index[:, 1] < columns)
        index = index.clamp(min=0)
        top = self.heights[index[:, 0].clamp(max=rows - 1), index[:, 1].clamp(max=columns - 1)]
        return ~inside | (local[:, 2] >= top - tolerance)


@torch.no_grad()
def sky_map(scene: Gaussians, fall: np.ndarray) -> SkyMap:
    """The map of a scene for what falls along `fall` [3], in the scene's units.

    Every Gaussian is spread over points of its own, as many as its area needs, each with a share of opacity times area.
    From above, a cell's surface lies where half of it is covered; floating half-transparent Gaussians stop nothing.
    """
    against = -fall / np.linalg.norm(fall)
    axes = torch.from_numpy(np.vstack([np.linalg.svd(against[None])[2][1:], against]))
    means = scene.means.double().cpu() @ axes.T
    opacities = torch.sigmoid(scene.opacities.double().cpu())
    turned = axes @ (quat_to_matrix(scene.quats.double().cpu()) * scene.scales.double().cpu().exp()[:, None, :])
    across = turned[:, :2] @ turned[:, :2].transpose(1, 2)
    areas = 2 * math.pi * torch.linalg.det(across).clamp(min=0).sqrt()
    core = means[opacities > 0.3] if (opacities > 0.3).any() else means
    low, high = (torch.quantile(core[:: max(1, len(core) // 100_000), :2], share, dim=0) for share in (0.005, 0.995))
    margin = 0.05 * float((high - low).max()) + 1e-9
    low, high = low - margin, high + margin
    counts, cell = _points_of(areas)
    shape = [max(1, math.ceil(float(extent) / cell)) for extent in (high - low)]
    owner = torch.repeat_interleave(torch.arange(len(means)), counts)
    normal = torch.from_numpy(np.random.default_rng(0).normal(size=(len(owner), 3)))
    points = means[owner] + torch.einsum("pij,pj->pi", turned[owner], normal)
    cover = (opacities * areas / (counts * cell * cell))[owner]
    return SkyMap(axes, low, cell, _tops(points, cover, low, cell, shape))


def _points_of(areas: Tensor) -> tuple[Tensor, float]:
    """How many points stand for each Gaussian of projected `areas` [N], and the side of a cell that suits them.

    A Gaussian that reaches far over the others gets a hundredth of all points at most.
    """
    whole = max(
        float(areas.clamp(max=float(torch.quantile(areas[:: max(1, len(areas) // 100_000)], 0.999))).sum()), 1e-12
    )
    cell = math.sqrt(DENSE * whole / POINTS)
    return (DENSE * areas / (cell * cell)).ceil().clamp(1, POINTS // 100).long(), cell


def _tops(points: Tensor, cover: Tensor, low: Tensor, cell: float, shape: list[int]) -> Tensor:
    """[R, C] the height at which the coverage from above reaches SOLID in each cell."""
    index = ((points[:, :2] - low) / cell).floor().long()
    inside = (index >= 0).all(dim=1) & (index[:, 0] < shape[0]) & (index[:, 1] < shape[1])
    number, heights, cover = (index[:, 0] * shape[1] + index[:, 1])[inside], points[inside, 2], cover[inside]
    order = heights.argsort(descending=True)
    order = order[number[order].argsort(stable=True)]  # by cell, each from above
    number, heights = number[order], heights[order]
    total = cover[order].cumsum(0)
    first = torch.ones_like(number, dtype=torch.bool)
    first[1:] = number[1:] != number[:-1]
    starts = first.nonzero()[:, 0]
    group = first.cumsum(0) - 1
    before = (total[starts] - cover[order][starts])[group]
    reached = total - before >= SOLID
    tops = torch.full((shape[0] * shape[1],), -math.inf, dtype=torch.float64)
    tops.scatter_reduce_(0, number[reached], heights[reached], "amax")
    from scipy.ndimage import median_filter

    smooth = median_filter(tops.reshape(shape).numpy(), size=3, mode="nearest")  # single cells that chance left open
    return torch.from_numpy(smooth)


@torch.no_grad()
def snowed(
    scene: Gaussians,
    open_air: Tensor,
    normals: Tensor,
    up: np.ndarray,
    amount: float,
    light: Tensor,
    metres: float,
    seed: int,
) -> Gaussians:
    """The scene under snow: surfaces that face up become white, and a thin white layer lies on them.

    Args:
        open_air: [N] bool, what sees the sky. normals: [N, 3].
        amount: part of these surfaces under snow, 0 to 1. light: [3] RGB.
    """
    weights = snow_weights(scene, open_air, normals, up, amount, metres, seed)
    white = (SNOW * light).to(scene.sh0)
    lit = sh0_to_rgb(scene.sh0[:, 0]).clamp(0, 1).mean(dim=1, keepdim=True)
    colour = white * (0.9 + 0.1 * lit)  # a trace of the shading stays
    blended = sh0_to_rgb(scene.sh0[:, 0]) * (1 - weights[:, None]) + colour * weights[:, None]
    shN = scene.shN * (1 - weights)[:, None, None]
    covered = Gaussians.from_dict({**scene.as_dict(), "sh0": rgb_to_sh0(blended)[:, None], "shN": shN})
    chosen = weights > 0.5
    layer = covered[chosen]
    lifted = layer.means + torch.from_numpy(up).to(layer.means) * (THICKNESS / metres)
    visible = torch.sigmoid(layer.opacities) * weights[chosen]
    layer = Gaussians.from_dict(
        {**layer.as_dict(), "means": lifted, "opacities": torch.logit(visible.clamp(1e-4, 0.99))}
    )
    parts = layer.as_dict()
    return Gaussians(**{name: torch.cat([value, parts[name]]) for name, value in covered.as_dict().items()})


def snow_weights(
    scene: Gaussians, open_air: Tensor, normals: Tensor, up: np.ndarray, amount: float, metres: float, seed: int
) -> Tensor:
    """[N] how far each Gaussian is under snow, 0 to 1: faces up, sees the sky, and lies in a patch of snow."""
    upward = (normals @ torch.from_numpy(up).to(normals)).clamp(0, 1)
    part = ((upward - FLAT[0]) / (FLAT[1] - FLAT[0])).clamp(0, 1)
    holds = part * part * (3 - 2 * part) * open_air.to(part)
    if amount <= 0:
        return torch.zeros_like(holds)
    here = _patches(scene.means * metres, seed)
    return holds * ((amount - here) / 0.15 + 0.5 if amount < 1 else torch.ones_like(here)).clamp(0, 1)


@torch.no_grad()
def wetted(scene: Gaussians, open_air: Tensor, normals: Tensor, up: np.ndarray, amount: float) -> Gaussians:
    """The scene wet: what sees the sky becomes darker, by up to 0.4 where it faces up and half of that on walls.

    Water on a rough surface reflects part of the light back onto it, which absorbs it again (Lekner and Dorf, "Why
    some things are darker when wet", Applied Optics 27, 1988); for common albedos that takes 0.3 to 0.5 of it.
    """
    upward = (normals @ torch.from_numpy(up).to(normals)).clamp(0, 1)
    factor = 1 - 0.4 * amount * (0.5 + 0.5 * upward) * open_air.to(upward)
    base = sh0_to_rgb(scene.sh0[:, 0]) * factor[:, None]
    shN = scene.shN * factor[:, None, None]
    return Gaussians.from_dict({**scene.as_dict(), "sh0": rgb_to_sh0(base)[:, None], "shN": shN})


def _patches(points: Tensor, seed: int) -> Tensor:
    """[P] smooth noise over points [P, 3] in m, evenly distributed over 0 to 1."""
    random = np.random.default_rng(seed)
    waves = random.normal(size=(12, 3))
    waves *= (2 * math.pi / PATCH * random.uniform(0.4, 2.0, 12) / np.linalg.norm(waves, axis=1))[:, None]
    phases = torch.from_numpy(random.uniform(0, 2 * math.pi, 12)).to(points)
    waved = torch.sin(points @ torch.from_numpy(waves).to(points).T + phases).sum(dim=1) / math.sqrt(6)
    return 0.5 * (1 + torch.erf(waved / math.sqrt(2)))  # the sum of many waves is nearly normal
