from collections.abc import Callable

import numpy as np
import pytest

from splat.train.stereo.agreement import DepthView, votes
from splat.train.stereo.depth import JUDGES, depth_views
from splat.train.stereo.filling import filled
from splat.train.stereo.pictures import partners
from splat.train.stereo.seeds import DENSER, UNSURE, Seeds, candidates, stereo_seeds
from tests.train.stereo import walls


def near() -> list[list[int]]:
    return partners(walls.cameras(), walls.points(), JUDGES, np.random.default_rng(0))


def test_partners_look_from_a_good_angle_and_never_are_the_view_itself() -> None:
    cameras = [walls.camera_at(x) for x in (0, 0.01, 0.55, 2.5)]
    found = partners(cameras, walls.points(), 3, np.random.default_rng(0))
    assert found[0][0] == 2  # eight degrees; not the copy beside it, nor the one that sees the wall at 32 degrees
    assert all(view not in others for view, others in enumerate(found))


def test_a_textured_wall_is_sure_and_where_it_is() -> None:
    views = depth_views(walls.pictures(), near(), walls.points())
    assert len(views) == 6
    inner = views[0].depth[6:-6, 20:-20]
    assert np.abs(inner / walls.DEPTH - 1).max() < 0.03
    assert views[0].sure[6:-6, 20:-20].mean() > 0.95


def test_the_plain_part_of_a_wall_takes_its_depth_from_the_rest() -> None:
    views = depth_views(walls.pictures(plain_from=0.4), near(), walls.points())
    assert np.abs(np.median(views[0].depth[:, 70:]) / walls.DEPTH - 1) < 0.1


def test_two_photos_are_sure_of_nothing() -> None:
    made = walls.pictures()
    views = depth_views(made, [[1], [0]], walls.points())
    assert not any(view.sure.any() for view in views.values())


def test_what_stands_before_a_wall_is_looked_through() -> None:
    made, partners_of = walls.pictures(), near()
    views = depth_views(made, partners_of, walls.points())
    wrong = views[0].depth.copy()
    wrong[30:40, 40:50] = 2.5
    views[0] = DepthView(views[0].picture, wrong, views[0].sure)
    said = votes(views, partners_of, 0)
    assert (said.through[30:40, 40:50] >= 3).all() and (said.agree[30:40, 40:50] == 0).all()
    assert (said.through[10:25, 40:50] == 0).all() and (said.agree[10:25, 40:50] >= 2).all()
    assert (said.shown >= said.agree + said.through).all() and said.shown.max() == 5


def test_what_others_look_through_gives_no_seeds() -> None:
    partners_of = near()
    views = depth_views(walls.pictures(), partners_of, walls.points())
    before = candidates(views, partners_of, 0)
    wrong = views[0].depth.copy()
    wrong[30:40, 40:50] = 2.5
    views[0] = DepthView(views[0].picture, wrong, views[0].sure)
    after = candidates(views, partners_of, 0)
    assert len(after.xyz) == len(before.xyz) - 100 and after.xyz[:, 2].min() > 3


def test_guesses_do_not_vote() -> None:
    partners_of = near()
    views = depth_views(walls.pictures(), partners_of, walls.points())
    guessed = {view: DepthView(one.picture, one.depth, one.sure & (view == 0)) for view, one in views.items()}
    assert votes(views, partners_of, 0).agree.max() >= 2
    said = votes(guessed, partners_of, 0)
    assert said.agree.max() == said.through.max() == 0
    assert np.array_equal(votes(guessed, partners_of, 0, guesses=True).shown, said.shown)
    assert (votes(guessed, partners_of, 0, guesses=True).agree >= votes(views, partners_of, 0).agree).all()


def test_guesses_are_likely_where_those_of_other_photos_come_to_the_same() -> None:
    partners_of = near()
    views = depth_views(walls.pictures(), partners_of, walls.points())
    flat = {
        view: DepthView(one.picture, np.full_like(one.depth, walls.DEPTH), one.sure & False)
        for view, one in views.items()
    }
    shown = votes(flat, partners_of, 0).shown
    assert {0, 1} < set(shown.ravel().tolist()) or shown.min() >= 1
    together = candidates(flat, partners_of, 0)
    assert not together.sure.any() and np.array_equal(together.likely, shown.ravel() >= 1)
    alone = {
        view: one if view == 0 else DepthView(one.picture, one.depth * (1.1 + 0.1 * view), one.sure)
        for view, one in flat.items()
    }
    assert not candidates(alone, partners_of, 0).likely.any()
    seen_through = {
        view: one if view == 0 else DepthView(one.picture, one.depth * (1 if view < 3 else 1.5), one.sure | (view == 3))
        for view, one in flat.items()
    }
    said = votes(seen_through, partners_of, 0)
    assert (said.through == 1).any()
    assert not candidates(seen_through, partners_of, 0).likely[said.through.ravel() == 1].any()


