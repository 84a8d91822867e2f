"""ImprovedStrategy rule by rule: the split's geometry, the budget, edges, recovery, and late updates."""

import pytest
import torch
from half_planes import wall_access, wall_params
from strategy_scenes import check_aligned, make_info, make_params, moments, warm_optimizers

from splat.gaussians import quat_to_matrix
from splat.random import sample_distinct
from splat.train.strategies import AbsGradStrategy, ImprovedStrategy, ops
from splat.train.strategies.view_scores import edge_map, edge_scores

QUAT = torch.tensor([0.8, 0.3, -0.4, 0.2])


def test_absgrad_is_default_with_absolute_gradients() -> None:
    strategy = AbsGradStrategy()
    assert strategy.needs_absgrad and strategy.grow_grad2d == 0.0008 and strategy.scaled(1000).absgrad
    params = make_params(2, scale=0.05)
    grads = torch.zeros(1, 2, 2)
    grads[0, 1, 0] = 0.0005 / 100  # .absgrad is twice that here: 0.001 in units of half the image
    done = strategy.step_post_backward(
        params, warm_optimizers(params), strategy.initialize_state(), 600, make_info(grads)
    )
    assert done["split"] == 1 and done["duplicated"] == 0


def test_long_axis_split_has_the_published_geometry() -> None:
    params = make_params(4, opacity=0.7)
    params["quats"].data[2] = QUAT
    params["scales"].data[2] = torch.tensor([0.02, 0.3, 0.1]).log()
    centre = params["means"].detach()[2].clone()
    optimizers, state = warm_optimizers(params), {"grad2d": torch.arange(4.0), "seed": 1}
    ops.split_long_axis(params, optimizers, state, torch.tensor([False, False, True, False]))
    check_aligned(params, optimizers, state)
    axis = quat_to_matrix(QUAT)[:, 1]
    children = params["means"].detach()[3:]
    assert torch.allclose(children, torch.stack([centre + 0.405 * axis, centre - 0.405 * axis]), atol=1e-6)
    shrunk = torch.tensor([0.02 * 0.893029, 0.3 * 0.55, 0.1 * 0.893029])
    assert torch.allclose(params["scales"].detach()[3:].exp(), shrunk.expand(2, 3), rtol=1e-5)
    assert torch.allclose(params["opacities"].detach()[3:].sigmoid(), torch.tensor([0.42, 0.42]))
    assert torch.equal(params["quats"].detach()[3:], QUAT.expand(2, 4))
    assert state["grad2d"].tolist() == [0, 1, 3, 2, 2]
    first, _ = moments(optimizers, params, "means")
    assert (first[:3] != 0).all() and (first[3:] == 0).all()


def test_children_reach_as_far_as_their_parent() -> None:
    """3 s * 0.45 + 3 * 0.55 s = 3 s: the far ends stay where they were."""
    params = make_params(1)
    params["scales"].data[0] = torch.tensor([0.2, 0.1, 0.1]).log()
    params["quats"].data[0] = torch.tensor([1.0, 0, 0, 0])
    x = params["means"].detach()[0, 0].clone()
    ops.split_long_axis(params, warm_optimizers(params), {}, torch.tensor([True]))
    ends = params["means"].detach()[:, 0] + torch.tensor([3.0, -3.0]) * params["scales"].detach()[:, 0].exp()
    assert torch.allclose(ends, torch.stack([x + 0.6, x - 0.6]), atol=1e-6)


