"""Fog in pictures is the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.weather.effects.fog import fog_cloud, opacity_for
from splat.weather.effects.renderer import Weather, WeatherRenderer, joined, view_colors
from splat.weather.effects.scattering import graded, optical_depth, scattered
from splat.weather.effects.world import World, ambient_light, wind_vector
from splat.weather.physics import extinction
from tests.weather.places import UP, camera, wall

CPU = RenderOptions(backend="cpu", num_threads=1)
LIGHT = torch.tensor([0.8, 0.85, 0.9])


def foggy(distance: float, visibility: float, metres: float = 1.0, half: float = 3.0) -> np.ndarray:
    weather = Weather(World(UP, metres), LIGHT, fog=extinction(visibility))
    return (
        WeatherRenderer(SceneRenderer(wall(distance, half), CPU, torch.tensor([0.0, 0.0, 1.0])), weather)
        .radiance(camera(), 0.0)
        .numpy()
    )


@pytest.mark.parametrize("visibility", [2.0, 10.0, 50.0])
@pytest.mark.parametrize("metres", [1.0, 3.0])
def test_fog_is_the_formula_at_a_known_depth(visibility: float, metres: float) -> None:
    image = foggy(3.0, visibility, metres)
    for row, column in ((36, 48), (10, 5)):
        ray = np.array([(column + 0.5 - 48) / 100, (row + 0.5 - 36) / 100, 1.0])
        distance = 3.0 * np.linalg.norm(ray) * metres
        kept = np.exp(-3.912 / visibility * distance)
        expected = np.array([0.5, 0.3, 0.2]) * kept + LIGHT.numpy() * (1 - kept)
        assert image[row, column] == pytest.approx(expected, abs=0.01)


def test_what_nothing_covers_is_far_away() -> None:
    image = foggy(3.0, 20.0, half=0.5)
    assert image[2, 2] == pytest.approx(LIGHT.numpy(), abs=1e-3)  # the blue background is not seen
    thin = foggy(3.0, 1e6, half=0.5)
    assert thin[2, 2] == pytest.approx([0, 0, 1], abs=0.01)


def test_haze_of_particles_begins_beyond_their_reach() -> None:
    depths = optical_depth(torch.tensor([1.0, 5.0, 9.0]), fog=0.1, haze=0.01, begins=5.0)
    assert depths.tolist() == pytest.approx([0.1, 0.5, 0.94])
    assert scattered(torch.zeros(1, 3), depths[:1], LIGHT)[0].tolist() == pytest.approx(
        ((1 - np.exp(-0.1)) * LIGHT).tolist()
    )


def test_colors_are_those_of_the_renderer() -> None:
    from splat.cameras import stack_cameras
    from splat.render import rasterize, render_gaussians

    scene = wall(2.0)
    g = torch.Generator().manual_seed(0)
    scene.shN = 0.2 * torch.randn(scene.shN.shape, generator=g)
    view = camera((0.2, 0.1, 0.0))
    viewmats, Ks = stack_cameras([view])
    expected = render_gaussians(scene, viewmats, Ks, view.width, view.height, **CPU.arguments())[0]
    shape = (scene.means, scene.quats, scene.scales.exp(), torch.sigmoid(scene.opacities))
    image = rasterize(*shape, view_colors(scene, view), viewmats, Ks, view.width, view.height, **CPU.arguments())[0]
    assert torch.allclose(image, expected, atol=1e-5)


def test_the_grade_makes_dull_and_keeps_grey() -> None:
    color = torch.tensor([0.9, 0.2, 0.1])
    assert torch.allclose(graded(color, 0.0), color)
    dull = graded(color, 1.0)
    assert float(dull.max() - dull.min()) < 0.6 * 0.8
    assert graded(torch.full((3,), 0.5), 1.0).tolist() == pytest.approx([0.485, 0.5, 0.52])


def test_a_cloud_of_gaussians_takes_what_fog_takes() -> None:
    beta, metres = extinction(10.0), 1.0
    low, high = np.array([-4.0, -4.0, 0.5]), np.array([4.0, 4.0, 8.5])
    cloud, spread = fog_cloud(low, high, beta, metres)
    assert 0.05 < spread < 2.5 and float(cloud.opacities[0]) > 4 / 255
    scene = joined(wall(6.0, 4.0, (0, 0, 0)), cloud, torch.ones(3))
    image = WeatherRenderer(SceneRenderer(scene, CPU), Weather(World(UP, 1.0), LIGHT)).radiance(camera(), 0.0).numpy()
    kept = np.exp(-beta * 5.5)  # fog from 0.5 to 6 m
    assert 1 - float(image[20:52, 30:66].mean()) == pytest.approx(kept, abs=0.06)


def test_opacities_of_optical_depths() -> None:
    assert opacity_for(0.05) == pytest.approx(0.0494, abs=1e-3)  # Li2(o) = o + o^2 / 4 + ...
    assert opacity_for(10.0) == pytest.approx(0.99)


def test_the_light_is_that_of_the_brightest_parts() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    image[0] = (255, 204, 153)
    light = ambient_light([image])
    grey = (1.0 * 0.2126 + 0.8 * 0.7152 + 0.6 * 0.0722) / 2
    assert light.tolist() == pytest.approx([0.5 + grey, 0.4 + grey, 0.3 + grey], abs=1e-5)


def test_wind_blows_as_seen_in_the_first_picture() -> None:
    assert wind_vector(3.0, 0.0, camera(), UP) == pytest.approx([3, 0, 0], abs=1e-9)
    assert wind_vector(3.0, 90.0, camera(), UP) == pytest.approx([0, 0, 3], abs=1e-9)
