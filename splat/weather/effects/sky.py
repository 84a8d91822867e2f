"""What lies under the sky: the first surface that something falling along one direction meets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import median_filter
from torch import Tensor

from splat.gaussians import Gaussians, quat_to_matrix

POINTS = 3_000_000  # that stand for all Gaussians on the map
DENSE = 8  # of them in a cell, where one opaque layer covers it
SOLID = 0.5  # coverage from above below which nothing falls
SLOPE_STEP = 2  # cells to both sides over which a slope is measured


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

    def surface(self) -> tuple[Tensor, Tensor]:
        """Points [M, 3] on the surface, in the middle of the cells that stop the fall, and its unit normals [M, 3]."""
        heights = median_filter(self.heights.numpy(), size=5, mode="nearest")
        with np.errstate(invalid="ignore"):  # -inf beside -inf
            slopes = [
                (np.roll(heights, -SLOPE_STEP, axis) - np.roll(heights, SLOPE_STEP, axis))
                / (2 * SLOPE_STEP * self.cell)
                for axis in (0, 1)
            ]
        inner = np.zeros(heights.shape, bool)
        inner[SLOPE_STEP:-SLOPE_STEP, SLOPE_STEP:-SLOPE_STEP] = True
        fine = inner & np.isfinite(heights) & np.isfinite(slopes[0]) & np.isfinite(slopes[1])
        rows, columns = np.nonzero(fine)
        across = self.low.numpy() + (np.stack([rows, columns], axis=1) + 0.5) * self.cell
        points = np.concatenate([across, heights[fine][:, None]], axis=1)
        normals = np.stack([-slopes[0][fine], -slopes[1][fine], np.ones(len(rows))], axis=1)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return torch.from_numpy(points) @ self.axes, torch.from_numpy(normals) @ self.axes


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
    counts, cell = _points_of(opacities * areas)
    shape = [max(1, math.ceil(float(extent) / cell)) for extent in (high - low)]
    owner = torch.repeat_interleave(torch.arange(len(means)), counts)
    normal = torch.from_numpy(np.random.default_rng(0).normal(size=(len(owner), 3)))
    points = means[owner] + torch.einsum("pij,pj->pi", turned[owner], normal)
    cover = (opacities * areas / (counts * cell * cell))[owner]
    return SkyMap(axes, low, cell, _tops(points, cover, low, cell, shape))


def _points_of(areas: Tensor) -> tuple[Tensor, float]:
    """How many points stand for each Gaussian, and the side of a cell that suits them, by opacity times area [N].

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
    smooth = median_filter(tops.reshape(shape).numpy(), size=3, mode="nearest")  # single cells that chance left open
    return torch.from_numpy(smooth)
