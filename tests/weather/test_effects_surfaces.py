"""Snow lies on what faces up under the sky, and only there; rain makes it wet."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.gaussians import Gaussians
from splat.sh import sh0_to_rgb
from splat.weather.effects.place import estimate_metres, estimate_up
from splat.weather.effects.surfaces import sky_map, snowed, surface_normals, wetted
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
    scene, brightness = covered()
    before = sh0_to_rgb(SCENE.sh0[:, 0]).mean(dim=1).numpy()
    old = brightness[: len(SCENE)]
    far = SCENE.means[:, 2].numpy() < 3.7
    outside = (PARTS == "floor") & far & ~below_table(SCENE, -0.1)
    assert (old[outside] > 0.8).all() and (old[PARTS == "table"] > 0.8).all()
    inside = (PARTS == "floor") & below_table(SCENE, 0.1)
    assert inside.sum() > 100 and np.allclose(old[inside], before[inside])
    upper = (PARTS == "wall") & (SCENE.means[:, 1].numpy() < 0.7) & (SCENE.means[:, 1].numpy() > -1.9)
    assert np.allclose(old[upper], before[upper])
    layer = scene[slice(len(SCENE), None)]
    assert len(layer) >= outside.sum() and (brightness[len(SCENE) :] > 0.5).all()
    heights = layer.means[:, 1].numpy()[layer.means[:, 2].numpy() < 3.7]
    assert (np.minimum(np.abs(heights - 0.98), np.abs(heights - 0.38)) < 1e-5).all()  # 2 cm above floor and table


@pytest.mark.parametrize("amount", [0.0, 0.3, 0.7])
def test_the_amount_is_the_part_under_snow(amount: float) -> None:
    floor = sheet((-4, 1, 0), (8, 0, 0), (0, 0, 8), step=0.08)
    normals = surface_normals(floor, torch.zeros(3))
    scene = snowed(floor, torch.ones(len(floor), dtype=torch.bool), normals, UP, amount, LIGHT, 1.0, seed=0)
    assert (len(scene) - len(floor)) / len(floor) == pytest.approx(amount, abs=0.12)


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
