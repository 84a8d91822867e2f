"""What every operation returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splat.edit.select.selection import Selection
from splat.gaussians import Gaussians

NEW = -1


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
    from splat.edit.select.geometry import bounds

    if pivot is not None:
        return torch.tensor(pivot, dtype=torch.float64)
    low, high = bounds(gaussians, selection)
    return (low + high) / 2