def test_filling_keeps_what_is_known_and_stops_at_edges() -> None:
    color = np.zeros((16, 20, 3), np.float32)
    color[:, 10:] = 1.0
    known = np.zeros((16, 20), bool)
    known[3, 2] = known[12, 17] = True
    values = np.zeros((16, 20))
    values[3, 2], values[12, 17] = 1.0, 5.0
    found = filled(values, known, color)
    assert found[3, 2] == 1 and found[12, 17] == 5
    assert found[:, :9].max() < 3 < found[:, 11:].min()
    assert np.allclose(
        filled(np.full((7, 5), 2.0), np.eye(7, 5) > 0, np.random.default_rng(0).random((7, 5, 3)).astype(np.float32)),
        2.0,
    )


def seeds_of(plain_from: float, keep: Callable[[int], np.ndarray | None] = lambda view: None) -> Seeds:
    made = walls.cameras()
    return stereo_seeds(
        made, lambda view: walls.photo(made[view], plain_from), keep, walls.points(), np.random.default_rng(0)
    )


def test_seeds_stand_on_the_wall_in_its_colours() -> None:
    seeds = seeds_of(np.inf)
    assert seeds.agreed > 0.6 and seeds.agreed == seeds.sure.mean()
    assert np.quantile(np.abs(seeds.xyz[:, 2] - walls.DEPTH), 0.9) < 0.15
    expected = 255 * walls.texture(seeds.xyz[:, 0], seeds.xyz[:, 1]).clip(0, 1)
    assert np.median(np.abs(seeds.rgb - expected)) < 6


def test_few_seeds_stand_where_photos_do_not_agree() -> None:
    plain = seeds_of(0.0)
    assert plain.agreed < 0.85 * seeds_of(np.inf).agreed
    few, many = (plain.some(2000, np.random.default_rng(1), unsure) for unsure in (UNSURE, 1.0))
    assert len(many.xyz) == 2000
    likely = plain.likely.mean()
    assert plain.agreed <= likely < 1 and plain.likely[plain.sure].all()
    assert len(few.xyz) == pytest.approx(2000 * min(1, DENSER * (likely + UNSURE * (1 - likely))), abs=1)
    third = Seeds(plain.xyz, plain.rgb, plain.sure, np.arange(len(plain.xyz)) % 3 == 0)
    assert len(third.some(900, np.random.default_rng(0)).xyz) == pytest.approx(300 * DENSER * (1 + 2 * UNSURE), abs=2)
    assert few.likely.mean() > 0.95 and many.likely.mean() == pytest.approx(likely, abs=0.03)
    assert (few.xyz[:, 0] > 0.5).mean() < 0.85 * (many.xyz[:, 0] > 0.5).mean()


@pytest.mark.parametrize(
    ("part", "seeds", "unlikely"),
    [(1.0, 2000, 0), (0.5, 2000, 49), (0.25, 1075, 75), (0.0, 100, 100)],  # 2000 * 2 * (part + (1 - part) / 40)
)
def test_likely_pixels_get_forty_times_as_many_seeds_as_others(part: float, seeds: int, unlikely: int) -> None:
    count = 40_000
    likely = np.arange(count) < part * count
    nowhere, black = np.zeros((count, 3)), np.zeros((count, 3), np.uint8)
    found = Seeds(nowhere, black, np.zeros(count, bool), likely).some(2000, np.random.default_rng(0))
    assert len(found.xyz) == seeds
    assert (~found.likely).sum() == pytest.approx(unlikely, abs=4 * unlikely**0.5)
    assert len(Seeds(nowhere, black, ~likely, likely).some(2000, np.random.default_rng(0), unsure=1.0).xyz) == 2000


def test_hidden_pixels_give_no_seeds() -> None:
    hidden = np.ones((walls.HEIGHT, walls.WIDTH), bool)
    hidden[: walls.HEIGHT // 2] = False
    seeds = seeds_of(np.inf, keep=lambda view: hidden)
    assert len(seeds.xyz) > 300 and (seeds.xyz[:, 1] > -0.35).all()  # y down: the lower halves of the photos


def test_without_points_there_are_no_seeds() -> None:
    made = walls.cameras()
    for points in (walls.points(8), np.zeros((0, 3))):
        seeds = stereo_seeds(
            made, lambda view: walls.photo(made[view]), lambda view: None, points, np.random.default_rng(0)
        )
        assert len(seeds.xyz) == 0 and seeds.agreed == 0 and len(seeds.some(10, np.random.default_rng(0)).xyz) == 0
