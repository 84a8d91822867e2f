"""The distance to a depth prior's surface: its value, its gradients, its unit, and what moves onto the surface."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from splat import depth_pull
from splat.depth_pull import DepthPull, DepthPullHook, PullRules, asked_pull, factor_from_points, smooth
from splat.errors import SplatError
from splat.train.config import LossOptions, TrainConfig
from splat.train.hooks import HookContext
from splat.train.state import TrainState
from splat.train.strategies import (
    AutoStrategy,
    DefaultStrategy,
    GeoTexDefaultStrategy,
    GeoTexStrategy,
    MCMCStrategy,
    Strategy,
)
from tests.train.half_planes import DISTANCE, wall_access, wall_camera, wall_params, wall_pixels
from tests.train.strategy_scenes import check_aligned, moments, snapshot, warm_optimizers

CAMERAS = [wall_camera(0.0), wall_camera(-0.3, 0.25), wall_camera(0.2, -0.15)]


class PlanePrior:
    """The exact depth of the wall z = 0, in another unit in every view."""

    def depth(self, position: int, params: object) -> Tensor:
        camera = CAMERAS[position]
        points = torch.from_numpy(wall_pixels(camera))
        depth = (points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3])[..., 2]
        return (depth * (0.01 + position)).float()


def wall_points(count: int = 60) -> np.ndarray:
    xy = np.random.default_rng(0).uniform(-0.6, 0.6, (count, 2))
    return np.column_stack([xy, np.zeros(count)])


def pull() -> DepthPull:
    return DepthPull(wall_access(CAMERAS, wall_points()), PlanePrior())


def test_distance_of_a_wall_in_front_is_the_square_of_the_logarithm() -> None:
    """Every Gaussian at depth 1.8, the surface at 2.0: the mean of opacity times log(1.8 / 2)^2."""
    found, params = pull(), wall_params(z=-0.2)
    depth = found.log_depth(0, params)
    assert depth is not None
    known = ~depth.isnan()
    assert torch.allclose(depth[known], torch.tensor(math.log(DISTANCE)), atol=1e-4)
    assert known[1:-1, 1:-1].all()
    alpha = found.access.renderer(params).render(found.access.camera(0)).alpha
    expected = float(alpha[known].mean()) * math.log(1.8 / 2.0) ** 2
    assert float(found.distance(params, 0, depth).detach()) == pytest.approx(expected, rel=1e-3)


def test_one_behind_does_not_make_up_for_one_in_front() -> None:
    """Half transparent walls at 1.8 and at 2.2222 have about the right mean depth, but both are off the surface."""
    front, behind = wall_params(z=-0.2), wall_params(z=0.2 / 0.9)
    both = {name: torch.nn.Parameter(torch.cat([front[name], behind[name]]).detach()) for name in front}
    found = pull()
    depth = found.log_depth(0, both)
    assert depth is not None
    assert float(found.distance(both, 0, depth).detach()) > 0.8 * math.log(1.8 / 2.0) ** 2


@pytest.mark.parametrize("z", [-0.2, 0.2])
def test_gradients_move_the_wall_onto_the_surface(z: float) -> None:
    found, params = pull(), wall_params(z=z)
    state: dict = {"seed": 0, "draws": 0}
    optimizer = torch.optim.Adam([params["means"]], lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        assert found.add_gradients(params, state, 1.0) is not None
        optimizer.step()
    inner = params["means"].detach()[:, :2].abs().amax(1) < 0.6
    assert params["means"].detach()[inner][:, 2].abs().mean() < 0.02
    assert state["draws"] == 60


def test_unit_of_the_prior_comes_from_points_even_if_a_third_are_hidden() -> None:
    points = wall_points(60)
    points[::3, 2] = np.random.default_rng(1).uniform(0.5, 3.0, 20)  # behind the wall
    access = wall_access(CAMERAS, points)
    depth = torch.from_numpy(wall_pixels(CAMERAS[0]))[..., 2].float() + DISTANCE
    assert factor_from_points(access, 0, depth * 0.25) == pytest.approx(4.0, rel=1e-3)
    assert factor_from_points(wall_access(CAMERAS, points[:5]), 0, depth) is None


def test_unit_comes_from_the_scene_where_no_points_are_known() -> None:
    params = wall_params(size=0.2)
    found = DepthPull(wall_access(CAMERAS), PlanePrior())
    depth = found.log_depth(0, params)
    assert depth is not None
    assert torch.allclose(depth[5:-5, 5:-5], torch.tensor(math.log(DISTANCE)), atol=1e-3)


def test_unit_from_the_scene_follows_it_and_looks_only_where_something_is_drawn() -> None:
    found = DepthPull(wall_access(CAMERAS), PlanePrior())
    for z in (0.0, 0.5, -0.3):
        params = wall_params(size=0.1, z=z)
        params["means"].data[:, :2] *= 0.3  # a tenth of the picture
        depth = found.log_depth(0, params)
        assert depth is not None
        assert torch.allclose(depth[5:-5, 5:-5], torch.tensor(math.log(DISTANCE + z)), atol=2e-3)


@pytest.mark.parametrize(("room", "asked"), [(1e9, 1), (0.0, 3)])
def test_depths_that_points_scale_are_kept_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, room: float, asked: int
) -> None:
    class Counted(PlanePrior):
        calls = 0

        def depth(self, position: int, params: object) -> Tensor:
            self.calls += 1
            return super().depth(position, params)

    monkeypatch.setattr(depth_pull, "KEEP_BYTES", room)
    prior = Counted()
    found = DepthPull(wall_access(CAMERAS, wall_points()), prior)
    first, *others = (found.log_depth(1, wall_params()) for _ in range(3))
    assert prior.calls == asked and first is not None
    assert all(other is not None and torch.equal(first.nan_to_num(), other.nan_to_num()) for other in others)


def test_the_hook_asks_for_the_kind_of_its_rules() -> None:
    scene = wall_access(CAMERAS, wall_points())
    scene.priors["plane", "disparity"] = prior = PlanePrior()
    hook = DepthPullHook(HookContext(scene, 1000, 0), PullRules("plane", depth_kind="disparity"))
    assert hook.pull.prior is prior


def test_steps_and_unknown_pixels_are_left_out() -> None:
    depth = torch.full((6, 9), 2.0)
    depth[:, 5:] = 2.5
    depth[0, 0] = 0.0
    kept = smooth(depth)
    assert not kept[:, 4:6].any() and not kept[:2, :2].any()
    assert kept[2:, :4].all() and kept[:, 6:].all()


def test_settling_moves_what_is_off_the_surface_and_nothing_else() -> None:
    far, near = wall_params(side=8, z=-0.3), wall_params(side=6, z=0.01)
    params = {name: torch.nn.Parameter(torch.cat([far[name], near[name]]).detach()) for name in far}
    before = snapshot(params)
    moved = pull().settle(params, 0.02)
    inner = before["means"][:64, :2].abs().amax(1) < 0.6
    assert moved[:64][inner].all() and not moved[64:].any()
    assert params["means"].detach()[:64][moved[:64]][:, 2].abs().max() < 0.01
    for name, value in before.items():
        assert torch.equal(value[~moved], params[name].detach()[~moved])
    grown = (params["scales"].detach() - before["scales"])[moved]
    assert torch.allclose(grown, grown[:, :1].expand(-1, 3), atol=1e-6)
    assert grown.min() > 0.05 and grown.max() < 0.3  # about log(2.0 / 1.7) = 0.16 in the view straight ahead


def test_known_points_stay_where_they_are_however_far_from_the_surface() -> None:
    params = wall_params(side=8, z=-0.3)
    inner = (params["means"].detach()[:, :2].abs().amax(1) < 0.6).nonzero()[:, 0]
    known, others = inner[:5], inner[5:]
    params["means"].data[others[0]] = params["means"].data[known[0]] + torch.tensor([0.02, 0.0, 0.0])  # beside one
    points = np.concatenate([wall_points(), params["means"].detach()[known].double().numpy()])
    before = snapshot(params)
    moved = DepthPull(wall_access(CAMERAS, points), PlanePrior()).settle(params, 0.02)
    assert moved[others].all() and not moved[known].any()
    for name, value in before.items():
        assert torch.equal(value[known], params[name].detach()[known])


def test_fewer_looks_weigh_as_much_more() -> None:
    """One at every fourth step, with four times the weight, is as much as one at every step."""
    found = {}
    for every in (1, 4):
        scene = wall_access(CAMERAS, wall_points())
        scene.priors["plane", "auto"] = PlanePrior()
        hook = DepthPullHook(HookContext(scene, 1000, 0), PullRules("plane", weight=3.0, every=every))
        params, draws = wall_params(z=-0.3), {"seed": 0, "draws": 0}
        state = TrainState(params, {}, AutoStrategy(), draws, torch.Generator(), scene_scale=1.0)  # type: ignore[arg-type]
        hook.gradients(4, state)
        grad = params["means"].grad
        assert grad is not None and grad.abs().sum() > 0
        found[every] = grad
    assert torch.allclose(4 * found[1], found[4])


@pytest.mark.parametrize("kind", [GeoTexStrategy, GeoTexDefaultStrategy])
def test_the_first_step_settles_and_forgets(kind: type[GeoTexStrategy]) -> None:
    """The hook shares the prior with the strategy; later steps add gradients at every second step only."""
    strategy = kind(depth="plane", depth_every=2)
    scene = wall_access(CAMERAS, wall_points())
    scene.priors["plane", "auto"] = PlanePrior()
    strategy.attach(scene)
    rules = asked_pull(TrainConfig(strategy=strategy))
    assert rules is not None
    hook = DepthPullHook(HookContext(scene, 1000, 0), rules)
    params = wall_params(z=-0.3)
    optimizers, draws = warm_optimizers(params), strategy.initialize_state()
    state = TrainState(params, optimizers, strategy, draws, torch.Generator(), scene_scale=1.0)  # type: ignore[arg-type]
    hook.after_step(0, state)
    check_aligned(state.params, state.optimizers, state.strategy_state)
    moved = state.params["means"].detach()[:, 2] > -0.2
    assert int(moved.sum()) > 200
    first, _ = moments(state.optimizers, state.params, "means")
    assert not first[moved].any() and first[~moved].any()
    hook.gradients(1, state)
    assert state.params["means"].grad is None
    hook.gradients(2, state)
    assert state.params["means"].grad is not None and state.params["means"].grad.abs().sum() > 0
    assert state.strategy_state["draws"] == 1
    places = state.params["means"].detach().clone()
    hook.after_step(1, state)
    assert torch.equal(state.params["means"], places)


def pulled(strategy: Strategy, **loss: Any) -> PullRules | None:
    return asked_pull(TrainConfig(strategy=strategy, loss=LossOptions(**loss)))


def test_only_a_prior_from_outside_asks_for_it() -> None:
    assert pulled(DefaultStrategy()) is None
    asked = [pulled(GeoTexStrategy(depth=depth)) is not None for depth in ("none", "scene", "capture")]
    assert asked == [False, False, True]
    assert pulled(GeoTexStrategy(depth="capture", depth_weight=0.0, settle=0.0)) is None
    assert pulled(GeoTexStrategy(depth="capture", depth_weight=0.0, settle=0.1)) == PullRules(
        "capture", settle=0.1, weight=0.0
    )
    assert pulled(GeoTexStrategy(depth="some/model", depth_kind="disparity", offline=True)) == PullRules(
        "some/model", "disparity", True
    )
    assert pulled(GeoTexStrategy(depth="capture", settle=0.1, depth_every=3)) == PullRules(
        "capture", settle=0.1, every=3
    )


def test_any_strategy_can_be_held_to_depth() -> None:
    for strategy in (AutoStrategy(), MCMCStrategy(), GeoTexStrategy()):
        assert pulled(strategy, depth="capture", depth_weight=2.0) == PullRules("capture", weight=2.0)
    assert pulled(GeoTexStrategy(depth="capture", depth_weight=1.0), depth="capture") == PullRules(
        "capture", weight=1.0
    )
    with pytest.raises(SplatError, match=r"loss\.depth=some/model and strategy\.depth=capture contradict"):
        pulled(GeoTexStrategy(depth="capture"), depth="some/model")
