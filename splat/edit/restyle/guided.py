"""The optimisation with a diffusion model: attention labels, score distillation, then repainted pictures.

The course of GSEditPro (arXiv 2411.10033): labels decide progressively which Gaussians take part, score distillation
makes the change, and pictures repainted by the same model, taken for ground truth, remove its noise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.console import info, progress, warn
from splat.edit.restyle.attention import attention_map, lifted, remembered, token_places
from splat.edit.restyle.diffusion import Condition, Diffusion
from splat.edit.restyle.distillation import distillation_loss, moment
from splat.edit.restyle.loop import RestyleLoop
from splat.edit.restyle.options import GuideOptions
from splat.edit.restyle.targets import TargetView, draw, keep_visible, region
from splat.gaussians import Gaussians
from splat.images import evenly
from splat.render.scene import SceneRenderer


class Guide:
    """A model and what it is asked for."""

    def __init__(self, model: Diffusion, prompt: str, avoid: str, options: GuideOptions) -> None:
        self.model, self.prompt, self.options = model, prompt, options
        self.condition = model.condition(prompt, avoid)
        self.places = token_places(model.tokenizer, prompt, options.focus)

    def labels(self, renderer: SceneRenderer, scene: Gaussians, originals: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Labels [N] of a scene and which Gaussians [N] bool were seen; see `attention.lifted`.

        Args:
            originals: by view name, the pictures [H, W, 3] before the edit, for models that look at them.
        """
        generator = torch.Generator().manual_seed(self.options.seed)
        cameras = evenly(renderer.cameras, self.options.label_views)
        maps = []
        with progress("looking where the text is", len(cameras), unit="view") as bar:
            for camera in cameras:
                size = self.model.size(camera, self.options.resolution)
                shown = renderer.of(scene).image(camera).clamp(0, 1)
                picture = self.model.fitted(shown, size)
                before = self.model.fitted(originals.get(camera.name, shown), size)
                condition = self.model.about(self.condition, before)
                found = attention_map(self.model, picture, condition, self.places, generator)
                maps.append((camera, _scaled(found[..., None], shown.shape[:2])[..., 0].to(shown)))
                bar.advance()
        return lifted(renderer, scene, maps)


def threshold_at(done: float, options: GuideOptions) -> float:
    """The label from which a Gaussian takes part; it falls linearly, so that the edit spreads from what is sure."""
    return options.threshold + (options.threshold_end - options.threshold) * min(max(done, 0.0), 1.0)


def live_mask(labels: Tensor, threshold: float) -> Tensor:
    """[M] bool: who takes part."""
    return labels >= threshold


