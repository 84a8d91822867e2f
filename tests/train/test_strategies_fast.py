"""FastStrategy: wrong pixels decide, counted with the weights that draw them."""

import dataclasses

import pytest
import torch
from half_planes import SIZE, wall_access, wall_params
from strategy_scenes import check_aligned, make_info, warm_optimizers

from splat.render import render_gaussians
from splat.train.strategies import FastStrategy
from splat.train.strategies.view_scores import error_scores


def test_wrong_pixels_are_shared_out_among_those_that_draw_them() -> None:
    """The weights of a pixel add up to its opacity, so the scores add up to the opacity over the wrong pixels."""
    access, params = wall_access(), wall_params()
    importance, blame = error_scores(access, params, [1], 0.3)
    picture, alpha, _ = access.renderer(params).render(access.camera(1))
    error = (picture - access.photo(1)).abs().mean(-1)
    wrong = (error - error.min()) / (error.max() - error.min()) > 0.3
    assert 0 < wrong.float().mean() < 1
    assert importance.sum().item() == pytest.approx(alpha[wrong].sum().item(), rel=1e-3)
    assert blame.min() == 0 and blame.max() == 1
    both, _ = error_scores(access, params, [1, 1], 0.3)
    assert torch.allclose(both, importance, rtol=1e-4, atol=1e-5)  # a mean over views


def test_only_the_wrong_half_grows() -> None:
    """The grey wall is right where the photo is grey; every Gaussian has the same large gradient."""
    access, params = wall_access(), wall_params()
    params["sh0"].data.fill_((130 / 255 - 0.5) / 0.28209479)
    params["opacities"].data.fill_(6.0)
    strategy = FastStrategy(cap_max=1000, wrong_error=0.25, least_wrong=0.5)
    strategy.attach(access)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    info = make_info(torch.full((1, 400, 2), 1e-3))
    assert strategy.needs_absgrad
    done = strategy.step_post_backward(params, optimizers, state, 600, info)
    check_aligned(params, optimizers, state)
    x = params["means"].detach()[:, 0]
    inside = params["means"].detach()[:, 1].abs() < 0.7
    assert done["split"] > 50
    assert int((inside & (x < -0.2) & (x > -0.7)).sum()) == 14 * 5
    assert int((inside & (x > 0.2) & (x < 0.7)).sum()) > 14 * 5 * 1.3
    assert params["opacities"].sigmoid().max().item() == pytest.approx(0.8, abs=1e-6)


def test_large_ones_are_split_by_absolute_gradients_and_small_ones_cloned_by_plain_ones() -> None:
    access, params = wall_access(), wall_params()
    params["scales"].data[:200] = torch.tensor(0.0005).log()
    strategy = FastStrategy(least_wrong=-1.0)  # the picture decides nothing
    strategy.attach(access)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    info = make_info(torch.zeros(1, 400, 2))
    plain, absolute = torch.zeros(1, 400, 2), torch.zeros(1, 400, 2)
    plain[0, :, 0], absolute[0, :, 0] = 0.0003 / 100, 0.0011 / 100
    info["means2d"].grad, info["means2d"].absgrad = plain, absolute
    strategy._collect(params, state, info)
    _, high = strategy._wanted(params, state)
    assert high[:200].all() and not high[200:].any()
    info["means2d"].grad, info["means2d"].absgrad = plain / 2, 2 * absolute
    strategy._collect(params, state, info)
    _, high = strategy._wanted(params, state)
    assert high.all()  # means 0.000225 and 0.00165
    assert state["count"].tolist() == [2.0] * 400
    assert optimizers


def test_late_removals() -> None:
    access, params = wall_access(), wall_params()
    params["opacities"].data[:30] = -3.0
    strategy = dataclasses.replace(FastStrategy(), late_prune_score=2.0)
    strategy.attach(access)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    info = make_info(torch.zeros(1, 400, 2))
    for step in (15_000, 16_000, 30_000):
        assert strategy.step_post_backward(params, optimizers, state, step, info) == {}
    assert strategy.step_post_backward(params, optimizers, state, 18_000, info) == {"pruned": 30}
    check_aligned(params, optimizers, state)
    assert render_gaussians(params, access.views[0].viewmat, access.views[0].K, SIZE, SIZE)[1].mean() > 0.3
    short = FastStrategy().scaled(3000)
    assert short.late_prune_every == 300 and short.late_prune_stop_iter == 3000 == 2 * short.refine_stop_iter
