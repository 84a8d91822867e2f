"""Selections by place, opacity and size; and how they grow, shrink and fall into connected pieces."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.neighbours import LINK, clustered

NO_LIMIT = math.inf
SOLID = 0.1  # Gaussians of less opacity link nothing


def box(gaussians: Gaussians, low: list[float], high: list[float]) -> Selection:
    """Gaussians whose centres lie in the box between two corners [3], in the scene's frame.

    Raises:
        SplatError: corners that are not in order.
    """
    if len(low) != 3 or len(high) != 3 or any(a > b for a, b in zip(low, high)):
        raise SplatError("a box is six numbers x0,y0,z0,x1,y1,z1, the smaller corner first")
    means = gaussians.means
    inside = (means >= means.new_tensor(low)) & (means <= means.new_tensor(high))
    return Selection.from_mask(inside.all(dim=1), f"box({_numbers([*low, *high])})")


def sphere(gaussians: Gaussians, centre: list[float], radius: float) -> Selection:
    """Gaussians whose centres lie within `radius` of `centre` [3].

    Raises:
        SplatError: a radius that is not above 0.
    """
    if len(centre) != 3 or not radius > 0:
        raise SplatError("a sphere is four numbers x,y,z,radius, the radius above 0")
    distance = (gaussians.means - gaussians.means.new_tensor(centre)).norm(dim=1)
    return Selection.from_mask(distance <= radius, f"sphere({_numbers([*centre, radius])})")


def opacity(gaussians: Gaussians, low: float = 0.0, high: float = 1.0) -> Selection:
    """Gaussians with an opacity from `low` to `high`, 0 to 1.

    Raises:
        SplatError: bounds that are not in order, or outside.
    """
    if not 0 <= low <= high <= 1:
        raise SplatError("opacities are two numbers low,high from 0 to 1, the smaller first")
    values = torch.sigmoid(gaussians.opacities)
    return Selection.from_mask((values >= low) & (values <= high), f"opacity({_numbers([low, high])})")


def size(gaussians: Gaussians, low: float = 0.0, high: float = NO_LIMIT) -> Selection:
    """Gaussians whose largest standard deviation lies from `low` to `high`, in the scene's units.

    Raises:
        SplatError: bounds that are not in order.
    """
    if not low <= high:
        raise SplatError("sizes are two numbers low,high, the smaller first")
    values = gaussians.scales.exp().amax(dim=1)
    return Selection.from_mask((values >= low) & (values <= high), f"size({_numbers([low, high])})")


def everything(gaussians: Gaussians) -> Selection:
    """All Gaussians."""
    return Selection(gaussians.means.new_ones(len(gaussians)), "all")


def bounds(gaussians: Gaussians, selection: Selection, share: float = 0.01) -> tuple[Tensor, Tensor]:
    """Corners [3] of the box around the selected centres; `share` of them on each side may stick out.

    Raises:
        SplatError: when nothing is selected.
    """
    means = gaussians.means[selection.mask].double().cpu()
    if not len(means):
        raise SplatError("nothing is selected")
    ordered = means.sort(dim=0).values
    cut = int(share * len(means))
    return ordered[cut], ordered[len(means) - 1 - cut]


def spacing(gaussians: Gaussians, selection: Selection) -> float:
    """The usual distance (median) from a selected centre to the nearest other one; 0 for fewer than two."""
    means = _means(gaussians)[selection.mask.cpu().numpy()]
    return float(np.median(cKDTree(means).query(means, k=2)[0][:, 1])) if len(means) > 1 else 0.0


def grow(gaussians: Gaussians, selection: Selection, distance: float | None = None) -> Selection:
    """Add the Gaussians within `distance` of a selected one, with the weight of the nearest selected one.

    Args:
        distance: in the scene's units; None for three times the usual distance between neighbours.
    """
    chosen = selection.indices.cpu().numpy()
    reach = _reach(gaussians, selection, distance)
    if not len(chosen):
        return selection
    means = _means(gaussians)
    found, nearest = cKDTree(means[chosen]).query(means, distance_upper_bound=reach)
    near = torch.from_numpy(np.isfinite(found) & (found <= reach))
    lent = selection.weights.cpu()[torch.from_numpy(chosen)][torch.from_numpy(np.minimum(nearest, len(chosen) - 1))]
    weights = torch.where(near, torch.maximum(lent, selection.weights.cpu()), selection.weights.cpu())
    return Selection(weights.to(selection.weights), f"grow({selection.source},{reach:g})")


def shrink(gaussians: Gaussians, selection: Selection, distance: float | None = None) -> Selection:
    """Drop the selected Gaussians within `distance` of one that is not selected; the reverse of `grow`."""
    reach = _reach(gaussians, selection, distance)
    kept = ~grow(gaussians, ~selection, reach)
    return Selection(torch.minimum(selection.weights, kept.weights), f"shrink({selection.source},{reach:g})")


def pieces(gaussians: Gaussians, selection: Selection, link: float = LINK) -> np.ndarray:
    """[N] int64: number of the connected piece of each selected Gaussian, 0 the largest; -1 for the others.

    Two Gaussians hang together when they are among each other's eight nearest and no farther apart than `link` times
    the usual distance. Faint ones (opacity below 0.1) join the piece of the nearest solid one.
    """
    numbers = np.full(len(gaussians), -1, np.int64)
    chosen = selection.indices.cpu().numpy()
    solid = chosen[(torch.sigmoid(gaussians.opacities).cpu().numpy() >= SOLID)[chosen]]
    if len(solid) < 2:
        numbers[chosen] = 0
        return numbers
    means = _means(gaussians)
    found = components(means[solid], link)
    numbers[solid] = found
    faint = np.setdiff1d(chosen, solid, assume_unique=True)
    if len(faint):
        numbers[faint] = found[cKDTree(means[solid]).query(means[faint])[1]]
    return numbers


def components(points: np.ndarray, link: float = LINK, extra: np.ndarray | None = None) -> np.ndarray:
    """[P] numbers of connected pieces of points [P, 3], ordered by size, 0 the largest.

    Args:
        extra: [P, D] more coordinates (a colour); points farther apart in them than 1 are not linked.
    """
    numbers = clustered(points, link, extra)
    order = np.argsort(-np.bincount(numbers), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[numbers])


def connected(gaussians: Gaussians, selection: Selection, keep: int = 1, link: float = LINK) -> Selection:
    """The `keep` largest connected pieces of a selection; see `pieces`."""
    numbers = torch.from_numpy(pieces(gaussians, selection, link))
    kept = ((numbers >= 0) & (numbers < keep)).to(selection.weights)
    return Selection(selection.weights * kept, f"connected({selection.source},{keep})")


def _reach(gaussians: Gaussians, selection: Selection, distance: float | None) -> float:
    reach = 3 * spacing(gaussians, selection) if distance is None else distance
    if reach < 0:
        raise SplatError("a distance to grow or shrink by is 0 or more")
    return reach


def _means(gaussians: Gaussians) -> np.ndarray:
    return gaussians.means.detach().double().cpu().numpy()


def _numbers(values: list[float]) -> str:
    return ",".join(f"{value:g}" for value in values)
