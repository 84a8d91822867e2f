"""Densification where the photos have texture, on the surface that depth shows; importing this needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from splat.options import option
from splat.random import next_generator
from splat.train.strategies.base import REFERENCE_STEPS, State, Strategy
from splat.train.strategies.default import DefaultStrategy
from splat.train.strategies.improved import ImprovedStrategy
from splat.train.strategies.tools import ops, priors, surface, texture, torch, view_scores

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self

    from splat.train.params import Optimizers, Params
    from splat.train.strategies.context import StrategyContext


@dataclass
class GeoTexRules(Strategy):
    """What GeoTexStrategy and GeoTexDefaultStrategy add to the strategies that they stand on.

    `settle`, `depth_weight` and `depth_every` are for the hook `splat.depth_pull`, which `splat.training.train` adds.
    """

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
        "none",
        "depth prior: none, capture (its depth maps), scene (what it renders itself), or the hub name or folder of a "
        "depth-estimation model of transformers",
    )
    depth_kind: str = option("auto", "what such a model gives", choices=("auto", "depth", "disparity"))
    offline: bool = option(False, "never download such a model, take what lies on this machine (as HF_HUB_OFFLINE=1)")
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
        0.15, "largest |logarithm| of a child's depth ratio over that of the prior", minimum=0
    )
    repair: bool = option(True, "move children that fail to the surface where it is near, else keep the parent whole")
    seen: float = option(0.1, "a parent is judged where its depth is the rendered one within this part", minimum=0)

    guide: bool = option(True, "hold splits to the surface by the keys above (false: only by those below)")
    settle: float = option(
        0.02, "first Gaussians farther off a prior from outside (logarithm of depth) move onto it (0: none)", minimum=0
    )
    depth_weight: float = option(
        5.0,
        "weight of the squared distance (logarithm of depth) to a prior from outside (0: not minimised)",
        minimum=0,
    )
    depth_every: int = option(2, "steps between looks at that distance", minimum=1)

    def attach(self, scene: StrategyContext) -> None:
        super().attach(scene)
        self._prior = priors.make_prior(self.depth, scene, self.depth_kind, self.offline)
        self._textures: texture.Textures | None = None

    def scaled(self, max_steps: int) -> Self:
        """As that of the strategy below; `scene_depth_iter` shrinks along, to 300 at the least."""
        fitted = super().scaled(max_steps)
        part = min(1.0, max_steps / REFERENCE_STEPS)
        begin = min(self.scene_depth_iter, max(300, round(self.scene_depth_iter * part)))
        return dataclasses.replace(fitted, scene_depth_iter=begin)

    def _collect(self, params: Params, state: State, info: dict[str, Any]) -> None:
        super()._collect(params, state, info)  # type: ignore[misc]
        if self.texture > 0 or self.auxiliary:
            self._collect_texture(params, state, info)

    def _collect_texture(self, params: Params, state: State, info: dict[str, Any]) -> None:
        """Add the texture under each visible centre, and its largest radius in pixels, to the running state."""
        scene = self.scene
        if "view" not in info:
            raise ValueError(f"{type(self).__name__} looks at the photos: put the view into info")
        if self._textures is None:
            self._textures = texture.Textures(scene, self.texture_tau)
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
            photo = scene.views.cameras[info["view"]]
            enlarged = centres.new_tensor([photo.width / info["width"], photo.height / info["height"]])
            state["texture"].index_add_(0, rows, self._textures.at(info["view"], centres[seen] * enlarged))
            largest = radii[seen].amax(dim=1).to(torch.float32)
            state["screen_radius"].scatter_reduce_(0, rows, largest, "amax")

    def _textured(self, grads: Tensor, state: State, threshold: float) -> tuple[Tensor, Tensor]:
        """Gradients [N] weighted by texture, and [N] bool, whether the image asks for more there."""
        if "texture" not in state:
            return grads, grads > threshold
        texture = state["texture"] / state["count"].clamp_min(1)
        weight = 1 + self.texture * (2 * texture - 1)
        if self.texture > 0:
            weight = torch.where(texture < self.low_texture, 0.5 * weight, weight)
        effective = grads * weight
        high = effective > threshold
        if self.auxiliary:
            high |= (
                (texture > self.auxiliary_texture)
                & (grads > self.auxiliary_grad * threshold)
                & (state["screen_radius"] > self.auxiliary_radius)
            )
        return effective, high

    def _on_surface(
        self, params: Params, state: State, step: int, mask: Tensor, offsets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The parents [N] bool that may be split, of those in `mask`, and their children's offsets on the surface."""
        prior = None if self.attached is None else self._prior
        if prior is None or (self.depth == "scene" and step < self.scene_depth_iter) or not self.guide:
            return mask, offsets
        rules = surface.SurfaceRules(self.flatten, self.flat_cosine, self.max_depth_ratio, self.repair, self.seen)
        positions = view_scores.some_views(state, len(self.scene), self.prior_views)
        offsets, accepted = surface.surface_offsets(self.scene, prior, params, mask, offsets, positions, rules)
        mask = mask.clone()
        mask[mask.nonzero().squeeze(1)[~accepted]] = False
        return mask, offsets[:, accepted]


@dataclass
class GeoTexStrategy(GeoTexRules, ImprovedStrategy):
    """`improved`, more willing where the photos have texture, and held to the surface of a depth prior.

    After the ideas of "GeoTexDensifier" (arXiv 2412.16809; IEEE TVCG 32(3), 2026): texture-aware densification,
    geometry-aware splitting, validation of depth ratio change. The formulas and constants are this project's own, so
    its results say nothing about the paper's; standing on `improved` instead of `default` is our own too. With
    `texture=0`, `auxiliary=false` and `depth=none` it is ImprovedStrategy, bit for bit.

    It needs `attach` with the training views, and the trainer's `info["view"]`.
    """

    collected: ClassVar[tuple[str, ...]] = (*ImprovedStrategy.collected, "texture", "screen_radius")

    def _wanted(self, params: Params, state: State, threshold: float) -> tuple[Tensor, Tensor]:
        grads, _ = super()._wanted(params, state, threshold)
        return self._textured(grads, state, threshold)

    def _split(self, params: Params, optimizers: Optimizers, state: State, step: int, mask: Tensor) -> int:
        offsets = ops.long_axis_offsets(params, mask, self.split_part)
        mask, offsets = self._on_surface(params, state, step, mask, offsets)
        ops.split_long_axis(params, optimizers, state, mask, self.split_part, self.split_opacity, offsets)
        return int(mask.sum())


@dataclass
class GeoTexDefaultStrategy(GeoTexRules, DefaultStrategy):
    """The same on the ground of `default`, as in the paper: with texture and prior off it is that, bit for bit."""

    collected: ClassVar[tuple[str, ...]] = (*DefaultStrategy.collected, "texture", "screen_radius")

    def _wanted(self, params: Params, state: State) -> tuple[Tensor, Tensor]:
        grads, _ = super()._wanted(params, state)
        return self._textured(grads, state, self.grow_grad2d)

    def _split(self, params: Params, optimizers: Optimizers, state: State, step: int, mask: Tensor) -> int:
        offsets = ops.split_offsets(params, mask, next_generator(state, mask.device))
        mask, offsets = self._on_surface(params, state, step, mask, offsets)
        ops.split(params, optimizers, state, mask, offsets, self.revised_opacity)
        return int(mask.sum())
