"""What views with known depths say of each other, and what is made of it."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from splat.train.stereo.agreement import DepthView, Votes, votes
from splat.train.stereo.depth import agreed, completed, with_map
from splat.train.stereo.seeds import Seeds, candidates
from tests.train.stereo import walls

SHAPE = (walls.HEIGHT, walls.WIDTH)


def flat(factors: Mapping[int, float], unsure: tuple[int, ...] = ()) -> dict[int, DepthView]:
    """Views that have that many times the wall's depth everywhere, and are sure of it but for those in `unsure`."""
    made = walls.pictures()
    return {
        view: DepthView(made[view], np.full(SHAPE, walls.DEPTH * factor), np.full(SHAPE, view not in unsure))
        for view, factor in factors.items()
    }


def others(views: Mapping[int, DepthView]) -> list[list[int]]:
    return [[other for other in views if other != view] for view in range(max(views) + 1)]


def in_all(views: Mapping[int, DepthView]) -> tuple[Votes, np.ndarray]:
    """What is said of view 0, and where [h, w] all others have its places in their pictures."""
    said = votes(views, others(views), 0)
    everywhere = said.shown == len(views) - 1
    assert everywhere.mean() > 0.5
    return said, everywhere


@pytest.mark.parametrize(
    ("factor", "agree", "through"),
    [(1.04, 1, 0), (0.97, 1, 0), (1.06, 0, 0), (0.94, 0, 0), (0.7, 0, 0), (1.1, 0, 0), (1.12, 0, 1), (2.0, 0, 1)],
)
def test_depths_agree_within_a_twentieth_and_places_a_tenth_before_them_are_looked_through(
    factor: float, agree: int, through: int
) -> None:
    said, shown = in_all(flat({0: 1.0, 1: factor}))
    assert (said.agree[shown] == agree).all() and (said.through[shown] == through).all()
    assert not said.agree[~shown].any() and not said.through[~shown].any()


def test_how_near_depths_must_come_and_whose_guesses_vote_is_said() -> None:
    views = flat({0: 1.0, 1: 1.02, 2: 1.04}, unsure=(1, 2))
    _, shown = in_all(views)
    assert (votes(views, others(views), 0, 0.03, guesses=True).agree[shown] == 1).all()
    assert (votes(views, others(views), 0, guesses=True).agree[shown] == 2).all()
    views[1].picture.counts[:] = False  # where a photo shows nothing of the scene its depth is no guess of it
    assert (votes(views, others(views), 0, guesses=True).agree[shown] == 1).all()


@pytest.mark.parametrize(
    ("factors", "sure"),
    [
        ((1.0, 1.2), False),  # one
        ((1.0, 1.0), True),
        ((1.0, 1.0, 1.2), True),
        ((1.0, 1.0, 1.2, 1.2), False),  # as many look through it
        ((1.0, 1.0, 1.0, 1.2, 1.2), True),
    ],
)
def test_two_others_must_agree_and_more_than_look_through(factors: tuple[float, ...], sure: bool) -> None:
    views = flat(dict(enumerate((1.0, *factors))))
    _, shown = in_all(views)
    assert (agreed(views, others(views), 0)[shown] == sure).all()
    guess = views | flat({0: 1.0}, unsure=(0,))
    assert not agreed(guess, others(views), 0).any()


def seeds_of(views: Mapping[int, DepthView]) -> tuple[Seeds, np.ndarray]:
    """The seeds of view 0 and whether its pixels [h, w] are likely; all must have become seeds."""
    found = candidates(views, others(views), 0)
    assert len(found.xyz) == walls.HEIGHT * walls.WIDTH
    return found, found.likely.reshape(SHAPE)


@pytest.mark.parametrize(("factor", "likely"), [(1.02, True), (0.98, True), (1.04, False), (0.96, False)])
def test_guesses_back_each_other_within_three_hundredths(factor: float, likely: bool) -> None:
    views = flat({0: 1.0, 1: factor, 2: factor}, unsure=(0, 1, 2))
    found, are = seeds_of(views)
    assert (are[in_all(views)[1]] == likely).all() and not found.sure.any()
    assert (seeds_of(flat({0: 1.0, 1: factor, 2: factor}, unsure=(1, 2)))[1]).all()  # what is sure needs no others


def test_one_guess_backs_another_only_where_no_third_photo_shows_the_place() -> None:
    views = flat({0: 1.0, 1: 1.0, 2: 0.8, 3: 0.8}, unsure=(0, 1, 2, 3))
    first = votes(views, [[1]], 0).shown
    shown = votes(views, others(views), 0).shown
    _, likely = seeds_of(views)
    assert np.array_equal(likely, (first == 1) & (shown == 1))
    assert likely.any() and not likely[shown > 1].any()
    views = flat({0: 1.0, 1: 1.0, 2: 1.0, 3: 0.8}, unsure=(0, 1, 2, 3))
    assert seeds_of(views)[1][in_all(views)[1]].all()  # two do, whatever a third says


def test_guesses_that_a_sure_depth_looks_through_are_not_likely_and_two_such_depths_leave_none() -> None:
    views = flat({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.5}, unsure=(0, 1, 2))
    shown = in_all(views)[1]
    assert not seeds_of(views)[1][shown].any()
    views = flat({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.5}, unsure=(0, 1, 2, 3))
    assert seeds_of(views)[1][shown].all()  # a guess looks through nothing
    views = flat({0: 1.0, 1: 1.5, 2: 1.5})
    both = votes(views, others(views), 0).through == 2
    assert both.mean() > 0.5 and len(candidates(views, others(views), 0).xyz) == (~both).sum()


def test_a_captured_depth_counts_where_photos_do_not_agree_or_agree_on_something_else() -> None:
    depth = np.full(SHAPE, walls.DEPTH)
    depth[:, :30], depth[:, 30:60], depth[:, 60:] = 0.0, 1.05 * walls.DEPTH, 1.2 * walls.DEPTH
    views = flat({0: 1.0, 1: 1.0, 2: 1.0})
    agree = agreed(views, others(views), 0)
    found = with_map(views, others(views), 0, depth)
    assert agree[:, 60:].any() and not agree.all() and found.captured and not views[0].captured
    middle = np.where(agree, walls.DEPTH, depth)[:, 30:60]
    assert np.array_equal(found.depth, np.hstack([np.full((SHAPE[0], 30), walls.DEPTH), middle, depth[:, 60:]]))
    guess = flat({0: 1.0, 1: 1.0, 2: 1.0}, unsure=(0,))
    assert np.array_equal(with_map(guess, others(guess), 0, depth).depth, np.where(depth > 0, depth, walls.DEPTH))


def test_of_points_behind_each_other_the_nearest_is_known_where_photos_do_not_agree() -> None:
    views = flat({0: 1.0, 1: 1.0, 2: 1.0}, unsure=(0,))
    pixel = torch.tensor([[50.5, 40.5]] * 2, dtype=torch.float64)
    points = views[0].picture.camera.unproject(pixel, torch.tensor([3.0, 5.0], dtype=torch.float64)).numpy()
    for listed in (points, points[::-1].copy()):
        assert completed(views, others(views), 0, listed).depth[40, 50] == pytest.approx(3.0)
    sure = flat({0: 1.0, 1: 1.0, 2: 1.0})
    kept = agreed(sure, others(sure), 0)
    assert kept[40, 50] and np.allclose(completed(sure, others(sure), 0, points).depth[kept], walls.DEPTH)
