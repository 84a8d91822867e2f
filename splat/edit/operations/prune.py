"""`splat edit … prune`: what nobody misses goes, and with `count` the rest is fitted anew."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from splat.console import info, warn
from splat.edit.operations.base import Edited, Operation
from splat.edit.prune import filters
from splat.edit.prune.evidence import ViewEvidence, gather_evidence
from splat.edit.prune.options import PruneOptions, RefitOptions
from splat.edit.prune.refit import refit
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.options import parse_numbers
from splat.render.scene import SceneRenderer


class Prune(Operation[PruneOptions]):
    """`prune`."""

    scored = True

    @property
    def finds_its_place(self) -> bool:
        """Without a selection the whole scene is asked."""
        return True

    def narrowed(self, renderer: SceneRenderer, chosen: Selection) -> Selection:
        """What goes of a selection, each Gaussian for the first filter that finds it.

        Raises:
            SplatError: options that cannot be, or nothing is found.
        """
        examined = _Examined(renderer, self.photographed)
        found: dict[str, int] = {}
        gone = torch.zeros_like(chosen.mask)
        for name, mask in self._filters(examined):
            new = mask & chosen.mask & ~gone
            found[name] = int(new.sum())
            gone |= new
        self.filtered = gone
        spare = 0 if self.options.count is None else len(renderer.scene) - int(gone.sum()) - self.options.count
        if spare > 0:
            left = chosen.mask & ~gone
            if int(left.sum()) < spare:
                raise SplatError(
                    f"count={self.options.count}: {int((~chosen.mask).sum()):,} Gaussians are not selected and stay; "
                    "give a larger count, or select more"
                )
            gone = gone | filters.least_important(examined.importance, left, spare)
            found["over the count"] = spare
        elif self.options.count is not None:
            info(f"count={self.options.count}: no more than that are left, so none goes for it")
        said = ", ".join(f"{name} {number:,}" for name, number in found.items())
        if not bool(gone.any()):
            raise SplatError(f"prune finds nothing that should go ({said or 'every filter is off'})")
        return Selection.from_mask(gone, said)

    def allows(self, chosen: Selection) -> bool:
        """A count says how many go; the share that filters take is still asked about."""
        return self.force or float(self.filtered.float().mean()) <= 0.5

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        edited = Edited.kept(renderer.scene, ~chosen.mask)
        if self.options.count is None or bool((chosen.mask == self.filtered).all()):
            return edited
        before = renderer.of(renderer.scene[~self.filtered])  # what the filters find is not to come back as colour
        fitted = refit(before, edited.scene, list(renderer.cameras), self.options.refit)
        return Edited(fitted, edited.origin)

    def _filters(self, examined: _Examined) -> list[tuple[str, Tensor]]:
        """Those that are on, by their names for people, in the order in which they are asked."""
        options, scene = self.options, examined.renderer.scene
        if not self.photographed:
            info("a file has no photos: min_views= and floaters= are not asked, isolated= finds what stands alone")
        if options.count is None and options.refit != RefitOptions():
            warn("refit.* is not used: only what count= leaves is fitted anew")
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
        if self.photographed and options.min_views > 0:
            found.append(("unseen", filters.unseen(examined.evidence, options.min_views)))
        if self.photographed and options.floaters:
            found.append(("floaters", self._floaters(examined)))
        if options.isolated is not None:
            found.append(("isolated", filters.alone(scene, options.isolated)))
        return found

    def _floaters(self, examined: _Examined) -> Tensor:
        """See `filters.floating`; none where the photos are gone, because depths alone do harm."""
        if self.photos.missing:
            warn(f"floaters are not looked for, because only photos tell: {self.photos.missing}")
            return torch.zeros_like(examined.evidence.shown, dtype=torch.bool)
        return filters.floating(examined.renderer, examined.evidence, self.photos.training)


class _Examined:
    """A scene, and what is found out about it when it is asked for."""

    def __init__(self, renderer: SceneRenderer, photographed: bool) -> None:
        self.renderer, self.photographed = renderer, photographed

    @cached_property
    def evidence(self) -> ViewEvidence:
        """Of the training views."""
        return gather_evidence(self.renderer, list(self.renderer.cameras))

    @cached_property
    def importance(self) -> Tensor:
        """[N] blending weight over the views, where they are those of the photos; else what there is to see."""
        return self.evidence.weight if self.photographed else filters.mass(self.renderer.scene)
