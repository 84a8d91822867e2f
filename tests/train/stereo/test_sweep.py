import numpy as np
import pytest
import torch

from splat.train.stereo.sweep import ascending, homographies, matching_cost, plane_depths
from tests.train.stereo import walls


def test_homographies_are_projections_of_planes() -> None:
    camera, other = walls.camera_at(0.1, -0.2), walls.camera_at(0.5, 0.3)
    turn = torch.linalg.matrix_exp(torch.tensor([[0, -0.1, 0.05], [0.1, 0, 0.02], [-0.05, -0.02, 0]]).double())
    other.viewmat[:3] = turn @ other.viewmat[:3]
    pixels = torch.tensor([[10.0, 20.0], [50.5, 33.0], [90.0, 70.0]], dtype=torch.float64)
    for depth, matrix in zip((2.0, 5.0), homographies(camera, other, np.array([2.0, 5.0]))):
        points = camera.unproject(pixels, torch.full((3,), depth, dtype=torch.float64))
        expected, _ = other.project(points)
        found = np.column_stack([pixels.numpy() - 0.5, np.ones(3)]) @ matrix.T
        assert np.allclose(found[:, :2] / found[:, 2:] + 0.5, expected.numpy())


def test_arrays_are_sorted_among_themselves() -> None:
    arrays = [np.random.default_rng(seed).random((3, 4)) for seed in range(5)]
    arrays[2][1, 1] = np.inf
    assert np.array_equal(np.stack(ascending(arrays)), np.sort(np.stack(arrays), axis=0))


def test_the_depth_of_a_wall_costs_least() -> None:
    made = walls.pictures()
    depths = np.array([3.0, 3.5, 4.0, 4.6, 5.5])
    cost = matching_cost(made[0], [made[1], made[2], made[3]], depths, walls.points())
    assert (cost.argmin(axis=2)[4:-4, 16:-16] == 2).mean() > 0.99
    assert cost[4:-4, 16:-16, 2].mean() < 0.1 < cost[4:-4, 16:-16, 0].mean()


def test_exposure_changes_no_choice() -> None:
    made = walls.pictures()
    darker = [type(made[k])(made[k].camera, made[k].color * 0.7, made[k].counts) for k in (1, 2, 3)]
    depths = np.array([3.0, 3.5, 4.0, 4.6, 5.5])
    assert (matching_cost(made[0], darker, depths, walls.points()).argmin(axis=2)[4:-4, 16:-16] == 2).mean() > 0.95


def test_what_a_mask_hides_in_another_photo_is_no_evidence() -> None:
    made = walls.pictures()
    spoiled = made[2].color.copy()
    spoiled[:, :48] = 1.0
    hidden = np.ones(made[2].counts.shape, bool)
    hidden[:, :48] = False
    depths = np.array([3.0, 4.0, 5.5])
    other = type(made[2])(made[2].camera, spoiled, hidden)
    seen = matching_cost(made[0], [made[1], made[3], other], depths, walls.points())
    without = matching_cost(made[0], [made[1], made[3]], depths, walls.points())
    left = np.s_[8:-8, 20:30]  # there the third photo shows only what is hidden
    assert np.array_equal(seen[left], without[left])


def test_planes_lie_around_the_known_points() -> None:
    depths = plane_depths(walls.camera_at(0), walls.points())
    assert depths is not None and depths[0] < 0.7 * walls.DEPTH and depths[-1] > 3 * walls.DEPTH
    assert np.ptp(np.diff(1 / depths)) == pytest.approx(0, abs=1e-12)
    assert plane_depths(walls.camera_at(0), walls.points(11)) is None
