"""Densification where the photos have texture, on the surface that depth shows; importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.train.strategies.base import REFERENCE_STEPS, State
from splat.train.strategies.default import DefaultStrategy

if TYPE_CHECKING:
    from torch import Tensor

    from splat.train.access import SceneAccess
    from splat.train.strategies.base import Optimizers, Params
    from splat.train.strategies.texture import Textures


@dataclass
class GeoTexStrategy(DefaultStrategy):
    """`default`, more willing where the photos have texture, with splits that keep to the surface of a depth prior.

    After the ideas of "GeoTexDensifier" (arXiv 2412.16809; IEEE TVCG 32(3), 2026): texture-aware densification,
    geometry-aware splitting, validation of depth ratio change. The formulas and constants are this project's own, so
    its results say nothing about the paper's. With `texture=0`, `auxiliary=false` and `depth=none` it is
    DefaultStrategy, bit for bit.

    It needs `attach` with the training views, and the trainer's `info["view"]`.
    """

    step_fields: ClassVar[tuple[str, ...]] = (*DefaultStrategy.step_fields, "scene_depth_iter")
    collected: ClassVar[tuple[str, ...]] = (*DefaultStrategy.collected, "texture", "screen_radius")

    texture: float = option(
        0.5, "how much texture counts: gradients are multiplied by 1 - this to 1 + this (0: not)", minimum=0, maximum=1
    )
    texture_tau: float | None = option(
        None, "brightness gradient, a pixel, of medium texture (null: the median over the photos)", above=0
    )
    low_texture: float = option(0.1, "mean texture, 0 to 1, under which gradients count half", minimum=0, maximum=1)
    auxiliary: bool = option(True, "also densify large Gaussians on texture whose gradient is under the threshold")
    auxiliary_texture: float = option(0.5, "least mean texture, 0 to 1, for that", minimum=0, maximum=1)
    auxiliary_grad: float = option(0.5, "least gradient for that, over grow_grad2d", minimum=0)
    auxiliary_radius: float = option(8.0, "least radius in the image for that, in pixels", minimum=0)
    depth: str = option(
        "scene",
        "depth prior: none, capture (its depth maps), scene (what it renders itself), or the hub name or folder of a "
        "depth-estimation model of transformers",
    )
    depth_kind: str = option("auto", "what such a model gives", choices=("auto", "depth", "disparity"))
    scene_depth_iter: int = option(
        2000, "with depth=scene, step from which the scene is good enough to guide itself", minimum=0
    )
    prior_views: int = option(8, "views, drawn at each change, in which splits are judged", minimum=1)
    flatten: float = option(
        1.0, "part of a child's way along the surface's normal that is taken away", minimum=0, maximum=1
    )
    flat_cosine: float = option(
        0.5, "least |cosine| of a Gaussian's shortest axis and the normal for that", minimum=0, maximum=1
    )
    max_depth_ratio: float = option(
        0.05, "largest |logarithm| of a child's depth ratio over that of the prior", minimum=0
    )
    repair: bool = option(True, "move children that fail to the surface where it is near, else keep the parent whole")
    seen: float = option(0.1, "a parent is judged where its depth is the rendered one within this part", minimum=0)

    def attach(self, scene: SceneAccess) -> None:
        from splat.train.priors import make_prior

        self._scene = scene
        self._prior = make_prior(self.depth, scene, self.depth_kind)
        self._textures: Textures | None = None

    def scaled(self, max_steps: int) -> GeoTexStrategy:
        """As DefaultStrategy's; `scene_depth_iter` shrinks along, to 300 at the least."""
        fitted = super().scaled(max_steps)
        assert isinstance(fitted, GeoTexStrategy)
        if max_steps >= REFERENCE_STEPS:
            return fitted
        part = max_steps / REFERENCE_STEPS
        return dataclasses.replace(
            fitted, scene_depth_iter=min(self.scene_depth_iter, max(300, round(self.scene_depth_iter * part)))
        )

    def _collect(self, params: Params, state: State, info: dict[str, Any]) -> None:
        super()._collect(params, state, info)
        if self.texture > 0 or self.auxiliary:
            self._collect_texture(params, state, info)

    def _collect_texture(self, params: Params, state: State, info: dict[str, Any]) -> None:
        """Add the texture under each visible centre, and its largest radius in pixels, to the running state."""
        import torch

        from splat.train.strategies.texture import Textures

        if "view" not in info or getattr(self, "_scene", None) is None:
            raise ValueError("GeoTexStrategy looks at the photos: call attach(), and put the view into info")
        if self._textures is None:
            self._textures = Textures(self._scene, self.texture_tau)
        count = len(params["means"])
        for name in ("texture", "screen_radius"):
            if name not in state:
                state[name] = torch.zeros(count, device=params["means"].device)
        with torch.no_grad():
            centres, radii = info["means2d"].detach().reshape(-1, 2), info["radii"].reshape(-1, 2)
            seen = (radii > 0).all(dim=1).nonzero().squeeze(1)
            packed = info["means2d"].ndim == 2
            rows = info["gaussian_ids"][seen] if packed else seen
            # a coarse part of the training renders smaller pictures than the photos
            photo = self._scene.views.cameras[info["view"]]
            enlarged = centres.new_tensor([photo.width / info["width"], photo.height / info["height"]])
            texture = self._textures.at(info["view"], centres[seen] * enlarged)
            state["texture"].index_add_(0, rows, texture)
            largest = radii[seen].amax(dim=1).to(torch.float32)
            state["screen_radius"].scatter_reduce_(0, rows, largest, "amax")

    def _wanted(self, params: Params, state: State) -> tuple[Tensor, Tensor]:
        import torch

        grads, high = super()._wanted(params, state)
        if "texture" not in state:
            return grads, high
        texture = state["texture"] / state["count"].clamp_min(1)
        weight = 1 + self.texture * (2 * texture - 1)
        if self.texture > 0:
            weight = torch.where(texture < self.low_texture, 0.5 * weight, weight)
        effective = grads * weight
        high = effective > self.grow_grad2d
        if self.auxiliary:
            high |= (
                (texture > self.auxiliary_texture)
                & (grads > self.auxiliary_grad * self.grow_grad2d)
                & (state["screen_radius"] > self.auxiliary_radius)
            )
        return effective, high

    def _split(self, params: Params, optimizers: Optimizers, state: State, step: int, mask: Tensor) -> int:
        from splat.train.strategies import ops
        from splat.train.strategies.draws import next_generator

        offsets = ops.split_offsets(params, mask, next_generator(state, mask.device))
        prior = getattr(self, "_prior", None)
        if prior is not None and (self.depth != "scene" or step >= self.scene_depth_iter):
            from splat.train.strategies.surface import SurfaceRules, surface_offsets
            from splat.train.strategies.view_scores import some_views

            rules = SurfaceRules(self.flatten, self.flat_cosine, self.max_depth_ratio, self.repair, self.seen)
            positions = some_views(state, len(self._scene), self.prior_views)
            offsets, accepted = surface_offsets(self._scene, prior, params, mask, offsets, positions, rules)
            offsets = offsets[:, accepted]
            mask = mask.clone()
            mask[mask.nonzero().squeeze(1)[~accepted]] = False
        ops.split(params, optimizers, state, mask, offsets, self.revised_opacity)
        return int(mask.sum())
