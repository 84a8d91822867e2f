import numpy as np
import torch

from splat.view.placing import Placing
from splat.view.walking import walking_splats
from tests.edit.scenes import RED, ball, join

PLACING = Placing(np.array([1.0, 0.0, 0.0]), 2.0, np.array([0.0, -1.0, 0.0]))


def test_shape_colour_and_place() -> None:
    scene = ball((1, 0, 0), 0.5, RED, count=10)
    quats = torch.tensor([[1.0, 0, 0, 0]]).expand(10, 4).clone()
    scales = torch.log(torch.tensor([[0.1, 0.2, 0.3]])).expand(10, 3).clone()
    scene = scene.replace(quats=quats, scales=scales)
    splats = walking_splats(scene, PLACING, 100)
    np.testing.assert_allclose(splats.centers, 2 * (scene.means.numpy() - [1, 0, 0]), atol=1e-6)
    np.testing.assert_allclose(splats.covariances[3], np.diag([0.04, 0.16, 0.36]), atol=1e-6)
    np.testing.assert_allclose(splats.rgbs[0], RED, atol=1e-6)
    np.testing.assert_allclose(splats.opacities, 1 / (1 + np.exp(-4)), atol=1e-6)
    assert splats.in_words() == ""


def test_where_there_are_too_many_those_stay_that_cover_most_and_it_is_said() -> None:
    large, small = ball((1, 0, 0), 0.5, RED, count=40), ball((1, 0, 0), 0.1, RED, count=400)
    splats = walking_splats(join(small, large), PLACING, 40)
    np.testing.assert_allclose(np.linalg.norm(splats.centers, axis=1), 1.0, atol=1e-5)  # twice 0.5
    assert "40 of 440" in splats.in_words()
