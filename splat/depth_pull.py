"""A depth prior as part of what training minimises: how far the scene stands from the prior's surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from splat.errors import SplatError
from splat.train.hooks import HookContext, TrainingHook
from splat.train.priors import FEWEST_POINTS, make_prior, sample_depth, visible_points
from splat.train.strategies import ops
from splat.train.strategies.geotex import GeoTexRules
from splat.train.strategies.view_scores import some_views

if TYPE_CHECKING:
    from splat.train.config import TrainConfig
    from splat.train.params import Params
    from splat.train.state import TrainState
    from splat.train.strategies.base import State
    from splat.train.strategies.context import DepthPrior, StrategyContext

KEEP_BYTES = 512e6  # depths of views are kept while all of them fit into this
STEP = 1.1  # neighbouring pixels whose depths differ by more than this factor lie on two surfaces


@dataclass(frozen=True)
class PullRules:
    """What holds a scene to a depth prior, and how strongly."""

    depth: str  # capture, or the hub name or folder of a model
    depth_kind: str = "auto"
    offline: bool = False
    settle: float = 0.02  # first Gaussians farther off (logarithm of depth) move onto it; 0: none
    weight: float = 5.0  # of the squared distance (logarithm of depth)
    every: int = 2  # steps between looks at that distance


class DepthPullHook(TrainingHook):
    """Draws the scene to the surface of a depth prior.

    At the first step Gaussians that stand off the surface are moved onto it (`settle`); then `weight` times the
    distance of one view is minimised too, every so many steps.
    """

    name = "depth_pull"

    def __init__(self, context: HookContext, rules: PullRules) -> None:
        prior = make_prior(rules.depth, context.scene, rules.depth_kind, rules.offline)
        assert prior is not None  # where `asked_pull` says so
        self.pull, self.rules = DepthPull(context.scene, prior), rules

    def gradients(self, step: int, state: TrainState) -> None:
        """Those of the distance to the surface."""
        weight, every = self.rules.weight, self.rules.every
        if weight > 0 and step % every == 0:
            self.pull.add_gradients(state.params, state.strategy_state, weight * every)

    def after_step(self, step: int, state: TrainState) -> None:
        """After the first step, move what stands off the surface onto it."""
        if step == 0 and self.rules.settle > 0:
            moved = self.pull.settle(state.params, self.rules.settle)
            ops.forget(state.params, state.optimizers, state.strategy_state, moved)


def asked_pull(config: TrainConfig) -> PullRules | None:
    """What a configuration asks for: `loss.depth`, or what the options of a geotex strategy say; None for nothing.

    The latter ask for nothing where their prior is what the scene renders itself.

    Raises:
        SplatError: the two name different priors.
    """
    rules, asked = config.strategy, config.loss.depth
    own = rules.depth if isinstance(rules, GeoTexRules) else "none"
    if asked != "none" and own not in ("none", asked):
        raise SplatError(f"loss.depth={asked} and strategy.depth={own} contradict each other; give one of them")
    if isinstance(rules, GeoTexRules) and own not in ("none", "scene"):
        found = PullRules(own, rules.depth_kind, rules.offline, rules.settle, rules.depth_weight, rules.depth_every)
        return found if found.weight > 0 or found.settle > 0 else None
    return None if asked == "none" else PullRules(asked, weight=config.loss.depth_weight)


class DepthPull:
    """The mean, over pixels p and the Gaussians i drawn there, of w_ip (log z_i - log D_p)^2.

    z_i is the depth of a Gaussian's centre, D the prior's, w the blending weight. Every Gaussian is drawn to the
    surface and loses opacity as long as it is off it; the mean depth alone, which most depth losses compare, lets one
    in front make up for one behind. Logarithms make it the same for scenes of any unit. Pixels beside a step of
    depth are left out, because Gaussians rightly reach over it.

    The prior's unit may be unknown and different in each view: it is set by the points known from the photos, or, in
    views that see too few, by the scene as it is drawn now.
    """

    def __init__(self, access: StrategyContext, prior: DepthPrior) -> None:
        self.access, self.prior = access, prior
        self._keep = sum(camera.width * camera.height * 4 for camera in access.views.cameras) < KEEP_BYTES
        self._kept: dict[int, Tensor | None] = {}

    def add_gradients(self, params: Params, state: State, weight: float) -> float | None:
        """Add `weight` times the gradients of one view, drawn by `state`, to the parameters'; returns the distance."""
        position = some_views(state, len(self.access), 1)[0]
        depth = self.log_depth(position, params)
        if depth is None:
            return None
        found = self.distance(params, position, depth)
        (weight * found).backward()
        return float(found.detach())

    def distance(self, params: Params, position: int, log_depth: Tensor) -> Tensor:
        """The distance in one view, a scalar with gradients to means, sizes, rotations and opacities.

        Args:
            log_depth: [H, W], NaN where it is unknown.
        """
        known = ~log_depth.isnan()
        target = torch.where(known, log_depth, 0.0)
        camera = self.access.camera(position)
        depths = camera.project(params["means"])[1].clamp_min(1e-6).log()
        moments, alpha = self.access.renderer(params).blended(camera, torch.stack([depths, depths**2], 1))
        apart = moments[..., 1] - 2 * target * moments[..., 0] + target**2 * alpha
        return (apart * known).sum() / known.sum().clamp_min(1)

    @torch.no_grad()
    def settle(self, params: Params, tolerance: float) -> Tensor:
        """Move Gaussians that no view shows near the surface onto it, along the nearest way by a ray; not known points.

        A view judges a Gaussian whose centre lies in its picture, where the depth is known; near is within `tolerance`
        of the logarithms of the depths. The first Gaussians on plain walls, whose depth is a guess, are what this is
        for: their place decides the shape of the walls. Sizes change with the depth: they look as large as before.

        Returns:
            [N] bool: which ones were moved; the memory of their optimizers is of another place.
        """
        means = params["means"].detach()
        least = torch.full((len(means),), torch.inf, device=means.device)
        change, origin = torch.zeros_like(least), torch.zeros_like(means)
        for position in range(len(self.access)):
            found = self.log_depth(position, params)
            if found is None:
                continue
            camera = self.access.camera(position)
            pixels, depths = camera.project(means)
            inside = (depths > 1e-6) & camera.contains(pixels)
            place = torch.where(inside[:, None], pixels, 0.0).long()
            away = found[place[:, 1], place[:, 0]] - depths.clamp_min(1e-6).log()
            better = inside & ~away.isnan() & (away.abs() < least)
            least = torch.where(better, away.abs(), least)
            change = torch.where(better, away, change)
            origin = torch.where(better[:, None], camera.position.to(means), origin)
        moved = least.isfinite() & (least > tolerance) & ~self._known(means)
        change = torch.where(moved, change, 0.0)[:, None]
        params["means"].data.copy_(torch.where(moved[:, None], origin + (means - origin) * change.exp(), means))
        params["scales"].data.add_(change)
        return moved

    def _known(self, means: Tensor) -> Tensor:
        """[N] bool: whether a Gaussian still stands where the photos put a point, which is surer than any prior."""
        points = self.access.points.cpu().numpy()
        if len(points) == 0:
            return torch.zeros(len(means), dtype=torch.bool, device=means.device)
        span = float(np.ptp(points, axis=0).max())
        distance = cKDTree(points).query(means.cpu().numpy())[0]
        return torch.from_numpy(distance < 1e-3 * span).to(means.device)

    def log_depth(self, position: int, params: Params) -> Tensor | None:
        """[H, W] logarithm of the prior's depth in the training frame, NaN where it is unknown or beside a step."""
        if position not in self._kept:
            found = self._resampled(position, params)
            factor = None if found is None else factor_from_points(self.access, position, found)
            if found is not None and factor is not None:
                found = (found * factor).log()
            elif found is not None:
                return (found * factor_from_scene(self.access, position, params, found)).log()
            if not self._keep:
                return found
            self._kept[position] = found
        return self._kept[position]

    def _resampled(self, position: int, params: Params) -> Tensor | None:
        depth = self.prior.depth(position, params)
        if depth is None:
            return None
        camera = self.access.views.cameras[position]
        size = (camera.width, camera.height)
        y, x = torch.meshgrid(torch.arange(size[1]) + 0.5, torch.arange(size[0]) + 0.5, indexing="ij")
        pixels = torch.stack([x, y], -1).reshape(-1, 2).to(depth.device)
        found = sample_depth(depth, pixels, size).view(size[1], size[0])
        return torch.where(smooth(found), found, torch.nan)