class GuidedRestyleLoop(RestyleLoop):
    """Moves the chosen Gaussians until the model sees in them what the text says."""

    def __init__(
        self, renderer: SceneRenderer, chosen: Tensor, views: list[TargetView], guide: Guide, labels: Tensor | None,
        steps: int, most: int,
    ) -> None:  # fmt: skip
        """
        Args:
            chosen: [N] bool, the Gaussians that may ever move.
            labels: [N] the first look at the attention; None: all of the chosen take part throughout.
            most: Gaussians that may take part at once.
        """
        super().__init__(renderer, chosen, views, guide.options, steps)
        self.guide, self.model, self.most = guide, guide.model, most
        self.localised = labels is not None
        self.draws = torch.Generator().manual_seed(guide.options.seed)
        self.coarse = round(guide.options.coarse * steps)
        self.conditions: dict[str, Condition] = {}
        self.sizes = {view.camera.name: self.model.size(view.camera, guide.options.resolution) for view in views}
        self.repainted: list[TargetView] = []
        if labels is not None:
            self.subset.state["label"] = labels[chosen].clone()
            self.subset.state["live"] = live_mask(self.subset.state["label"], threshold_at(0, guide.options))

    def before(self, step: int) -> None:
        every = self.options.relabel_every
        if self.localised and every and step and step % every == 0:
            self._relabel(step / self.steps)
        if step >= self.coarse and (step - self.coarse) % self.options.refresh_every == 0:
            self._repaint_next((step - self.coarse) // self.options.refresh_every)

    def loss(self, step: int) -> tuple[Tensor, dict[str, Any], Any]:
        if step >= self.coarse:
            return self.picture_loss(self._next(self.repainted))
        return self._distillation(self._next(self.views), step / max(self.coarse, 1))

    def _distillation(self, view: TargetView, done: float) -> tuple[Tensor, dict[str, Any], Any]:
        """Score distillation of the whole view, which the model must see to know what it sees; outside the region the
        view stays as it was."""
        picture, told = draw(self.renderer, view.camera, self.subset.gaussians, self.frozen)
        size = self.sizes[view.camera.name]
        now = moment(done, self.options)
        level = now.lowest + (now.highest - now.lowest) * float(torch.rand((), generator=self.draws))
        pull = distillation_loss(
            self.model, self.model.fitted(picture.clamp(0, 1), size), self._condition(view),
            self.model.timestep(level), self.model.draw_noise(size, self.draws), now.guidance,
            self.options.image_guidance,
        )  # fmt: skip
        outside = (1 - view.coverage)[..., None]
        stray = (outside * (picture - view.original)).abs().mean()
        share = float(view.coverage.mean().clamp(min=1e-6))
        return (pull.to(picture) + stray) / share, told, view.camera

    def _condition(self, view: TargetView) -> Condition:
        name = view.camera.name
        if name not in self.conditions:
            before = self.model.fitted(view.original, self.sizes[name])
            self.conditions[name] = self.model.about(self.guide.condition, before)
        return self.conditions[name]

    @torch.no_grad()
    def _repaint_next(self, turn: int) -> None:
        """Repaint the next view from what it shows now; it is the view's target until its next turn."""
        view = self.views[turn % len(self.views)]
        picture, _ = draw(self.renderer, view.camera, self.subset.gaussians, self.frozen)
        size = self.sizes[view.camera.name]
        noise = self.model.draw_noise(size, self.draws)
        made = self.model.repaint(
            self.model.fitted(picture.clamp(0, 1), size), self._condition(view), noise, self.options
        )
        view.aim(_scaled(made, picture.shape[:2]))
        if view not in self.repainted:
            self.repainted.append(view)

    @torch.no_grad()
    def _relabel(self, done: float) -> None:
        """Look at the attention again: the labels move, and with them who takes part and what may change."""
        scene = Gaussians.cat([self.subset.gaussians.detach(), self.frozen])
        originals = {view.camera.name: view.original for view in self.views}
        labels, seen = self.guide.labels(self.renderer, scene, originals)
        state, count = self.subset.state, len(self.subset)
        state["label"] = remembered(state["label"], labels[:count], seen[:count], self.options.label_memory)
        live = live_mask(state["label"], threshold_at(done, self.options))
        if not 0 < int(live.sum()) <= self.most:
            what = "nothing is left" if not bool(live.any()) else "more than half of the scene is left"
            warn(f"{what} of the text's attention at {done:.0%}; the edit goes on where it was")
            return
        state["live"] = live
        info(f"attention at {done:.0%}: {int(live.sum()):,} Gaussians take part")
        taking_part = torch.cat([live, live.new_zeros(len(self.frozen))])
        for view in self.views:
            view.widen(region(self.renderer, view.camera, scene, taking_part, margin_of(view.camera, self.options)))
            keep_visible(self.renderer, view, self.frozen)


def margin_of(camera: Camera, options: GuideOptions) -> int:
    """Pixels around the selection that may change with a model."""
    return options.margin if options.margin is not None else round(0.02 * min(camera.width, camera.height))


def _scaled(picture: Tensor, size: Any) -> Tensor:
    """[H, W, D] a picture [h, w, D] at another size."""
    planes = picture.movedim(-1, 0)[None]
    made = torch.nn.functional.interpolate(planes, tuple(size), mode="bilinear", antialias=True, align_corners=False)
    return made[0].movedim(0, -1)