def test_budget_is_a_square_root() -> None:
    strategy = ImprovedStrategy(cap_max=11_000)
    assert strategy.budget(500, 1000) == 1000
    assert strategy.budget(500 + 14_000 // 4, 1000) == 6000
    assert strategy.budget(14_500, 1000) == strategy.budget(20_000, 1000) == 11_000
    assert strategy.budget(4000, 11_000) == 11_000


def test_laplacian_of_known_pictures() -> None:
    step = torch.zeros(7, 7)
    step[:, 4:] = 0.5
    edges = edge_map(step)
    assert torch.equal(edges[3], torch.tensor([0, 0, 0, 1.5, 1.5, 0, 0]))
    ramp = torch.arange(7.0).expand(7, 7)
    assert edge_map(ramp).abs().max() < 1e-5
    assert edge_map(torch.ones(2, 9)).max() == 0


def test_scores_lie_on_the_texture() -> None:
    access, params = wall_access(), wall_params()
    scores = edge_scores(access, params, [0, 1, 2])
    x = params["means"].detach()[:, 0]
    assert scores[x < -0.2].max() < 0.05 * scores[x > 0.1].mean()
    assert scores[scores > 0].mean() == pytest.approx(1, abs=0.1)


def test_texture_gets_more_gaussians_than_plain_wall() -> None:
    """All have the same gradient; what is split is decided by the photos alone."""
    params = wall_params()
    optimizers = warm_optimizers(params)
    strategy = ImprovedStrategy(cap_max=460)
    strategy.attach(wall_access())
    state = strategy.initialize_state()
    for step in (600, 14_500):
        info = make_info(torch.full((1, len(params["means"]), 2), 1e-4))
        strategy.step_post_backward(params, optimizers, state, step, info)
        check_aligned(params, optimizers, state)
    assert len(params["means"]) == 460
    x = params["means"].detach()[:, 0]
    assert int((x < -0.25).sum()) == 140  # as at the start; nearer to the texture children of textured ones arrive
    assert int((x > 0.25).sum()) > 165


def test_those_that_do_not_recover_go() -> None:
    params = make_params(50)
    params["opacities"].data = torch.randperm(50, generator=torch.Generator().manual_seed(0)) / 10.0
    low = params["opacities"].detach().clone()
    strategy = ImprovedStrategy(cap_max=50, reset_every=300, recovery_steps=45, refine_start_iter=10_000)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    info = make_info(torch.zeros(1, 50, 2))
    assert strategy.step_post_backward(params, optimizers, state, 44, info) == {}
    assert strategy.step_post_backward(params, optimizers, state, 45, info) == {}
    assert strategy.step_post_backward(params, optimizers, state, 345, info) == {"pruned": 10}
    check_aligned(params, optimizers, state)
    assert torch.equal(params["opacities"].detach(), low[low >= 1.0])
    info = make_info(torch.zeros(1, 40, 2))
    assert strategy.step_post_backward(params, optimizers, state, 600, info) == {"reset": 40}
    assert params["opacities"].sigmoid().max().item() == pytest.approx(0.05)
    assert strategy.step_post_backward(params, optimizers, state, 945, info) == {}  # the third reset is not followed


def test_draws_without_replacement_follow_the_weights() -> None:
    weights = torch.tensor([0.0, 1.0, 2.0, 5.0, 0.0])
    first = torch.zeros(5)
    for seed in range(4000):
        drawn = sample_distinct(weights, 2, torch.Generator().manual_seed(seed))
        assert len(set(drawn.tolist())) == 2 and not {0, 4} & set(drawn.tolist())
        first[drawn[0]] += 1
    assert torch.allclose(first / 4000, weights / 8, atol=0.03)
    assert sorted(sample_distinct(weights, 9, torch.Generator().manual_seed(0)).tolist()) == [1, 2, 3]


def test_updates_come_less_often_late() -> None:
    strategy = ImprovedStrategy()
    assert all(strategy.updates_at(step) for step in range(14_900, 15_000))
    assert sum(strategy.updates_at(step) for step in range(15_000, 22_500)) == 1500
    assert sum(strategy.updates_at(step) for step in range(22_500, 30_000)) == 375
    assert strategy.updates_at(29_999)  # no gradient is left over
    short = strategy.scaled(1500)
    assert all(short.updates_at(step) for step in range(1500))
    middle = strategy.scaled(15_000)
    assert sum(middle.updates_at(step) for step in range(11_250, 15_000)) == 375