def smooth(depth: Tensor) -> Tensor:
    """[H, W] bool: whether depth [H, W] is known in all 3x3 neighbours, and all lie within a factor of `STEP`."""
    pool = torch.nn.functional.max_pool2d
    known = torch.where(depth > 0, depth, 1e-12)[None, None]
    most, least = pool(known, 3, 1, 1)[0, 0], 1 / pool(1 / known, 3, 1, 1)[0, 0]
    return (least > 1e-9) & (most < STEP * least)


def factor_from_points(access: StrategyContext, position: int, depth: Tensor) -> float | None:
    """What a view's depth [H, W] (NaN: unknown) must be multiplied by to fit most of the known points that it sees.

    The middle of the shorter half of the logarithms (Rousseeuw 1984): up to half of the points may be hidden ones.
    None where there are too few.
    """
    pixels, depths = visible_points(access, position)
    h, w = depth.shape
    x, y = pixels[:, 0].long().clamp(0, w - 1), pixels[:, 1].long().clamp(0, h - 1)
    ratios = (depths / depth[y, x]).log().cpu().double().numpy()
    ratios = np.sort(ratios[np.isfinite(ratios)])
    if len(ratios) < FEWEST_POINTS:
        return None
    half = len(ratios) // 2
    lengths = ratios[half:] - ratios[: len(ratios) - half]
    best = int(lengths.argmin())
    return float(np.exp(ratios[best : best + half + 1].mean()))


def factor_from_scene(access: StrategyContext, position: int, params: Params, depth: Tensor) -> float:
    """The same from the scene as it is drawn: the median ratio; 1 where nothing is drawn."""
    with torch.no_grad():
        drawn, alpha, _ = access.renderer(params).render(access.camera(position), "ED")
    ratios = (drawn[..., 0] / depth)[(alpha > 0.5) & ~depth.isnan()]
    return float(ratios.median()) if len(ratios) else 1.0
