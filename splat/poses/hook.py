"""Poses refined while a scene is trained: every step moves the camera that it has drawn."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.capture.types import Capture, PoseFit
from splat.console import info
from splat.gaussians import Gaussians
from splat.poses.config import PosesOptions
from splat.poses.evidence import asks_for_refining, described, pose_fit
from splat.poses.gauge import without_drift
from splat.poses.learner import PoseLearner
from splat.train.coarse import CoarseViews
from splat.train.hooks import HookContext, TrainingHook
from splat.train.normalize import Normalization
from splat.train.state import TrainState
from splat.train.views import View

SMALLEST = 32  # pixels of a side below which a photo is not halved


class PosesHook(TrainingHook):
    """Gives every training view its refined camera, for all that looks at views, and learns from the loss.

    A motion of all cameras and the scene together changes no photo: at the end both are moved back, so that the
    cameras stand on the whole where the capture has them. Held-out cameras play no part and stay where they are.
    """

    name = "poses"

    def __init__(self, context: HookContext, options: PosesOptions) -> None:
        self.options, self.max_steps = options, context.max_steps
        self.views = context.scene.views
        self.coarse = CoarseViews(self.views)
        self.points = context.scene.points
        self.learner: PoseLearner | None = None  # None: cameras stay as they are
        self.fit: PoseFit | None = None
        if options.mode == "auto":
            self.fit = pose_fit(self.views.capture)
        if options.mode == "refine" or asks_for_refining(self.fit):
            self.learner = self._made_learner()
        self._drawn: tuple[int, Tensor] | None = None  # position and viewmat of the view of this step

    def before_render(self, step: int, position: int, view: View) -> View:
        """The view with its refined camera, early on at half its size."""
        if self.learner is None:
            return view
        if step == 0 and self.fit is not None:
            info(f"poses: refined with the scene, because {described(self.fit)}; poses=none leaves them")
        if step >= self.options.coarse_until * self.max_steps:
            self.coarse.clear()
        elif is_full(view, self.views.cameras[position]):
            view = self.coarse[position]
        viewmat = self.views.viewmats[position : position + 1].clone()
        self._drawn = None
        if step >= self.options.start * self.max_steps:
            viewmat.requires_grad_()
            self._drawn = position, viewmat
        return dataclasses.replace(view, viewmat=viewmat)

    def after_step(self, step: int, state: TrainState) -> None:
        """Move the camera that was drawn, where the loss draws it."""
        if self._drawn is None or self.learner is None:
            return
        position, viewmat = self._drawn
        self._drawn = None
        if viewmat.grad is None:
            return
        rate = rate_at(step, self.max_steps, len(self.views), self.options)
        self.learner.step(position, viewmat.grad[0], rate)
        self.views.move(position, self.learner.viewmats[position])

    def replanned(self, max_steps: int) -> None:
        """The shares of the schedule are of another length from now on."""
        self.max_steps = max_steps

    def state(self) -> dict[str, Any]:
        """Whether cameras are refined, and then their poses and what Adam remembers of each."""
        return {"refines": self.learner is not None, **(self.learner.state() if self.learner else {})}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        if not record["refines"]:
            self.learner = None
            return
        self.learner = self.learner or self._made_learner()
        self.learner.restore(record)
        for position, viewmat in enumerate(self.learner.viewmats):
            self.views.move(position, viewmat)

    def result(self, scene: Gaussians, capture: Capture, normalization: Normalization) -> tuple[Gaussians, Capture]:
        """The scene, and the capture with refined training cameras, both where the given ones stand on the whole."""
        if self.learner is None:
            return scene, capture
        frames, indices = list(capture.frames), self.views.indices
        given = torch.stack([frames[index].camera.viewmat for index in indices])
        refined = torch.stack([normalization.from_training(viewmat) for viewmat in self.learner.viewmats])
        scene, refined = without_drift(scene, given, refined)
        for index, viewmat in zip(indices, refined):
            camera = frames[index].camera
            moved = dataclasses.replace(camera, viewmat=viewmat)
            frames[index] = dataclasses.replace(frames[index], camera=moved, given_viewmat=camera.viewmat)
        info(_summary(self.learner, self.views.cameras))
        return scene, dataclasses.replace(capture, frames=frames)

    def _made_learner(self) -> PoseLearner:
        return PoseLearner(self.views.cameras, self.points, self.options.hold)


def _summary(learner: PoseLearner, cameras: Sequence[Camera]) -> str:
    """How far the pictures have moved, for people."""
    longest = [max(camera.width, camera.height) for camera in cameras]
    pixels = learner.moved() * torch.tensor(longest, dtype=torch.float64)
    return (
        f"poses: {len(pixels)} cameras refined; their pictures moved by {float(pixels.median()):.2f} px (median), at"
        f" most {float(pixels.max()):.2f} px"
    )


def is_full(view: View, camera: Camera) -> bool:
    """Whether a view has the size of its photo, and that may be halved."""
    return (view.width, view.height) == (camera.width, camera.height) and min(view.width, view.height) >= SMALLEST


def rate_at(step: int, max_steps: int, count: int, options: PosesOptions) -> float:
    """How far the picture of the camera that is drawn at a step moves at most, as a share of its longer side.

    It rises for a tenth of the steps after `start`, then falls exponentially to the part `final`. Over the
    max_steps / count visits of a photo the rates add up to `reach`, whatever the length of the training.
    """
    begin = options.start * max_steps
    share = (step - begin) / max(max_steps - begin, 1.0)
    falls = -math.log(max(options.final, 1e-4))
    mean = (1 - math.exp(-falls)) / falls if falls > 0 else 1.0  # of the exponential over the training
    visits = max((max_steps - begin) / count, 1.0)
    return options.reach / visits / mean * min(1.0, 10 * share + 1 / visits) * math.exp(-falls * share)
