"""`splat edit RUN restyle` from its options to the edited scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from splat.console import count, info, warn
from splat.edit.config import EditOptions
from splat.edit.operations.base import Edited
from splat.edit.restyle.options import MODEL_STEPS, STEPS, GuideOptions
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.render.scene import SceneRenderer


class Restyle:
    """One restyle: what it follows, and with a model where."""

    def __init__(self, options: EditOptions, guide: GuideOptions, prompt: str, avoid: str = "") -> None:
        """Look at the options, and load the model if there is one.

        Args:
            prompt, avoid: what it shall become and not be, for a model.

        Raises:
            SplatError: no source or several, no filter or model of that name, options that contradict each other.
        """
        self.options, self.settings, self.prompt = options, guide, prompt
        self.labels: torch.Tensor | None = None
        self.guide = None
        _check(options, guide, prompt)
        if options.model is not None:
            from splat.edit.restyle.guided import Guide
            from splat.edit.restyle.pipeline import find_pipeline, load_pipeline
            from splat.hub import torch_device

            folder = find_pipeline(options.model, guide.offline)
            device = torch_device("auto")
            if device == "cpu" and guide.resolution > 256:
                warn("no CUDA device: each step of a large model takes many seconds; guide.resolution=256 is quicker")
            self.guide = Guide(load_pipeline(folder, device), prompt, avoid, guide)

    @property
    def localises(self) -> bool:
        """Whether a model's attention decides what is edited, so that no selection is needed."""
        return self.guide is not None and self.settings.localise

    def localised(self, renderer: SceneRenderer, chosen: Selection) -> Selection:
        """The part of a selection that takes part from the start.

        Raises:
            SplatError: when the text gets attention nowhere in it.
        """
        if self.guide is None or not self.settings.localise:
            return chosen
        labels, _ = self.guide.labels(renderer, renderer.scene, {})
        self.labels = labels
        mask = chosen.mask & (labels >= self.settings.threshold)
        if not bool(mask.any()):
            highest = float(labels[chosen.mask].max()) if chosen.count else 0.0
            raise SplatError(
                f"the model sees {self.prompt!r} nowhere in {chosen.source} (attention {highest:.2f}, needs "
                f"{self.settings.threshold:g}); give guide.focus, a lower guide.threshold, or guide.localise=false"
            )
        source = f"attention({self.prompt})"
        return Selection.from_mask(mask, source if chosen.source == "all" else f"({chosen.source} & {source})")

    def edit(self, renderer: SceneRenderer, candidates: Selection, selection: Selection, force: bool) -> Edited:
        """Optimise.

        Args:
            candidates: what may take part, at the start or later.
            selection: what takes part from the start.
            force: allow more than half of the scene to be changed.
        """
        from splat.edit.restyle.loop import RestyleLoop, target_views

        if self.guide is not None:
            return self._guided(renderer, candidates, selection, force)
        options = self.settings
        steps = STEPS if options.steps is None else options.steps
        views = target_views(renderer, selection, self._pictures(renderer), options)
        info(f"restyling {count(selection.count, 'Gaussian')} toward {count(len(views), 'picture')}")
        return RestyleLoop(renderer, selection.mask, views, options, steps).run()

    def _pictures(self, renderer: SceneRenderer) -> Mapping[str, np.ndarray] | Callable[[np.ndarray], np.ndarray]:
        """The user's pictures by view name, or the function that makes them."""
        from splat.edit.restyle.filters import filtered
        from splat.edit.restyle.images import read_images

        if self.options.images is not None:
            return read_images(renderer, Path(self.options.images).expanduser())
        name, amount, hue = self.options.filter or "", self.settings.amount, self.options.hue
        return lambda picture: filtered(picture, name, amount, hue)

    def _guided(self, renderer: SceneRenderer, candidates: Selection, selection: Selection, force: bool) -> Edited:
        from splat.edit.restyle.guided import GuidedRestyleLoop, margin_of
        from splat.edit.restyle.targets import make_target_view

        options, guide = self.settings, self.guide
        assert guide is not None
        cameras = renderer.views_of(selection.weights, options.views)
        views = [make_target_view(renderer, one, selection.mask, margin_of(one, options)) for one in cameras]
        seen = [view for view in views if view is not None]
        if not seen:
            raise SplatError(f"none of the training views shows {selection.source}")
        steps = MODEL_STEPS if options.steps is None else options.steps
        most = len(renderer.scene) if force else len(renderer.scene) // 2
        info(f"restyling {count(selection.count, 'Gaussian')} in {count(len(seen), 'view')}: {self.prompt!r}")
        return GuidedRestyleLoop(renderer, candidates.mask, seen, guide, self.labels, steps, most).run()


def _check(options: EditOptions, guide: GuideOptions, prompt: str) -> None:
    given = [name for name in ("images", "filter", "model") if getattr(options, name) is not None]
    if len(given) != 1:
        start = (
            "toward what? restyle takes" if not given else f"{' and '.join(given)} exclude each other: restyle takes"
        )
        raise SplatError(f"{start} one of images=FOLDER, filter=stylization (or another), model=FOLDER or hub name")
    if options.filter == "hue" and options.hue == 0:
        raise SplatError("by how much? filter=hue takes hue=DEGREES")
    if options.images is not None and not Path(options.images).expanduser().is_dir():
        raise SplatError(f"images={options.images}: no folder with edited pictures is there")
    if options.model is not None and not prompt.strip():
        raise SplatError('what shall it become? splat edit RUN restyle "make the mug golden" model=...')
    if options.model is None and options.prompt is not None:
        raise SplatError("prompt= is for model=; images= and filter= need no words but those that select")
    if guide.time_low >= min(guide.time_high, guide.time_high_end):
        raise SplatError(f"guide.time_low={guide.time_low}: must be below guide.time_high and guide.time_high_end")
    if guide.threshold_end > guide.threshold:
        raise SplatError("guide.threshold_end must not be above guide.threshold: the edit spreads, it does not retreat")
