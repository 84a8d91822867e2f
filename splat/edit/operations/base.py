"""What every operation is, takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from splat.edit.photos import RunPhotos
from splat.edit.select.geometry import bounds
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.options import parse_numbers
from splat.render.scene import SceneRenderer

NEW = -1
NO_PHOTOS = RunPhotos(missing="a file has no photos")
Options = TypeVar("Options")


@dataclass(frozen=True)
class Edited:
    """A scene of M Gaussians made from one of N."""

    scene: Gaussians
    origin: Tensor  # [M] int64: which of the N each comes from; NEW for those that come from none

    @classmethod
    def in_place(cls, scene: Gaussians) -> Edited:
        """The same Gaussians with other values."""
        return cls(scene, torch.arange(len(scene), device=scene.means.device))

    @classmethod
    def kept(cls, scene: Gaussians, mask: Tensor) -> Edited:
        """The Gaussians of `scene` where mask [N] is True."""
        return cls(scene[mask], mask.nonzero()[:, 0])

    def plus(self, more: Gaussians, origin: Tensor | None = None) -> Edited:
        """With Gaussians added at the end; `origin` [K] tells where they come from, None: nowhere."""
        if origin is None:
            origin = torch.full((len(more),), NEW, device=self.origin.device)
        return Edited(Gaussians.cat([self.scene, more]), torch.cat([self.origin, origin.to(self.origin)]))


def replaced(gaussians: Gaussians, mask: Tensor, part: Gaussians) -> Gaussians:
    """`gaussians` with those where mask [N] is True replaced by the M of `part`, in order."""
    tensors = {name: value.clone() for name, value in gaussians.as_dict().items()}
    for name, value in part.as_dict().items():
        tensors[name][mask] = value.to(tensors[name])
    return Gaussians.from_dict(tensors)


def pivot_of(gaussians: Gaussians, selection: Selection, pivot: list[float] | None) -> Tensor:
    """[3] float64: the point given, or the middle of the box around the selection."""
    if pivot is not None:
        return torch.tensor(pivot, dtype=torch.float64)
    low, high = bounds(gaussians, selection)
    return (low + high) / 2


class Operation(Generic[Options]):
    """One operation with its options; by itself it changes nothing, which is what `select` does."""

    keeps: ClassVar[bool] = False  # what is selected is what stays
    blends: ClassVar[bool] = False  # weights below one half count too
    repaints: ClassVar[bool] = False  # words that were learned before may no longer fit
    scored: ClassVar[bool] = False  # what it costs is measured: pictures should stay as they were
    photographed: bool = True  # whether the renderer's cameras are those of photos; a scene file has none
    photos: RunPhotos = NO_PHOTOS  # of the run, for operations that are scored

    def __init__(self, options: Options, force: bool = False) -> None:
        """
        Args:
            options: the dataclass that stands in the operation's row.
            force: whether more than half of the scene may be changed.
        """
        self.options, self.force = options, force

    @property
    def finds_its_place(self) -> bool:
        """Whether the operation itself finds what it is about, so that no selection is needed."""
        return False

    def narrowed(self, renderer: SceneRenderer, chosen: Selection) -> Selection:
        """The part of a selection that is changed from the start."""
        return chosen

    def allows(self, chosen: Selection) -> bool:
        """Whether so much of the scene may be changed."""
        return self.keeps or self.force or chosen.share <= 0.5

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """The scene after the operation.

        Args:
            renderer: the scene before, with its cameras.
            chosen: what is changed.
            candidates: what was selected before `narrowed`, and may be changed later.

        Raises:
            SplatError: options that are missing or contradict each other.
        """
        return Edited.in_place(renderer.scene)


def needed_factor(operation: str, factor: float | None) -> float:
    """
    Raises:
        SplatError: when it is not given.
    """
    if factor is None:
        raise SplatError(f"by how much? {operation} takes factor=0.5")
    return factor


def needed_offset(operation: str, text: str | None) -> list[float]:
    """
    Raises:
        SplatError: when it is not given, or is not three numbers.
    """
    if text is None:
        raise SplatError(f"where to? {operation} takes offset=x,y,z")
    return parse_numbers("offset", text, 3)


def point(name: str, text: str | None) -> list[float] | None:
    """[3] of an option x,y,z; None where it is not given."""
    return None if text is None else parse_numbers(name, text, 3)
