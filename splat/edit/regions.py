"""Selections by place, opacity and size."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splat.edit.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians

NO_LIMIT = math.inf


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


def _numbers(values: list[float]) -> str:
    return ",".join(f"{value:g}" for value in values)
