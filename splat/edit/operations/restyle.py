"""`splat edit RUN restyle`: the selected Gaussians are optimised until they show pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from splat.console import count, info, warn
from splat.edit.operations import RestyleOptions
from splat.edit.operations.base import Edited, Operation
from splat.edit.restyle.filters import filtered
from splat.edit.restyle.guided import Guide, GuidedRestyleLoop, margin_of
from splat.edit.restyle.images import read_images
from splat.edit.restyle.loop import RestyleLoop, target_views
from splat.edit.restyle.options import MODEL_STEPS, STEPS
from splat.edit.restyle.pipeline import find_pipeline, load_pipeline
from splat.edit.restyle.targets import make_target_view
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.hub import torch_device
from splat.render.scene import SceneRenderer


class Restyle(Operation[RestyleOptions]):
    """`restyle`: toward the user's pictures, a filter's, or what a model wants; a model also finds where."""

    repaints = True

    def __init__(self, options: RestyleOptions, force: bool = False) -> None:
        """Check the options, and load the model if there is one.

        Raises:
            SplatError: no source or several, no filter or model of that name, options that contradict each other.
        """
        super().__init__(options, force)
        self.settings, self.goal = options.guide, options.goal
        self.labels: torch.Tensor | None = None
        self.guide: Guide | None = None
        _check(options)
        if options.model is not None:
            folder = find_pipeline(options.model, self.settings.offline)
            device = torch_device("auto")
            if device == "cpu" and self.settings.resolution > 256:
                warn("no CUDA device: each step of a large model takes many seconds; guide.resolution=256 is quicker")
            self.guide = Guide(load_pipeline(folder, device), self.goal, options.avoid, self.settings)

    @property
    def finds_its_place(self) -> bool:
        """Whether a model's attention decides what is edited."""
        return self.guide is not None and self.settings.localise

    def narrowed(self, renderer: SceneRenderer, chosen: Selection) -> Selection:
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
                f"the model sees {self.goal!r} nowhere in {chosen.source} (attention {highest:.2f}, needs "
                f"{self.settings.threshold:g}); give guide.focus, a lower guide.threshold, or guide.localise=false"
            )
        source = f"attention({self.goal})"
        return Selection.from_mask(mask, source if chosen.source == "all" else f"({chosen.source} & {source})")

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        if self.guide is not None:
            return self._guided(renderer, chosen, candidates)
        options = self.settings
        steps = STEPS if options.steps is None else options.steps
        views = target_views(renderer, chosen, self._pictures(renderer), options)
        info(f"restyling {count(chosen.count, 'Gaussian')} toward {count(len(views), 'picture')}")
        return RestyleLoop(renderer, chosen.mask, views, options, steps).run()

    def _pictures(self, renderer: SceneRenderer) -> Mapping[str, np.ndarray] | Callable[[np.ndarray], np.ndarray]:
        """The user's pictures by view name, or the function that makes them."""

        if self.options.images is not None:
            return read_images(renderer, Path(self.options.images).expanduser())
        name, amount, hue = self.options.filter or "", self.settings.amount, self.options.hue
        return lambda picture: filtered(picture, name, amount, hue)

    def _guided(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        options, guide = self.settings, self.guide
        assert guide is not None
        cameras = renderer.views_of(chosen.weights, options.views)
        views = [make_target_view(renderer, one, chosen.mask, margin_of(one, options)) for one in cameras]
        seen = [view for view in views if view is not None]
        if not seen:
            raise SplatError(f"none of the training views shows {chosen.source}")
        steps = MODEL_STEPS if options.steps is None else options.steps
        most = len(renderer.scene) if self.force else len(renderer.scene) // 2
        info(f"restyling {count(chosen.count, 'Gaussian')} in {count(len(seen), 'view')}: {self.goal!r}")
        return GuidedRestyleLoop(renderer, candidates.mask, seen, guide, self.labels, steps, most).run()


def _check(options: RestyleOptions) -> None:
    guide = options.guide
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
    if options.model is not None and not options.goal:
        raise SplatError('what shall it become? splat edit RUN restyle "make the mug golden" model=...')
    if options.model is None and options.prompt is not None:
        raise SplatError("prompt= is for model=; images= and filter= need no words but those that select")
    if guide.time_low >= min(guide.time_high, guide.time_high_end):
        raise SplatError(f"guide.time_low={guide.time_low}: must be below guide.time_high and guide.time_high_end")
    if guide.threshold_end > guide.threshold:
        raise SplatError("guide.threshold_end must not be above guide.threshold: the edit spreads, it does not retreat")
