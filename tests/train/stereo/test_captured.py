"""Depth maps of a capture: their unit, their misfits, and seeds that stand on them."""

import numpy as np

from splat.train.stereo.captured import in_unit_of_points
from splat.train.stereo.depth import JUDGES, depth_views
from splat.train.stereo.pictures import partners
from splat.train.stereo.seeds import Seeds, stereo_seeds
from tests.train.stereo import walls


def wall_map(view: int, unit: float = 1000.0) -> np.ndarray:
    """The wall in millimetres, four times as large as the small pictures, unknown in its first rows."""
    depth = np.full((4 * walls.HEIGHT, 4 * walls.WIDTH), walls.DEPTH * unit, np.float32)
    depth[: walls.HEIGHT] = 0
    return depth


def test_the_unit_is_that_of_the_points() -> None:
    picture = walls.pictures()[0]
    points = walls.points()
    points[: len(points) // 4, 2] *= 2  # a quarter of them lies behind the wall
    for unit in (1.0, 1000.0, 0.01):
        found = in_unit_of_points(picture, wall_map(0, unit), points)
        assert found is not None and found.shape == picture.counts.shape
        height = len(found) // 4
        assert np.allclose(found[height + 1 :], walls.DEPTH, rtol=0.01) and not found[: height - 1].any()


def test_depth_is_not_mixed_with_what_is_unknown_beside_it() -> None:
    depth = wall_map(0)
    depth[:, 4 * 30 + 2 :] = 0  # in the midst of a small pixel
    found = in_unit_of_points(walls.pictures()[0], depth, walls.points())
    assert found is not None and (found > 0).any()
    assert np.allclose(found[found > 0], walls.DEPTH, rtol=0.01)


def test_maps_of_other_cameras_and_few_points_are_not_used() -> None:
    picture, rng = walls.pictures()[0], np.random.default_rng(0)
    noise = rng.uniform(1, 4, (walls.HEIGHT, walls.WIDTH)).astype(np.float32)
    assert in_unit_of_points(picture, noise, walls.points()) is None
    assert in_unit_of_points(picture, wall_map(0), walls.points(8)) is None
    assert in_unit_of_points(picture, np.zeros((8, 8), np.float32), walls.points()) is None


def seeds_of(own: bool) -> Seeds:
    """Seeds on a wall whose right half is plain, with and without its depth maps."""
    made = walls.cameras()
    return stereo_seeds(
        made,
        lambda view: walls.photo(made[view], plain_from=0.0),
        lambda view: None,
        walls.points(),
        np.random.default_rng(0),
        *([wall_map] if own else []),
    )


def test_plain_walls_are_where_maps_show_them() -> None:
    blind, shown = seeds_of(False), seeds_of(True)
    assert blind.maps == 0 and shown.maps == 6
    assert shown.agreed > blind.agreed + 0.1
    away, before = (np.abs(seeds.xyz[seeds.xyz[:, 0] > 0.5, 2] - walls.DEPTH).mean() for seeds in (shown, blind))
    assert away < 0.3 * before


def test_views_without_a_map_keep_the_depth_of_the_photos() -> None:
    near = partners(walls.cameras(), walls.points(), JUDGES, np.random.default_rng(0))
    some = depth_views(walls.pictures(), near, walls.points(), lambda view: wall_map(view) if view == 2 else None)
    none = depth_views(walls.pictures(), near, walls.points())
    assert [view for view, one in some.items() if one.captured] == [2]
    assert np.abs(some[0].depth - none[0].depth).max() < 0.05 * walls.DEPTH
