"""Operations that put Gaussians somewhere else: move, rotate, scale, duplicate, replace."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from splat.console import warn
from splat.edit.operations import DuplicateOptions, MoveOptions, ReplaceOptions, RotateOptions, ScaleOptions
from splat.edit.operations.base import (
    Edited,
    Operation,
    needed_factor,
    needed_offset,
    pivot_of,
    point,
    replaced,
)
from splat.edit.select.geometry import bounds, everything
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.formats import detect_format, read_scene
from splat.formats.registry import is_run_folder
from splat.gaussians import Gaussians
from splat.options import parse_numbers
from splat.render.scene import SceneRenderer
from splat.run import open_run


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
        axis: about which it is turned first.
        degrees: by how much.
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


class Move(Operation[MoveOptions]):
    """`move`."""

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        return move(renderer.scene, chosen, needed_offset("move", self.options.offset))


class Rotate(Operation[RotateOptions]):
    """`rotate`."""

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        options = self.options
        if options.degrees == 0:
            raise SplatError("by how much? rotate takes degrees=90 (and axis=x,y,z)")
        axis = parse_numbers("axis", options.axis, 3)
        return rotate(renderer.scene, chosen, axis, options.degrees, point("pivot", options.pivot))


class Scale(Operation[ScaleOptions]):
    """`scale`."""

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        factor = needed_factor("scale", self.options.factor)
        return scale(renderer.scene, chosen, factor, point("pivot", self.options.pivot))


class Duplicate(Operation[DuplicateOptions]):
    """`duplicate`."""

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        options = self.options
        factor = 1.0 if options.factor is None else options.factor
        pivot = pivot_of(renderer.scene, chosen, point("pivot", options.pivot))
        axis, offset = parse_numbers("axis", options.axis, 3), needed_offset("duplicate", options.offset)
        return duplicate(renderer.scene, chosen, similarity(pivot, offset, axis, options.degrees, factor))


class Replace(Operation[ReplaceOptions]):
    """`replace`."""

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        options = self.options
        if options.other is None:
            raise SplatError("by what? replace takes other=FILE, a scene file or a run that holds the object alone")
        path = Path(options.other).expanduser()
        other = open_run(path).scene() if is_run_folder(path) else read_scene(path)
        axis, up = parse_numbers("axis", options.axis, 3), point("up", options.up)
        edited = replace(renderer.scene, chosen, other, axis, options.degrees, options.factor, up)
        _say_drawn_otherwise(path, renderer.options.antialiased)
        return edited


def _say_drawn_otherwise(path: Path, antialiased: bool) -> None:
    """A remark where the scene that takes the place was made to be drawn in another way than this one."""
    notes = open_run(path).notes if is_run_folder(path) else detect_format(path).read(path).notes
    if bool(notes.antialiased) != antialiased:
        ways = {True: "antialiased", False: "without antialiasing"}
        was, now = ways[bool(notes.antialiased)], ways[antialiased]
        warn(f"{path} was made to be drawn {was}, and is now drawn {now}: its small Gaussians change their weight")
