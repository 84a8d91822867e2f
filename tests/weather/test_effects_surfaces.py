"""Snow lies on what faces up under the sky, and only there; rain makes it wet."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.gaussians import Gaussians
from splat.sh import sh0_to_rgb
from splat.weather.effects.sky import sky_map
from splat.weather.effects.surfaces import snow_color, snow_layer, snowed, surface_normals, wetted
from splat.weather.effects.world import estimate_metres, estimate_up
from tests.weather.places import UP, camera, join, sheet, wall

FLOOR = sheet((-2, 1, 0), (4, 0, 0), (0, 0, 4))  # y down: 1 m below the camera
TABLE = sheet((-0.5, 0.4, 1), (1, 0, 0), (0, 0, 1), (0.2, 0.2, 0.2))  # above a part of the floor
WALL = wall(4.0)
SCENE = join(FLOOR, TABLE, WALL)
PARTS = np.repeat(["floor", "table", "wall"], [len(FLOOR), len(TABLE), len(WALL)])
LIGHT = torch.ones(3)


def below_table(scene: Gaussians, margin: float) -> np.ndarray:
    x, z = scene.means[:, 0].numpy(), scene.means[:, 2].numpy()
    return (np.abs(x) < 0.5 - margin) & (np.abs(z - 1.5) < 0.5 - margin)


def covered(amount: float = 1.0) -> tuple[Gaussians, np.ndarray]:
    normals = surface_normals(SCENE, torch.tensor([0.0, 0.0, 0.0]))
    open_air = sky_map(SCENE, -UP).under_sky(SCENE.means, 0.05)
    scene = snowed(SCENE, open_air, normals, UP, amount, LIGHT, 1.0, seed=0)
    return scene, sh0_to_rgb(scene.sh0[:, 0]).mean(dim=1).numpy()


def test_normals_face_the_cameras() -> None:
    normals = surface_normals(SCENE, torch.zeros(3)).numpy()
    inner = (PARTS == "floor") & (SCENE.means[:, 2].numpy() < 3.7)
    assert (normals[inner] @ UP > 0.99).all() and (normals[PARTS == "table"] @ UP > 0.99).all()
    high = (PARTS == "wall") & (np.abs(SCENE.means[:, 1].numpy() - 1) > 0.3)
    assert (normals[high] @ np.array([0, 0, -1.0]) > 0.99).all()


def test_round_gaussians_have_the_normal_of_their_surface() -> None:
    scene = Gaussians.from_dict({**FLOOR.as_dict(), "scales": torch.full_like(FLOOR.scales, -4.0)})
    normals = surface_normals(scene, torch.zeros(3)).numpy()
    assert (normals @ UP > 0.99).mean() > 0.99


def test_snow_lies_on_upward_surfaces_under_the_sky_only() -> None:
    _, brightness = covered()
    before = sh0_to_rgb(SCENE.sh0[:, 0]).mean(dim=1).numpy()
    old = brightness[: len(SCENE)]
    far = SCENE.means[:, 2].numpy() < 3.7
    outside = (PARTS == "floor") & far & ~below_table(SCENE, -0.1)
    assert (old[outside] > 0.8).all() and (old[PARTS == "table"] > 0.8).all()
    inside = (PARTS == "floor") & below_table(SCENE, 0.1)
    assert inside.sum() > 100 and np.allclose(old[inside], before[inside])
    upper = (PARTS == "wall") & (SCENE.means[:, 1].numpy() < 0.7) & (SCENE.means[:, 1].numpy() > -1.9)
    assert np.allclose(old[upper], before[upper])


def test_a_layer_of_snow_lies_on_the_same_surfaces_and_ends_with_them() -> None:
    sky = sky_map(SCENE, -UP)
    layer = snow_layer(sky, UP, 1.0, LIGHT, 1.0, seed=0)
    x, y, z = (layer.means[:, axis].numpy() for axis in range(3))
    inner = (z < 3.7) & (z > 0.1) & (np.abs(x) < 1.9)
    on_floor, on_table = np.abs(y - 0.99) < 0.04, np.abs(y - 0.39) < 0.04
    assert (on_floor | on_table)[inner].mean() > 0.99
    table = (np.abs(x) < 0.5) & (np.abs(z - 1.5) < 0.5)
    assert (table[on_table]).mean() > 0.95 and (~table[on_floor]).mean() > 0.99
    assert on_table.sum() * sky.cell**2 == pytest.approx(1.0, abs=0.12)  # the table's square metre
    assert float((layer.opacities[on_table] > 0.9).double().mean()) > 0.9


@pytest.mark.parametrize("amount", [0.0, 0.3, 0.7])
def test_the_amount_is_the_part_under_snow(amount: float) -> None:
    floor = sheet((-4, 1, 0), (8, 0, 0), (0, 0, 8), step=0.08)
    normals = surface_normals(floor, torch.zeros(3))
    scene = snowed(floor, torch.ones(len(floor), dtype=torch.bool), normals, UP, amount, LIGHT, 1.0, seed=0)
    white = sh0_to_rgb(scene.sh0[:, 0]).mean(dim=1) > 0.6
    assert float(white.double().mean()) == pytest.approx(amount, abs=0.12)
    whole, part = (snow_layer(sky_map(floor, -UP), UP, a, LIGHT, 1.0, seed=0) for a in (1.0, amount))
    covered = [float((layer.opacities * layer.scales[:, 1] ** 2).sum()) for layer in (part, whole)]
    assert covered[0] / covered[1] == pytest.approx(amount, abs=0.12)


def test_snow_is_the_same_in_any_unit() -> None:
    floor = sheet((-4, 1, 0), (8, 0, 0), (0, 0, 8), step=0.08)
    normals, everywhere = surface_normals(floor, torch.zeros(3)), torch.ones(len(floor), dtype=torch.bool)
    colors = []
    for metres in (1.0, 0.01):  # a centimetre
        scene = floor.transformed(torch.diag(torch.tensor([1 / metres, 1 / metres, 1 / metres, 1.0])))
        colors.append(sh0_to_rgb(snowed(scene, everywhere, normals, UP, 0.3, LIGHT, metres, seed=0).sh0[:, 0]))
        layer = snow_layer(sky_map(scene, -UP), UP, 1.0, LIGHT, metres, seed=0)
        assert (3 * metres * layer.scales[:, 0]).numpy() == pytest.approx(0.02, rel=1e-3)  # m, thick
    assert torch.allclose(colors[0], colors[1], atol=1e-3) and float(colors[0].std()) > 0.1


def test_snow_is_the_brightest_thing_in_the_hue_of_the_light() -> None:
    assert snow_color(torch.tensor([0.4, 0.5, 0.3])).tolist() == pytest.approx([0.776, 0.97, 0.582])


def test_slanting_snow_reaches_below_a_roof() -> None:
    fall = np.array([1.0, 1.0, 0.0])  # with the wind from the left
    reached = sky_map(SCENE, fall).under_sky(SCENE.means, 0.05).numpy()
    x, z = SCENE.means[:, 0].numpy(), SCENE.means[:, 2].numpy()
    strip = (PARTS == "floor") & (np.abs(z - 1.5) < 0.4)
    assert reached[strip & (np.abs(x + 0.2) < 0.2)].all()  # the table's shadow lies 0.6 m to the right
    assert not reached[strip & (np.abs(x - 0.6) < 0.4)].any()


def test_haze_of_faint_gaussians_stops_nothing() -> None:
    faint = sheet((-2, -1, 0), (4, 0, 0), (0, 0, 4))
    faint.opacities = torch.full_like(faint.opacities, -3.5)
    reached = sky_map(join(FLOOR, faint), -UP).under_sky(FLOOR.means, 0.05)
    assert float(reached.double().mean()) > 0.97


def test_wet_surfaces_are_darker_where_it_rains() -> None:
    normals = surface_normals(SCENE, torch.zeros(3))
    open_air = sky_map(SCENE, -UP).under_sky(SCENE.means, 0.05)
    wet = sh0_to_rgb(wetted(SCENE, open_air, normals, UP, 1.0).sh0[:, 0])
    ratio = (wet / sh0_to_rgb(SCENE.sh0[:, 0])).mean(dim=1).numpy()
    assert ratio[PARTS == "table"] == pytest.approx(0.6, abs=1e-3)
    assert ratio[(PARTS == "floor") & below_table(SCENE, 0.1)] == pytest.approx(1.0)
    wall_ratio = ratio[(PARTS == "wall") & (SCENE.means[:, 1].numpy() < 0.7) & open_air.numpy()]
    assert (wall_ratio > 0.78).all()


def test_up_and_units_from_cameras() -> None:
    cameras = [camera((x, 0.0, 0.2)) for x in (-0.5, 0.0, 0.5)]
    up = estimate_up(cameras)
    assert up == pytest.approx(UP, abs=1e-6)
    metres, reason = estimate_metres(join(FLOOR, sheet((-2, -1, 4), (4, 0, 0), (0, 2, 0))), cameras, up)
    assert metres == pytest.approx(1.5, rel=0.02) and "lowest surface" in reason  # 1 unit above the floor
    level = wall(4.0, half=0.1)
    metres, reason = estimate_metres(level, cameras, up)
    assert metres == pytest.approx(3 / 3.8, rel=0.05) and "3 m" in reason
