import numpy as np
import pytest

from splat.errors import SplatError
from splat.view.picking import surface_point
from tests.edit.scenes import ball, renderer_of


def test_a_click_on_a_ball_is_its_nearest_point() -> None:
    renderer = renderer_of(ball((0, 0, 0), 0.5, (0.8, 0.1, 0.1), count=4000))
    point = surface_point(renderer, renderer.cameras[0].resized(384, 288), (0.5, 0.5))
    np.testing.assert_allclose(point, [0, 0, -0.5], atol=0.02)  # the camera stands at z = -4


def test_a_click_beside_the_middle() -> None:
    renderer = renderer_of(ball((0.6, -0.4, 0), 0.2, (0.8, 0.1, 0.1), count=2000))
    camera = renderer.cameras[0].resized(384, 288)
    pixels, _ = camera.project(renderer.scene.means.new_tensor([[0.6, -0.4, -0.2]]).double())
    place = (float(pixels[0, 0]) / camera.width, float(pixels[0, 1]) / camera.height)
    np.testing.assert_allclose(surface_point(renderer, camera, place), [0.6, -0.4, -0.2], atol=0.02)


def test_a_click_on_nothing_is_said() -> None:
    renderer = renderer_of(ball((0, 0, 0), 0.5, (0.8, 0.1, 0.1)))
    with pytest.raises(SplatError, match="nothing is seen there"):
        surface_point(renderer, renderer.cameras[0], (0.01, 0.01))
