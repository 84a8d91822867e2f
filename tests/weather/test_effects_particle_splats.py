"""Particles in pictures: length, opacity, occlusion, repeatability."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.gaussians import quat_to_matrix
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.weather.effects.particle_splats import Shutter, along_first_axis, drawn
from splat.weather.effects.particles import ParticleField, field_of, window
from splat.weather.effects.prepare import half_angle
from splat.weather.effects.renderer import Weather, WeatherRenderer
from splat.weather.effects.world import World
from tests.weather.places import UP, camera, wall

CPU = RenderOptions(backend="cpu", num_threads=1)
WHITE = torch.ones(3)


def single(
    position: tuple[float, float, float], velocity: tuple[float, float, float], diameter: float
) -> ParticleField:
    tensors = (torch.tensor([values], dtype=torch.float64) for values in (position, velocity))
    return ParticleField(*tensors, torch.tensor([diameter]).double(), torch.zeros(1).double(), side=50.0)


def picture(renderer: WeatherRenderer, time: float = 0.0, focal: float = 100.0, **kwargs: object) -> np.ndarray:
    return renderer.radiance(camera(focal=focal), time, **kwargs).numpy()  # type: ignore[arg-type]


def alone(field: ParticleField, shutter: Shutter) -> WeatherRenderer:
    """One field before a black wall far away."""
    weather = Weather(World(UP, 1.0), WHITE, field=field, shutter=shutter)
    return WeatherRenderer(SceneRenderer(wall(20.0, 20.0, (0, 0, 0))[::64], CPU), weather)


@pytest.mark.parametrize("exposure", [0.02, 0.05])
def test_a_streak_is_as_long_as_speed_times_exposure(exposure: float) -> None:
    """Its variance along the motion: that of a uniform line, L^2 / 12, plus the drop's own and the renderer's blur."""
    field = single((0.0, 0.0, 4.0), (0.0, 8.0, 0.0), 0.05)
    shutter = Shutter(exposure, reach=30.0, strength=1000.0)
    renderer = alone(field, shutter)
    renderer = WeatherRenderer(renderer.clear.of(renderer.scene[:0]), renderer.weather)
    image = picture(renderer)[..., 0].astype(np.float64)
    assert image.max() > 0.05
    rows = np.arange(72) + 0.5
    profile = image.sum(axis=1)
    middle = (profile * rows).sum() / profile.sum()
    variance = (profile * (rows - middle) ** 2).sum() / profile.sum()
    length = 8.0 * exposure * 100 / 4  # pixels
    expected = length**2 / 12 + (0.05 / 8**0.5 * 25) ** 2 + 0.3
    assert middle == pytest.approx(36, abs=0.1)
    assert variance == pytest.approx(expected, rel=0.06)


def test_streaks_follow_the_velocity_seen_from_the_camera() -> None:
    field = single((0.0, 0.0, 4.0), (0.0, 8.0, 0.0), 0.01)
    shutter = Shutter(0.02, reach=30.0)
    view = camera()
    still = drawn(field, 0.0, view, torch.zeros(3).double(), 1.0, shutter)
    moving = drawn(field, 0.0, view, torch.zeros(3).double(), 1.0, shutter, torch.tensor([6.0, 0, 0]).double())
    axis = quat_to_matrix(still.quats)[0, :, 0]
    assert abs(float(axis[1])) == pytest.approx(1.0, abs=1e-6)
    axis = quat_to_matrix(moving.quats)[0, :, 0]
    assert float(axis[1] / axis[0]) == pytest.approx(-8 / 6, abs=1e-5)
    along = ((10 * 0.02) ** 2 / 12 + 0.01**2 / 8) ** 0.5
    assert float(moving.scales[0, 0]) == pytest.approx(along, rel=1e-5)
    with_units = drawn(field, 0.0, camera((0, 0, 0)), torch.zeros(3).double(), 2.0, shutter)  # 1 unit = 2 m
    assert torch.allclose(with_units.means, still.means / 2)
    assert torch.allclose(with_units.scales, still.scales / 2)


def test_directions_become_rotations() -> None:
    directions = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=1)
    directions[0] = torch.tensor([-1.0, 0, 0])
    turned = quat_to_matrix(along_first_axis(directions))[:, :, 0]
    assert torch.allclose((turned * directions).sum(dim=1).abs(), torch.ones(50).double())


@pytest.mark.parametrize(
    ("diameter", "exposure"), [(0.002, 1e-6), (0.008, 1e-6), (0.05, 1e-6), (0.008, 0.01), (0.05, 0.01)]
)
def test_a_drop_takes_as_much_of_the_picture_as_its_disc(diameter: float, exposure: float) -> None:
    """However small on the picture and however long its streak: the sum of alpha is the disc's area in pixels."""
    from splat.render import rasterize

    field = single((0.1, -0.05, 2.0), (1.0, 8.0, 0.5), diameter)
    view = camera(focal=400.0)
    parts = drawn(field, 0.0, view, torch.zeros(3).double(), 1.0, Shutter(exposure, reach=30.0))
    area = np.pi / 4 * (diameter * 400 / 2) ** 2
    assert float(parts.opacities[0]) > 2.001 / 255  # fainter ones are drawn by lot, see below
    _, alphas, _ = rasterize(
        parts.means, parts.quats, parts.scales, parts.opacities.clamp(max=0.9), torch.ones(1, 3),
        view.viewmat[None].float(), view.K[None].float(), view.width, view.height, **CPU.arguments(),
    )  # fmt: skip
    kept = float(parts.opacities[0].clamp(max=0.9) / parts.opacities[0])
    assert float(alphas.sum()) == pytest.approx(area * kept, rel=0.12)  # renderers cut at alpha 1/255


