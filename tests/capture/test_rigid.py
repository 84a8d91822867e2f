"""Poses as other programs write them, against known answers."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splat.capture.rigid import nearest_rotation, quaternion_matrix, viewmat_of_camera, viewmat_of_world
from splat.capture.types import FARTHEST

TURN = Rotation.from_euler("xyz", [100, -20, 30], degrees=True).as_matrix()
CENTRE = np.array([3.0, -1.0, 2.0])


def test_a_camera_sees_itself_at_zero_and_its_axes_where_they_are():
    for scale in (1.0, 0.2, 40.0):
        viewmat = viewmat_of_camera(scale * TURN, CENTRE)
        np.testing.assert_allclose(viewmat @ [*CENTRE, 1.0], [0, 0, 0, 1], atol=1e-12)
        np.testing.assert_allclose(viewmat @ [*(CENTRE + 5 * TURN[:, 2]), 1.0], [0, 0, 5, 1], atol=1e-12)  # forward
        np.testing.assert_allclose(viewmat @ [*(CENTRE + TURN[:, 0]), 1.0], [1, 0, 0, 1], atol=1e-12)  # right
        np.testing.assert_allclose(viewmat_of_world(scale * TURN.T, viewmat[:3, 3]), viewmat, atol=1e-12)


def test_what_is_nearly_a_rotation_becomes_one():
    rough = TURN + 0.01 * np.random.default_rng(0).normal(size=(3, 3))
    found = nearest_rotation(rough)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)
    for degrees in (-0.5, 0.5):  # none beside it is nearer
        for axis in "xyz":
            beside = found @ Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
            assert np.linalg.norm(rough - found) < np.linalg.norm(rough - beside)
    assert nearest_rotation(TURN) is TURN  # as it was written


@pytest.mark.parametrize(
    "matrix", [TURN * [1.0, 1.0, -1.0], -TURN, np.zeros((3, 3)), np.outer(CENTRE, CENTRE), TURN * np.nan, TURN * np.inf]
)
def test_mirrored_singular_and_unknown_rotations_are_none(matrix):
    assert nearest_rotation(matrix) is None
    assert viewmat_of_camera(matrix, CENTRE) is None and viewmat_of_world(matrix, CENTRE) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * FARTHEST, -2 * FARTHEST])
@pytest.mark.parametrize("axis", range(3))
def test_places_that_are_nowhere_are_none(axis, value):
    place = np.where(np.arange(3) == axis, value, CENTRE)
    assert viewmat_of_camera(TURN, place) is None and viewmat_of_world(TURN, place) is None


def test_quaternions_of_any_length_are_those_of_scipy():
    for x, y, z, w in np.random.default_rng(1).normal(size=(5, 4)):
        expected = Rotation.from_quat([x, y, z, w]).as_matrix()
        np.testing.assert_allclose(quaternion_matrix(w, x, y, z), expected, atol=1e-12)
    assert np.isnan(quaternion_matrix(0, 0, 0, 0)).all() and np.isnan(quaternion_matrix(1, 0, np.nan, 0)).all()
