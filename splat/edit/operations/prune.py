"""`splat edit … prune`: what nobody misses goes, and with `count` the rest is fitted anew."""

from __future__ import annotations

from splat.console import info, warn
from splat.edit.operations.base import Edited, Operation
from splat.edit.prune.finding import Examined, find
from splat.edit.prune.options import PruneOptions, RefitOptions
from splat.edit.prune.refit import refit
from splat.edit.select.selection import Selection
from splat.errors import SplatError
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
        self._say_what_is_not_asked()
        found = find(self.options, Examined(renderer, self.photographed, self.photos), chosen.mask)
        self.filtered = found.filtered
        if self.options.count is not None and bool((found.gone == found.filtered).all()):
            info(f"count={self.options.count}: no more than that are left, so none goes for it")
        said = found.in_words(chosen.mask)
        if not bool(found.gone.any()):
            raise SplatError(f"prune finds nothing that should go ({said or 'every filter is off'})")
        return Selection.from_mask(found.gone, said)

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

    def _say_what_is_not_asked(self) -> None:
        options = self.options
        if not self.photographed:
            info("a file has no photos: min_views= and floaters= are not asked, isolated= finds what stands alone")
        if options.count is None and options.refit != RefitOptions():
            warn("refit.* is not used: only what count= leaves is fitted anew")
        if self.photographed and options.floaters and self.photos.missing:
            warn(f"floaters are not looked for, because only photos tell: {self.photos.missing}")
