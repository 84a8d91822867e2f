import numpy as np

from splat.train.stereo.smoothing import EDGE, MORE_PLANES, ONE_PLANE, chosen_depth, smoothed


def cheapest_path_to(cost: np.ndarray, jumps: np.ndarray, end: int) -> np.ndarray:
    """[D]: over all paths of planes along a line, less the least of each step before."""
    planes = cost.shape[1]
    path = cost[0].copy()
    for place in range(1, end + 1):
        apart = np.abs(np.arange(planes)[:, None] - np.arange(planes)[None])
        step = np.where(apart == 0, 0, np.where(apart == 1, np.minimum(ONE_PLANE, jumps[place - 1]), jumps[place - 1]))
        path = cost[place] + (path[None] + step).min(axis=1) - path.min()
    return path


def test_costs_are_those_of_the_cheapest_paths_from_four_sides() -> None:
    rng = np.random.default_rng(0)
    cost, grey = rng.random((4, 5, 6)).astype(np.float32), rng.random((4, 5)).astype(np.float32)
    found = smoothed(cost, grey)
    for y, x in ((0, 0), (2, 3), (3, 4)):
        expected = np.zeros(6)
        for line, values, place in ((cost[y], grey[y], x), (cost[:, x], grey[:, x], y)):
            jumps = MORE_PLANES / (1 + np.abs(np.diff(values)) / EDGE)
            last = len(line) - 1
            expected += cheapest_path_to(line, jumps, place) + cheapest_path_to(line[::-1], jumps[::-1], last - place)
        assert np.allclose(found[y, x], expected, atol=1e-5)


def test_a_plain_part_takes_the_depth_of_its_surroundings() -> None:
    cost = np.full((9, 12, 8), 0.3, np.float32)
    cost[:, :4, 2] = cost[:, 9:, 2] = 0.0
    assert (smoothed(cost, np.full((9, 12), 0.5, np.float32)).argmin(axis=2) == 2).all()


def test_depth_between_planes_is_found_by_a_parabola() -> None:
    depths = 1 / np.linspace(1, 0.2, 9)
    total = ((np.arange(9) - 3.3) ** 2)[None, None]
    assert np.allclose(chosen_depth(total, depths), 1 / np.interp(3.3, np.arange(9), 1 / depths))
    first = np.arange(9.0)[None, None]
    assert chosen_depth(first, depths)[0, 0] == depths[0]
