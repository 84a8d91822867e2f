"""The order along a Morton curve."""

import numpy as np

from splat.formats.morton import morton_order


def test_corners_of_a_box_in_order() -> None:
    corners = np.array([(x, y, z) for x in (0, 8) for y in (-1, 1) for z in (5, 6)], np.float32)
    order = morton_order(corners)
    assert [tuple(corners[i]) for i in order[:3]] == [(0, -1, 5), (8, -1, 5), (0, 1, 5)]  # x is in the lowest bits
    assert [tuple(corners[i]) for i in order[4:6]] == [(0, -1, 6), (8, -1, 6)]


def test_cells_are_finished_before_the_next() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (2000, 3))
    points[0], points[1] = 0, 1
    octants = ((points * 2).astype(int).clip(0, 1) * [1, 2, 4]).sum(axis=1)[morton_order(points)]
    assert np.array_equal(octants, np.sort(octants)) and len(set(octants)) == 8


def test_equal_places_keep_their_order_and_odd_ones_come_last() -> None:
    assert morton_order(np.ones((5, 3))).tolist() == [0, 1, 2, 3, 4]
    points = np.array([(1, 1, 1), (np.nan, 0, 0), (0, 0, 0), (0, np.inf, 0)])
    assert morton_order(points).tolist() == [2, 0, 1, 3]
    assert morton_order(np.full((2, 3), np.nan)).tolist() == [0, 1]
    assert morton_order(np.empty((0, 3))).tolist() == []
