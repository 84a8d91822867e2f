"""GeoTexDefaultStrategy: texture decides, children lie on the prior's plane, and without both it is DefaultStrategy."""

import math

import pytest
import torch
from half_planes import SIZE, wall_access, wall_camera, wall_params, wall_pixels
from strategy_scenes import check_aligned, make_info, snapshot, warm_optimizers
from torch import Tensor

from splat.train.strategies import DefaultStrategy, GeoTexDefaultStrategy, GeoTexStrategy, ImprovedStrategy, Strategy
from splat.train.strategies.ops import split_offsets
from splat.train.strategies.surface import SurfaceRules, surface_offsets
from splat.train.strategies.texture import Textures, gradient_map

RULES = SurfaceRules(flatten=1.0, flat_cosine=0.5, max_ratio=0.05, repair=True, seen=0.1)
CAMERAS = [wall_camera(-0.3, 0.25), wall_camera(0.2, -0.15)]


class PlanePrior:
    """The exact depth of the wall z = 0 in every view, in another unit for each."""

    def depth(self, position: int, params: object) -> Tensor:
        camera = CAMERAS[position]
        points = torch.from_numpy(wall_pixels(camera))
        depth = (points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3])[..., 2]
        return (depth * (3.7 + position)).float()


class StepPrior:
    """Twice as deep in the right half of the picture."""

    def depth(self, position: int, params: object) -> Tensor:
        depth = torch.full((SIZE, SIZE), 2.0)
        depth[:, SIZE // 2 :] = 4.0
        return depth


def test_gradient_of_a_ramp_and_texture_of_the_wall() -> None:
    ramp = torch.arange(20.0).expand(10, 20) * 0.01
    assert torch.allclose(gradient_map(ramp)[:, 5:15], torch.tensor(0.01), atol=1e-6)
    textures = Textures(wall_access(), tau=0.05)
    texture = textures.map(1).float() / 255
    expected = torch.tanh(gradient_map(wall_access().grey(1)) / 0.05)
    assert torch.allclose(texture, expected, atol=0.5 / 255 + 1e-6)
    assert texture[:, : SIZE // 2 - 5].max() == 0 < texture[:, SIZE // 2 + 5 :].mean()
    corners = torch.tensor([[0.5, 0.5], [63.9, 10.2], [-4.0, 500.0]])
    assert torch.equal(textures.at(1, corners), texture[[0, 10, 63], [0, 63, 0]])


def run(strategy: Strategy, view: bool = True) -> tuple[dict[str, Tensor], dict]:
    access = wall_access()
    strategy.attach(access)
    params = wall_params(side=10, size=0.03)
    optimizers, state = warm_optimizers(params), strategy.initialize_state(seed=4)
    generator = torch.Generator().manual_seed(2)
    for step in range(0, 1300, 10):
        grads = torch.randn(1, len(params["means"]), 2, generator=generator) * 2e-6
        info = make_info(grads, torch.randint(0, 12, grads.shape, generator=generator, dtype=torch.int32))
        extra = {"view": step % len(access)} if view else {}
        strategy.step_post_backward(params, optimizers, state, step, {**info, **extra})
        check_aligned(params, optimizers, state)
    return snapshot(params), state


@pytest.mark.parametrize(
    ("base", "kind", "options"),
    [
        (DefaultStrategy, GeoTexDefaultStrategy, {"cap_max": 700, "reset_every": 500, "grow_scale3d": 0.025}),
        (ImprovedStrategy, GeoTexStrategy, {"cap_max": 700, "reset_every": 500, "budget_stop_iter": 1200}),
    ],
)
def test_without_texture_and_prior_it_is_its_base_bit_for_bit(
    base: type[Strategy], kind: type[Strategy], options: dict[str, float]
) -> None:
    plain, plain_state = run(base(**options))
    bare, state = run(kind(texture=0.0, auxiliary=False, depth="none", **options), view=False)
    assert len(plain["means"]) > 200
    for name, value in plain.items():
        assert torch.equal(value, bare[name]), name
    assert plain_state.keys() == state.keys() and plain_state["draws"] == state["draws"]
    other, _ = run(kind(texture=0.5, auxiliary=True, depth="none", **options))
    assert len(other["means"]) != len(plain["means"]) or not torch.equal(other["means"], plain["means"])


@pytest.mark.parametrize("auxiliary", [False, True])
def test_texture_gets_more_gaussians_than_plain_wall(auxiliary: bool) -> None:
    """The same gradient everywhere, just under the threshold; and the same over it, which only texture may have."""
    strategy = GeoTexDefaultStrategy(
        depth="none", auxiliary=auxiliary, texture=0.0 if auxiliary else 0.5, texture_tau=0.01
    )
    access = wall_access()
    strategy.attach(access)
    params = wall_params()
    x = params["means"].detach()[:, 0].clone()
    state = strategy.initialize_state()
    pixels = (params["means"].detach()[:, :2] / 2 * SIZE + SIZE / 2)[None]
    gradient = torch.full((1, 400, 2), 0.8 * 0.0002 / math.hypot(SIZE / 2, SIZE / 2))
    info = make_info(gradient, torch.full((1, 400, 2), 9).int(), SIZE, SIZE)
    info["means2d"].data.copy_(pixels)
    strategy._collect(params, state, {**info, "view": 1})
    _, high = strategy._wanted(params, state)
    assert high[x > 0.1].float().mean() > 0.9
    assert not high[x < -0.1].any()
    state["screen_radius"].fill_(7.0)
    if auxiliary:
        assert not strategy._wanted(params, state)[1].any()


def offsets_of(params: dict, seed: int = 0, scale: float = 0.5) -> tuple[Tensor, Tensor]:
    mask = torch.zeros(len(params["means"]), dtype=torch.bool)
    inner = params["means"].detach()[:, :2].abs().amax(1) < 0.5
    mask[inner] = True
    return mask, split_offsets(params, mask, torch.Generator().manual_seed(seed)) * scale


def test_children_lie_on_the_plane_of_the_prior() -> None:
    """From tilted views, with a prior in an unknown unit; parents are flat, their offsets leave the plane."""
    params, access = wall_params(), wall_access(CAMERAS)
    mask, offsets = offsets_of(params)
    offsets[..., 2] *= 5
    assert offsets[..., 2].abs().max() > 0.03
    found, accepted = surface_offsets(access, PlanePrior(), params, mask, offsets, [0, 1], RULES)
    assert accepted.all()
    assert found[..., 2].abs().max() < 2e-3  # of a wall 2 away
    assert torch.allclose(found[..., :2], offsets[..., :2], atol=2e-3)


def test_wrong_depth_ratios_are_repaired_or_refused() -> None:
    params, access = wall_params(), wall_access([CAMERAS[0]])
    mask, offsets = offsets_of(params)
    offsets[..., 2] = torch.linspace(-0.09, 0.09, offsets[..., 2].numel()).view(2, -1)
    loose = SurfaceRules(flatten=0.0, flat_cosine=0.5, max_ratio=0.02, repair=True, seen=0.1)
    strict = SurfaceRules(flatten=0.0, flat_cosine=0.5, max_ratio=0.02, repair=False, seen=0.1)
    camera = CAMERAS[0]

    def deviation(children: Tensor) -> Tensor:
        """|log| of the depth over that of the wall on the same ray: a known answer from the geometry."""
        ray = children.double() - camera.position
        return torch.log(-camera.position[2] / ray[..., 2]).abs()

    parents = params["means"].detach()[mask]
    before = deviation(parents + offsets)
    found, accepted = surface_offsets(access, PlanePrior(), params, mask, offsets, [0], loose)
    after = (parents + found)[..., 2].abs()
    good, bad = before < 0.019, before > 0.021
    assert good.any() and bad.any() and accepted.all()
    assert torch.equal(found[good], offsets[good])
    assert after[bad].max() < 2e-3
    _, accepted = surface_offsets(access, PlanePrior(), params, mask, offsets, [0], strict)
    assert not accepted[bad.any(0)].any() and accepted[good.all(0)].all()


def test_a_child_across_a_step_keeps_its_parent_whole() -> None:
    camera = wall_camera(0.0)
    params, access = wall_params(), wall_access([camera])
    mask, offsets = offsets_of(params)
    parents = params["means"].detach()[mask]
    offsets.zero_()
    offsets[0, :, 0] = 0.08
    _, accepted = surface_offsets(access, StepPrior(), params, mask, offsets, [0], RULES)
    crossing = (parents[:, 0] < -0.01) & (parents[:, 0] + 0.08 > 0.01)
    staying = (parents[:, 0] < -0.2) | (parents[:, 0] > 0.05)
    assert crossing.any() and not accepted[crossing].any()
    assert accepted[staying].all()


def test_a_child_behind_something_nearer_is_left_as_it_is() -> None:
    """From the far half of the step into the near one: there the prior shows what hides the child."""
    camera = wall_camera(0.0)
    params, access = wall_params(), wall_access([camera])
    mask, offsets = offsets_of(params)
    parents = params["means"].detach()[mask]
    offsets.zero_()
    offsets[0, :, 0] = -0.08
    found, accepted = surface_offsets(access, StepPrior(), params, mask, offsets, [0], RULES)
    crossing = (parents[:, 0] > 0.01) & (parents[:, 0] - 0.08 < -0.01)
    assert crossing.any() and accepted.all()
    assert torch.equal(found[:, crossing], offsets[:, crossing])


def test_unseen_parents_are_left_alone() -> None:
    params, access = wall_params(), wall_access(CAMERAS)
    hidden = wall_params(side=5, z=0.6)  # behind the wall
    both = {name: torch.nn.Parameter(torch.cat([params[name], hidden[name]]).detach()) for name in params}
    mask = torch.zeros(425, dtype=torch.bool)
    mask[400:] = True
    offsets = torch.randn(2, 25, 3, generator=torch.Generator().manual_seed(1))
    found, accepted = surface_offsets(access, PlanePrior(), both, mask, offsets, [0, 1], RULES)
    assert accepted.all() and torch.equal(found, offsets)


SPLITTING = {"depth": "scene", "scene_depth_iter": 500, "cap_max": 600}


@pytest.mark.parametrize(
    "strategy",
    [
        GeoTexDefaultStrategy(grow_scale3d=0.001, **SPLITTING),
        GeoTexStrategy(texture=0.5, budget_stop_iter=550, refine_stop_iter=1000, **SPLITTING),
    ],
)
def test_a_training_step_splits_on_the_plane(strategy: Strategy) -> None:
    """The whole strategy with depth=scene: the rendered wall is the prior of its own splits."""
    access = wall_access(CAMERAS)
    strategy.attach(access)
    params = wall_params()
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    info = make_info(torch.full((1, 400, 2), 1e-4))
    done = strategy.step_post_backward(params, optimizers, state, 600, {**info, "view": 0})
    check_aligned(params, optimizers, state)
    assert done["split"] > 100 and len(params["means"]) <= 600
    inner = params["means"].detach()[:, :2].abs().amax(1) < 0.7
    assert params["means"].detach()[inner][:, 2].abs().quantile(0.95) < 0.01
    assert state["texture"].max() == 0  # begun anew


@pytest.mark.parametrize("kind", [GeoTexStrategy, GeoTexDefaultStrategy])
def test_the_textured_half_of_a_wall_becomes_denser(kind: type[GeoTexStrategy]) -> None:
    """Gradients of nine tenths of the threshold everywhere: only texture lifts them over it."""
    strategy = kind(depth="none", texture_tau=0.01, cap_max=1000)
    strategy.attach(wall_access())
    params = wall_params()
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    pixels = (params["means"].detach()[:, :2] / 2 * SIZE + SIZE / 2)[None]
    per_unit = math.hypot(SIZE / 2, SIZE / 2) * (2 if strategy.needs_absgrad else 1)
    info = make_info(torch.full((1, 400, 2), 0.9 * strategy.grow_grad2d / per_unit), width=SIZE, height=SIZE)
    info["means2d"].data.copy_(pixels)
    done = strategy.step_post_backward(params, optimizers, state, 5000, {**info, "view": 1})
    check_aligned(params, optimizers, state)
    x = params["means"].detach()[:, 0]
    assert done["split"] + done.get("duplicated", 0) > 50
    assert int((x > 0.1).sum()) > 1.3 * int((x < -0.1).sum())
