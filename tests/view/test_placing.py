import math

import numpy as np
import pytest
import torch

from splat.view.placing import SIZE, Placing, page_pose, placing_of, scene_camera
from tests.edit.scenes import camera, renderer_of


def test_points_come_back() -> None:
    placing = Placing(np.array([3.0, -2.0, 1.0]), 0.25, np.array([0.0, -1.0, 0.0]))
    points = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(placing.to_scene(placing.to_page(points)), points, atol=1e-12)
    np.testing.assert_allclose(placing.to_page(np.array([7.0, -2.0, 1.0])), [1.0, 0.0, 0.0])


def test_a_camera_comes_back_with_its_picture() -> None:
    placing = Placing(np.array([0.5, 0.1, -0.3]), 7.0, np.array([0.0, -1.0, 0.0]))
    one = camera(37.0)
    back = scene_camera(page_pose(one, placing), placing, one.height)
    assert (back.width, back.height) == (one.width, one.height)
    torch.testing.assert_close(back.viewmat, one.viewmat, atol=1e-9, rtol=0)
    torch.testing.assert_close(back.K, one.K, atol=1e-9, rtol=0)


def test_the_field_of_view_is_vertical() -> None:
    placing = Placing(np.zeros(3), 1.0, np.array([0.0, -1.0, 0.0]))
    pose = page_pose(camera(0.0), placing)
    assert pose.fov == pytest.approx(2 * math.atan(36 / 90))
    assert pose.aspect == pytest.approx(96 / 72)


def test_a_scene_is_a_few_units_large_and_up_is_the_cameras() -> None:
    made = renderer_of()
    for factor in (1.0, 1e3):
        scene = made.scene.replace(means=made.scene.means * factor, scales=made.scene.scales + math.log(factor))
        cameras = []
        for one in made.cameras:
            viewmat = one.viewmat.clone()
            viewmat[:3, 3] *= factor
            cameras.append(type(one)(viewmat, one.K, one.width, one.height, one.name))
        placing = placing_of(scene, cameras)
        reach = max(np.linalg.norm(placing.to_page(one.position.numpy())) for one in cameras)
        assert 0.3 * SIZE < reach < 3 * SIZE
        np.testing.assert_allclose(placing.up, [0, -1, 0], atol=1e-6)


def test_an_up_that_is_known_goes_before_the_cameras() -> None:
    made = renderer_of()
    np.testing.assert_allclose(placing_of(made.scene, made.cameras, np.array([0.0, 0.0, 2.0])).up, [0, 0, 1])
