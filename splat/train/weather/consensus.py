"""Which pixels of a photo show what its neighbours do not: weather in the air, seen by comparing photos with photos.

Each photo is compared with those of the nearest cameras, carried into it along the depth of the scene as it is trained
so far. A low quantile over them is what the place looks like without what brightens single photos. The photo itself
must be brighter than that anywhere within a pixel's reach, and by more than the neighbours scatter below their median:
so neither detail that the scene does not show yet, nor depth that is a pixel off, is taken for weather. And photos that
are about as often darker than their neighbours' median as they are brighter show no weather: nothing is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from splat.train.priors import project

if TYPE_CHECKING:
    from splat.train.access import SceneAccess
    from splat.train.strategies.base import Params

FEWEST = 4  # neighbours that must see a place
AGREES = 0.03  # of the depth: a place farther behind a neighbour's surface is hidden there
LOW, MIDDLE, BOTTOM = 0.35, 0.5, 0.15  # quantiles: of what is expected, and of how much it scatters
FLOOR = 0.02  # brightness 0..1 that is always allowed
OPPOSITE = 0.4  # cosine between the viewing directions of neighbours, at least


class Consensus:
    """Per photo the pixels that its neighbours contradict."""

    def __init__(self, access: SceneAccess, neighbours: int, margin: float, evidence: float) -> None:
        self.access = access
        self.margin = margin
        self.evidence = evidence
        self.brighter = 0.0  # of the pixels, share that is brighter than the median of the neighbours, over darker
        self.neighbours = nearest_views(access.views.viewmats, neighbours)
        self.masks: dict[int, Tensor] = {}  # view -> [H, W] bool, True on weather

    @torch.no_grad()
    def refresh(self, params: Params) -> None:
        """Compare all photos anew, along the depth of the scene as it is."""
        depths = {}
        for position in range(len(self.access)):
            depth, alpha = self.access.picture(params, position, "ED")
            depths[position] = torch.where(alpha > 0.5, depth, 0.0)[..., 0].cpu()
        brighter = darker = 1.0
        for position, others in enumerate(self.neighbours):
            self.masks[position], above, below = self._contradicted(position, others, depths)
            brighter, darker = brighter + above, darker + below
        self.brighter = brighter / darker
        if self.brighter < self.evidence:
            self.masks = {}

    def _contradicted(self, position: int, others: list[int], depths: dict[int, Tensor]) -> tuple[Tensor, float, float]:
        """[H, W] bool, True where the photo is brighter than its neighbours allow; and how many pixels of it are
        brighter and darker than their median by more than they scatter.
        """
        photo = self.access.grey(position)
        points, seen = self._points(position, depths[position].to(photo.device))
        carried = torch.stack([self._carried(other, depths[other].to(photo.device), points) for other in others])
        carried = torch.where(seen[None], carried, torch.inf)
        count = torch.isfinite(carried).sum(dim=0)
        ordered = carried.sort(dim=0).values
        low, middle, bottom = (_quantile(ordered, count, part) for part in (LOW, MIDDLE, BOTTOM))
        known = (count >= FEWEST).view_as(photo)
        low, middle = (torch.where(known, value.view_as(photo), 0.0) for value in (low, middle))
        scatter = torch.where(known, middle - bottom.view_as(photo), 0.0)
        above = known & (photo > _largest(middle) + FLOOR + scatter)
        below = known & (photo < -_largest(-middle) - FLOOR - scatter)
        left_out = known & (photo > _largest(low) + FLOOR + self.margin * scatter)
        return left_out, float(above.sum()), float(below.sum())

    def _points(self, position: int, depth: Tensor) -> tuple[Tensor, Tensor]:
        """World points [H * W, 3] of a view's pixels, and [H * W] bool where there is a surface."""
        view = self.access.views[position]
        rows, columns = torch.meshgrid(
            torch.arange(view.height, device=depth.device) + 0.5,
            torch.arange(view.width, device=depth.device) + 0.5,
            indexing="ij",
        )
        pixels = torch.stack([columns, rows, torch.ones_like(rows)], dim=2).view(-1, 3)
        local = pixels @ torch.linalg.inv(view.K[0]).T * depth.reshape(-1, 1)
        return (local - view.viewmat[0, :3, 3]) @ view.viewmat[0, :3, :3], depth.reshape(-1) > 0

    def _carried(self, other: int, depth: Tensor, points: Tensor) -> Tensor:
        """[P] brightness of points in another photo, infinite where it does not see them."""
        view = self.access.views[other]
        pixels, z = project(points, view.viewmat[0], view.K[0])
        size = pixels.new_tensor([view.width, view.height])
        place = (pixels / size * 2 - 1)[None, None]
        grey = self.access.grey(other)
        value = grid_sample(grey[None, None], place, align_corners=False, padding_mode="border")[0, 0, 0]
        surface = grid_sample(depth[None, None], place, mode="nearest", align_corners=False)[0, 0, 0]
        inside = (z > 1e-6) & ((pixels >= 0.5) & (pixels <= size - 0.5)).all(dim=1)
        seen = inside & (surface > 0) & ((z - surface).abs() < AGREES * z)
        if view.mask is not None:
            column, row = (pixels[:, 0].long().clamp(0, view.width - 1), pixels[:, 1].long().clamp(0, view.height - 1))
            seen &= view.mask[row, column]
        return torch.where(seen, value, torch.inf)


def nearest_views(viewmats: Tensor, count: int) -> list[list[int]]:
    """For each camera [V, 4, 4] the nearest others that look into a like direction; the nearest first."""
    viewmats = viewmats.double()
    centres = -(viewmats[:, :3, :3].transpose(1, 2) @ viewmats[:, :3, 3:])[..., 0]
    facing = viewmats[:, 2, :3]
    distance = torch.cdist(centres, centres)
    distance[facing @ facing.T < OPPOSITE] = torch.inf
    distance.fill_diagonal_(torch.inf)
    order = distance.argsort(dim=1, stable=True)
    return [[int(other) for other in row[:count] if bool(distance[view, other].isfinite())] or [int(row[0])]
            for view, row in enumerate(order)]  # fmt: skip


def _largest(image: Tensor) -> Tensor:
    """[H, W]: the largest value within a pixel's reach."""
    return max_pool2d(image[None, None], 3, 1, 1)[0, 0]


def _quantile(ordered: Tensor, count: Tensor, part: float) -> Tensor:
    """[P]: of the `count` first values of each column of [K, P], which are in order, the one at that part."""
    index = ((count - 1).clamp(min=0) * part).round().long()
    return ordered.gather(0, index[None])[0]
