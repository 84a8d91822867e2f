"""What too few training photos show: known places, and what becomes of it in a training."""

import pytest
import torch
from half_planes import wall_access, wall_params
from strategy_scenes import check_aligned, make_info, warm_optimizers

from splat.cameras import Camera
from splat.train.strategies import ImprovedStrategy, MCMCStrategy
from splat.train.strategies.visibility import seen_by_fewer


def camera(x: float) -> Camera:
    """Looks along z from (x, 0, 0), one unit to each side at depth 1."""
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[0, 3] = -x
    return Camera(viewmat, torch.tensor([[10.0, 0, 10], [0, 10, 10], [0, 0, 1]], dtype=torch.float64), 20, 20)


def test_centres_are_counted_in_the_pictures_that_they_lie_in() -> None:
    cameras = [camera(0.0), camera(1.5), camera(40.0)]
    means = torch.tensor([[0.75, 0, 1.0], [-0.5, 0, 1], [0.75, 0, -1], [0.75, 3, 1], [0, 9, 10], [40, 0, 1]])
    shown = torch.tensor([2, 1, 0, 0, 2, 1])
    for views in range(4):
        assert torch.equal(seen_by_fewer({"means": means}, cameras, views), shown < views)
        assert torch.equal(seen_by_fewer({"means": means}, cameras[::-1], views), shown < views)


def test_size_and_opacity_do_not_matter() -> None:
    params = {"means": torch.tensor([[0.0, 5, 1]]), "scales": torch.full((1, 3), 4.0), "opacities": torch.ones(1)}
    assert seen_by_fewer(params, [camera(0.0)], 1).tolist() == [True]  # its tail covers the whole picture


def beside(params: dict[str, torch.nn.Parameter]) -> int:
    """Of 400 Gaussians before the wall of `half_planes`, how many no camera has in its picture."""
    return int(seen_by_fewer(params, wall_access().views.cameras, 1).sum())


@pytest.mark.parametrize("min_views", [0, 1])
def test_mcmc_moves_what_no_photo_shows(min_views: int) -> None:
    params = wall_params()
    params["means"].data[:30, 0] += 40.0
    assert beside(params) == 30
    strategy = MCMCStrategy(cap_max=400, min_views=min_views, noise_lr=0.0)
    strategy.attach(wall_access())
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    done = strategy.step_post_backward(params, optimizers, state, 600, make_info(torch.zeros(1, 400, 2)))
    check_aligned(params, optimizers, state)
    assert done == {"relocated": 30 * min_views, "added": 0} and len(params["means"]) == 400
    assert beside(params) == (0 if min_views else 30)


@pytest.mark.parametrize(("min_views", "step"), [(0, 600), (1, 600), (1, 16_000)])
def test_improved_removes_what_no_photo_shows(min_views: int, step: int) -> None:
    params = wall_params()
    params["means"].data[:30, 0] += 40.0
    strategy = ImprovedStrategy(cap_max=400, min_views=min_views)
    strategy.attach(wall_access())
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    strategy.step_post_backward(params, optimizers, state, step, make_info(torch.zeros(1, 400, 2)))
    check_aligned(params, optimizers, state)
    assert len(params["means"]) == 400 - 30 * min_views and beside(params) == (0 if min_views else 30)
