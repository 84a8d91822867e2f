"""What too few training photos show: known places, and what becomes of it in a training."""

import math

import pytest
import torch
from half_planes import wall_access, wall_params
from strategy_scenes import check_aligned, make_info, warm_optimizers

from splat.cameras import Camera
from splat.train.strategies import ImprovedStrategy, MCMCStrategy
from splat.train.strategies.visibility import SAMPLE, seen_by_fewer, veils


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


def before_a_wall(*places: list[float], count: int = 100) -> dict[str, torch.Tensor]:
    """A wall at depth 10, all of it in view of a camera at 0, behind the centres at `places`."""
    wall = torch.tensor([[0.0, 0.0, 10.0]]).repeat(count, 1)
    wall[:, 0] = torch.linspace(-7, 7, count)
    return {"means": torch.cat([torch.tensor(places), wall])}


@pytest.mark.parametrize("count", [100, 2 * SAMPLE + 1])
def test_veils_are_beside_all_pictures_and_before_what_these_show(count: int) -> None:
    beside, far, seen, behind, farther = [3.0, 0, 1], [30.0, 0, 10], [0.0, 0, 1], [0.0, 0, -2], [0.0, 6, 2]
    params = before_a_wall(beside, far, seen, behind, farther, count=count)
    found = veils(params, [camera(0.0)], 0.5)
    assert found[:5].tolist() == [True, False, False, True, False] and not found[5:].any()
    assert veils(params, [camera(0.0)], 0.7)[:5].tolist() == [True, False, False, True, True]
    assert veils(params, [camera(0.0)], 0.25)[:5].tolist() == [False, False, False, True, False]
    assert not veils(params, [camera(0.0)], 0.0).any()


def test_where_things_begin_is_told_by_what_is_in_the_picture_and_by_a_sample_of_all() -> None:
    beside, far = [3.0, 0, 1], [30.0, 0, 10]
    params = before_a_wall(beside, far, *[[50.0, 0, 0.5]] * 40)  # these stand nearer, but no picture shows them
    assert veils(params, [camera(0.0)], 0.5)[:2].tolist() == [True, False]
    params = before_a_wall(*[[0.0, 0, 100]] * SAMPLE, beside, far, count=SAMPLE)  # the nearer wall comes last
    assert veils(params, [camera(0.0)], 0.5)[SAMPLE : SAMPLE + 2].tolist() == [True, False]


def test_no_veil_is_what_another_photo_shows_nor_anything_where_a_photo_shows_nothing() -> None:
    params = before_a_wall([3.0, 0, 1], [0.0, 0, -2])
    for cameras in ([camera(0.0), camera(2.5)], [camera(2.5), camera(0.0)]):
        assert veils(params, cameras, 0.5)[:2].tolist() == [False, True]
    assert not veils(params, [camera(1000.0)], 0.5).any()


def seen_by(views: int) -> dict[str, torch.nn.Parameter]:
    """The wall of `half_planes` with known numbers of Gaussians that 0, 1 and 2 of its three cameras have in view."""
    params = wall_params()
    means = params["means"].data
    means[:, 0] *= 0.5  # all in view of all
    for rows, x in ((slice(0, 30), 40.0), (slice(30, 50), 1.1), (slice(50, 60), 0.9)):
        means[rows, 0] = x
    assert int(seen_by_fewer(params, wall_access().views.cameras, views).sum()) == SEEN_BY_FEWER[views]
    return params


SEEN_BY_FEWER = (0, 30, 50, 60)  # of 400 Gaussians, by the number of views


@pytest.mark.parametrize(("given", "views"), [({"min_views": views}, views) for views in range(4)] + [({}, 1)])
def test_mcmc_moves_what_too_few_photos_show_and_what_is_transparent(given: dict[str, int], views: int) -> None:
    params = seen_by(views)
    params["opacities"].data[100:105] = -20.0
    strategy = MCMCStrategy(cap_max=400, noise_lr=0.0, **given)
    strategy.attach(wall_access())
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    done = strategy.step_post_backward(params, optimizers, state, 600, make_info(torch.zeros(1, 400, 2)))
    check_aligned(params, optimizers, state)
    assert done == {"relocated": SEEN_BY_FEWER[views] + 5, "added": 0} and len(params["means"]) == 400
    assert not seen_by_fewer(params, wall_access().views.cameras, views).any()
    assert (params["opacities"] > -19).all()


@pytest.mark.parametrize("step", [600, 16_000])
@pytest.mark.parametrize(("given", "views"), [({"min_views": views}, views) for views in range(4)] + [({}, 0)])
def test_improved_removes_what_too_few_photos_show(given: dict[str, int], views: int, step: int) -> None:
    params = seen_by(views)
    strategy = ImprovedStrategy(cap_max=400, **given)
    strategy.attach(wall_access())
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    strategy.step_post_backward(params, optimizers, state, step, make_info(torch.zeros(1, 400, 2)))
    check_aligned(params, optimizers, state)
    assert len(params["means"]) == 400 - SEEN_BY_FEWER[views]
    assert not seen_by_fewer(params, wall_access().views.cameras, views).any()


@pytest.mark.parametrize(("around", "views"), [(0.0, 0), (3.0, 0), (3.0, 2), (0.0, 2)])
def test_improved_removes_what_stands_around_a_camera_too(around: float, views: int) -> None:
    params = seen_by(views)
    params["means"].data[200:207] = torch.tensor([0.0, 0.0, -1.0])  # a unit before a camera, in view of all
    params["scales"].data[200:207] = math.log(0.5)
    strategy = ImprovedStrategy(cap_max=400, min_views=views, prune_around=around)
    strategy.attach(wall_access())
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    strategy.step_post_backward(params, optimizers, state, 600, make_info(torch.zeros(1, 400, 2)))
    assert len(params["means"]) == 400 - SEEN_BY_FEWER[views] - (7 if around else 0)


@pytest.mark.parametrize("step", [600, 16_000])
@pytest.mark.parametrize(("given", "removed"), [({}, 7), ({"veil_distance": 0.0}, 0), ({"veil_distance": 0.01}, 0)])
def test_improved_removes_veils_and_nothing_else_that_no_photo_shows(
    given: dict[str, float], removed: int, step: int
) -> None:
    params = seen_by(0)  # thirty far beside the pictures
    params["means"].data[200:207] = torch.tensor([0.0, 0.0, 0.5]) + wall_access().views.cameras[0].position
    params["means"].data[200:207, 1] += 0.6
    assert int(seen_by_fewer(params, wall_access().views.cameras, 1).sum()) == 37
    strategy = ImprovedStrategy(cap_max=400, prune_around=0.0, **given)
    strategy.attach(wall_access())
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    strategy.step_post_backward(params, optimizers, state, step, make_info(torch.zeros(1, 400, 2)))
    check_aligned(params, optimizers, state)
    assert len(params["means"]) == 400 - removed
