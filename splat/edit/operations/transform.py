"""Operations that put Gaussians somewhere else: move, rotate, scale, duplicate, replace."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splat.edit.operations.base import Edited, pivot_of, replaced
from splat.edit.select.geometry import bounds, everything
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians


def similarity(
    pivot: Tensor,
    offset: list[float] | None = None,
    axis: list[float] | None = None,
    degrees: float = 0.0,
    factor: float = 1.0,
) -> Tensor:
    """[4, 4] float64: scale and turn about `pivot` [3], then move by `offset` [3].

    The rotation is right-handed about `axis` [3] of any length (Rodrigues' formula).

    Raises:
        SplatError: an axis of length 0 or a factor that is not above 0.
    """
    if not factor > 0:
        raise SplatError(f"factor={factor:g}: must be above 0")
    direction = torch.tensor(axis or [0.0, 0.0, 1.0], dtype=torch.float64)
    if direction.shape != (3,) or float(direction.norm()) < 1e-12:
        raise SplatError("axis: give three numbers that are not all 0")
    x, y, z = (direction / direction.norm()).tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    angle = math.radians(degrees)
    rotation = torch.eye(3, dtype=torch.float64) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, :3] = factor * rotation
    transform[:3, 3] = pivot - factor * rotation @ pivot + torch.tensor(offset or [0.0] * 3, dtype=torch.float64)
    return transform


def transform(gaussians: Gaussians, selection: Selection, matrix: Tensor) -> Edited:
    """The selected Gaussians moved by a similarity [4, 4]; directional colours turn along."""
    mask = selection.mask
    return Edited.in_place(replaced(gaussians, mask, gaussians[mask].transformed(matrix)))


def move(gaussians: Gaussians, selection: Selection, offset: list[float]) -> Edited:
    """The selected Gaussians moved by `offset` [3], in the scene's units."""
    return transform(gaussians, selection, similarity(torch.zeros(3, dtype=torch.float64), offset))


def rotate(
    gaussians: Gaussians, selection: Selection, axis: list[float], degrees: float, pivot: list[float] | None = None
) -> Edited:
    """The selected Gaussians turned about an axis through `pivot` (None: the middle of their box)."""
    matrix = similarity(pivot_of(gaussians, selection, pivot), axis=axis, degrees=degrees)
    return transform(gaussians, selection, matrix)


def scale(gaussians: Gaussians, selection: Selection, factor: float, pivot: list[float] | None = None) -> Edited:
    """The selected Gaussians made larger or smaller about `pivot` (None: the middle of their box)."""
    return transform(gaussians, selection, similarity(pivot_of(gaussians, selection, pivot), factor=factor))


def duplicate(gaussians: Gaussians, selection: Selection, matrix: Tensor) -> Edited:
    """The scene with a copy of the selected Gaussians, moved by a similarity [4, 4]."""
    copy = gaussians[selection.mask].transformed(matrix)
    return Edited.in_place(gaussians).plus(copy, selection.indices)


def replace(
    gaussians: Gaussians,
    selection: Selection,
    other: Gaussians,
    axis: list[float] | None = None,
    degrees: float = 0.0,
    factor: float | None = None,
    up: list[float] | None = None,
) -> Edited:
    """The selected Gaussians removed and another scene's put in their place.

    Args:
        other: the object, all of it, in a frame of its own.
        axis, degrees: how it is turned first.
        factor: its size; None makes the diagonals of both boxes equal.
        up: [3] direction in which the object stands; its lowest point then comes to the place of the old one's.
            None: the middles of the boxes coincide.

    Raises:
        SplatError: an `axis` or `up` of length 0, or a factor that is not above 0.
    """
    low, high = bounds(gaussians, selection)
    turned = other.transformed(similarity(torch.zeros(3, dtype=torch.float64), axis=axis, degrees=degrees))
    other_low, other_high = bounds(turned, everything(turned))
    if factor is None:
        factor = float((high - low).norm() / (other_high - other_low).norm().clamp(min=1e-12))
    sized = similarity((other_low + other_high) / 2, factor=factor)
    sized[:3, 3] += (low + high - other_low - other_high) / 2
    placed = turned.transformed(sized)
    if up is not None:
        direction = torch.tensor(up, dtype=torch.float64)
        if float(direction.norm()) < 1e-12:
            raise SplatError("up: give three numbers that are not all 0")
        direction = direction / direction.norm()
        lift = _lowest(gaussians[selection.mask], direction) - _lowest(placed, direction)
        placed = placed.transformed(similarity(torch.zeros(3, dtype=torch.float64), (lift * direction).tolist()))
    kept = Edited.kept(gaussians, ~selection.mask)
    return kept.plus(placed)


def _lowest(gaussians: Gaussians, up: Tensor) -> float:
    heights = gaussians.means.double().cpu() @ up
    return float(torch.quantile(heights[:: max(1, len(heights) // 100_000)], 0.01))
