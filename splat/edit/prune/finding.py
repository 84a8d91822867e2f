"""What of a scene `prune` finds by its options, and what it has found out for that: asked again, it answers at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from splat.edit.photos import RunPhotos
from splat.edit.prune import filters
from splat.edit.prune.evidence import ViewEvidence, gather_evidence
from splat.edit.prune.options import PruneOptions
from splat.errors import SplatError
from splat.options import parse_numbers
from splat.render.scene import SceneRenderer


class Examined:
    """A scene, and what is found out about it when it is first asked for."""

    def __init__(self, renderer: SceneRenderer, photographed: bool, photos: RunPhotos) -> None:
        """
        Args:
            renderer: the scene.
            photographed: whether its cameras are those of photos; a scene file has none.
            photos: of its training views.
        """
        self.renderer, self.photographed, self.photos = renderer, photographed, photos

    @cached_property
    def evidence(self) -> ViewEvidence:
        """Of the training views. Renders up to 96 of them."""
        return gather_evidence(self.renderer, list(self.renderer.cameras))

    @cached_property
    def importance(self) -> Tensor:
        """[N] blending weight over the views, where they are those of the photos; else what there is to see."""
        return self.evidence.weight if self.photographed else filters.mass(self.renderer.scene)

    @cached_property
    def apartness(self) -> Tensor:
        """[N] see `filters.apartness`."""
        return filters.apartness(self.renderer.scene)

    @cached_property
    def floating(self) -> Tensor:
        """[N] bool, see `filters.floating`; none where the photos are gone, because depths alone do harm."""
        if self.photos.missing:
            return torch.zeros(len(self.renderer.scene), dtype=torch.bool, device=self.renderer.device)
        return filters.floating(self.renderer, self.evidence, self.photos.training)


@dataclass(frozen=True)
class Found:
    """What goes."""

    each: dict[str, Tensor]  # filter, by its name for people: what it finds in the whole scene, [N] bool
    filtered: Tensor  # [N] bool: what filters find among those that are asked about
    gone: Tensor  # [N] bool: and what is over the count

    def in_words(self, asked: Tensor) -> str:
        """How many go for which filter, each Gaussian for the first that finds it among those `asked` about [N]."""
        counts: dict[str, int] = {}
        before = torch.zeros_like(asked)
        for name, mask in self.each.items():
            counts[name] = int((mask & asked & ~before).sum())
            before |= mask & asked
        if over := int(self.gone.sum()) - int(self.filtered.sum()):
            counts["over the count"] = over
        return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def find(options: PruneOptions, examined: Examined, asked: Tensor) -> Found:
    """What goes of the Gaussians that are `asked` about, [N] bool; says nothing.

    Raises:
        SplatError: options that cannot be.
    """
    each = dict(_each(options, examined))
    filtered = torch.zeros_like(asked)
    for mask in each.values():
        filtered |= mask & asked
    total = len(asked)
    spare = 0 if options.count is None else total - int(filtered.sum()) - options.count
    if spare <= 0:
        return Found(each, filtered, filtered)
    left = asked & ~filtered
    if int(left.sum()) < spare:
        raise SplatError(
            f"count={options.count}: {int((~asked).sum()):,} Gaussians are not selected and stay; "
            "give a larger count, or select more"
        )
    return Found(each, filtered, filtered | filters.least_important(examined.importance, left, spare))


def _each(options: PruneOptions, examined: Examined) -> list[tuple[str, Tensor]]:
    """The filters that are on, in the order in which they are asked."""
    scene = examined.renderer.scene
    found = []
    if options.min_opacity > 0:
        found.append(("faint", filters.faint(scene, options.min_opacity)))
    if options.keep_box is not None:
        corners = parse_numbers("keep_box", options.keep_box, 6)
        if any(low > high for low, high in zip(corners[:3], corners[3:])):
            raise SplatError("keep_box is six numbers x0,y0,z0,x1,y1,z1, the smaller corner first")
        found.append(("outside", filters.outside(scene, corners[:3], corners[3:])))
    if options.max_size is not None:
        found.append(("large", filters.large(scene, options.max_size)))
    if examined.photographed and options.min_views > 0:
        found.append(("unseen", filters.unseen(examined.evidence, options.min_views)))
    if examined.photographed and options.floaters:
        found.append(("floaters", examined.floating))
    if options.isolated is not None:
        found.append(("isolated", examined.apartness > options.isolated))
    return found