def test_faint_drops_are_drawn_by_lot_and_cover_as_much() -> None:
    view = camera(focal=400.0)
    P = 20_000
    random = np.random.default_rng(0)
    start = torch.from_numpy(random.uniform((-0.3, -0.2, 4.0), (0.3, 0.2, 4.01), (P, 3)))
    velocity = torch.tensor([[0.0, 6.0, 0.0]]).double().expand(P, 3)
    chance = torch.from_numpy(random.random(P))
    field = ParticleField(start, velocity, torch.full((P,), 0.0015).double(), chance, side=50.0)
    shutter = Shutter(0.01, reach=30.0)
    parts = drawn(field, 0.0, view, torch.zeros(3).double(), 1.0, shutter)
    assert 0 < len(parts) < P / 2 and torch.allclose(parts.opacities, torch.tensor(2 / 255))
    lots = ParticleField(start, velocity, field.diameters, torch.zeros(P).double(), side=50.0)
    every = drawn(lots, 0.0, view, torch.zeros(3).double(), 1.0, shutter)  # all win: opacity is clamped, so ask physics
    assert len(every) == P
    from splat.weather.physics import streaks

    one = streaks(np.array([0.0015]), np.array([0.06]))
    width, length = (one.across[0] * 100) ** 2, (one.along[0] * 100) ** 2
    kept = np.sqrt(width * length / ((width + 0.3) * (length + 0.3)))
    expected = one.opacity[0] * kept
    assert float(parts.opacities.sum()) / P == pytest.approx(expected, rel=0.05)


def rain(scene_distance: float, seed: int = 0) -> tuple[WeatherRenderer, WeatherRenderer]:
    """Rain and no rain before and behind a wall."""
    view = camera()
    side, ahead = window(6.0, half_angle(view))
    field = field_of("rain", 100.0, np.zeros(3), UP, side, seed)
    weather = Weather(World(UP, 1.0), WHITE, field=field, shutter=Shutter(0.01, 6.0, strength=20.0), ahead=ahead)
    clear = Weather(World(UP, 1.0), WHITE)
    made = [WeatherRenderer(SceneRenderer(wall(scene_distance), CPU), one) for one in (weather, clear)]
    return made[0], made[1]


def test_a_wall_hides_the_rain_behind_it() -> None:
    near = [picture(renderer) for renderer in rain(0.19)]  # nothing is nearer than 0.2 m
    assert np.abs(near[0] - near[1]).max() < 0.01
    far = [picture(renderer) for renderer in rain(4.0)]
    assert np.abs(far[0] - far[1]).max() > 0.1
    between = [picture(renderer) for renderer in rain(1.0)]
    assert np.abs(between[0] - between[1]).mean() < 0.5 * np.abs(far[0] - far[1]).mean()


def test_any_frame_can_be_drawn_again() -> None:
    renderer, _ = rain(4.0)
    first, later = picture(renderer, 0.5), picture(renderer, 1.0)
    assert not np.array_equal(first, later)
    assert np.array_equal(picture(rain(4.0)[0], 0.5), first)
    assert not np.array_equal(picture(rain(4.0, seed=1)[0], 0.5), first)


def test_an_exported_moment_looks_as_the_picture_of_that_moment() -> None:
    from splat.cameras import stack_cameras
    from splat.render import render_gaussians

    renderer, _ = rain(4.0)
    scene = renderer.moment(camera(), 0.5)
    assert len(scene) > len(renderer.scene)
    viewmats, Ks = stack_cameras([camera()])
    exported = render_gaussians(scene, viewmats, Ks, 96, 72, **CPU.arguments())[0][0].numpy()
    assert np.allclose(exported, picture(renderer, 0.5), atol=2e-3)


def test_without_particles_the_scene_is_as_it_was() -> None:
    field = field_of("snow", 0.0, np.zeros(3), UP, 5.0, seed=0)
    weather = Weather(World(UP, 1.0), WHITE, field=field, shutter=Shutter(0.01, 4.0), ahead=2.0)
    renderer = WeatherRenderer(SceneRenderer(wall(2.0), CPU), weather)
    clear = WeatherRenderer(SceneRenderer(wall(2.0), CPU), Weather(World(UP, 1.0), WHITE))
    assert np.array_equal(picture(renderer, 1.0), picture(clear, 1.0))


def test_particles_fade_before_the_reach() -> None:
    shutter = Shutter(0.01, reach=5.0)
    counts = []
    for distance in (3.9, 4.6, 4.97, 5.1):
        parts = drawn(single((0, 0, distance), (0, 0.1, 0), 0.05), 0.0, camera(), torch.zeros(3).double(), 1.0, shutter)
        counts.append(float(parts.opacities.sum()))
    assert counts[0] > counts[1] > counts[2] > counts[3] == 0
