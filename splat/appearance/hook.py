"""The photos' own colours in one training: what is learned of them, and what is kept of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from splat.appearance.config import AppearanceOptions
from splat.appearance.learning import AppearanceLearner, Corrections
from splat.appearance.measure import ColorSpread, measured_spread
from splat.appearance.record import write_looks
from splat.console import info
from splat.train.hooks import HookContext, TrainingHook

if TYPE_CHECKING:
    from splat.train.normalize import Normalization
    from splat.train.state import TrainState
    from splat.train.views import View


class AppearanceHook(TrainingHook):
    """Compares each photo with the scene as that photo shows it; the scene itself keeps the mean look.

    Writes RUN/appearance.json and RUN/appearance.safetensors, see `splat.appearance.record`.
    """

    name = "appearance"

    def __init__(self, context: HookContext, options: AppearanceOptions) -> None:
        """Measure what the photos differ by, and say what is learned of it."""
        self.options, self.scene = options, context.scene
        self.spread = measured_spread(context.scene, context.seed)
        kind = options.kind if options.kind != "auto" else chosen_kind(self.spread, options.least)
        info(f"appearance: {in_words(self.spread, kind, options.kind == 'auto')}")
        self.learner: AppearanceLearner | None = None
        if kind != "none":
            gains = None if self.spread is None else self.spread.gains
            views = context.scene.views
            self.learner = AppearanceLearner(Corrections(kind, views.cameras, gains, views.device))
        self.replanned(context.max_steps)
        self.shown: int | None = None  # the photo of this step

    def replanned(self, max_steps: int) -> None:
        """Steps are as long as leads so far in this number of them."""
        self.max_steps = max_steps
        visits = max(1.0, max_steps / max(1, len(self.scene)))
        self.lr = self.options.reach / visits / mean_rate(self.options)

    def compared(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, depth: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The scene as the photo shows it. See `TrainingHook.compared` for the arguments.

        Where a photo is transparent, what stands behind it is not of the photo: it gets the same colours on both sides,
        so that no correction is learned from it.
        """
        if self.learner is None:
            return image, target
        self.shown = position
        corrections = self.learner.corrections
        if view.alpha is not None and view.background is not None:
            with torch.no_grad():
                behind = view.background.to(image).expand(view.height, view.width, 3)
                target = target + (1 - view.alpha.float() / 255) * (corrections.corrected(position, behind) - behind)
        return corrections.corrected(position, image), target

    def after_step(self, step: int, state: TrainState) -> None:
        """Follow the gradients of the photo that was compared."""
        if self.learner is not None and self.shown is not None:
            self.learner.step(self.shown, self.lr * rate(step / self.max_steps, self.options))
            self.shown = None

    def state(self) -> dict[str, Any]:
        """What is learned so far."""
        if self.learner is None:
            return {}
        return {"kind": self.learner.corrections.kind, **self.learner.state()}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        views = self.scene.views
        if self.learner is None or self.learner.corrections.kind != record["kind"]:
            self.learner = AppearanceLearner(Corrections(record["kind"], views.cameras, None, views.device))
        self.learner.restore(record)

    def write(self, folder: Path, normalization: Normalization) -> None:
        """Write what each photo does to the mean look."""
        if self.learner is not None:
            write_looks(folder, self.learner.corrections, [camera.name for camera in self.scene.views.cameras])


def chosen_kind(spread: ColorSpread | None, least: float) -> str:
    """What `appearance=auto` learns."""
    return "none" if spread is None else spread.kind(least)


def in_words(spread: ColorSpread | None, kind: str, chosen: bool) -> str:
    """One line about what the photos differ by and what is done about it."""
    done = "nothing is learned per photo" if kind == "none" else f"learned per photo (appearance={kind})"
    if spread is None:
        return f"exposure is not measured (transparent photos, or too few known points seen in several); {done}"
    tinted = f", white balance by {2**spread.tint - 1:.0%}" if spread.tint >= 0.015 else ""
    about = f"exposure differs by {spread.range:.1f} stop between photos{tinted}"
    if chosen and kind == "none":
        about = f"exposure is nearly the same in all photos ({spread.range:.2f} stop)"
    return f"{about}; {done}"


def rate(progress: float, options: AppearanceOptions) -> float:
    """Part of the learning rate at a progress of 0 to 1: a linear start times an exponential end (gsplat)."""
    begun = 1.0 if options.warmup == 0 else min(1.0, 0.01 + 0.99 * progress / options.warmup)
    return begun * math.exp(progress * math.log(options.final))


def mean_rate(options: AppearanceOptions, samples: int = 200) -> float:
    """Mean of `rate` over a training."""
    return sum(rate((index + 0.5) / samples, options) for index in range(samples)) / samples
