"""What a rectangle, a polygon and the brush mean, seen from a camera of the page."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.errors import SplatError
from splat.view.placing import Placing, Pose, page_pose, placing_of
from splat.view.selecting.pointing import Polygon, corners_in_page, dab, in_rectangle, pixels
from tests.edit.scenes import renderer_of

RED, BLUE = slice(0, 300), slice(600, 900)  # see three_balls: the blue one is hidden behind the red one


def place_of(world: tuple[float, float, float], camera: Camera) -> tuple[float, float]:
    at, _ = camera.project(torch.tensor([world], dtype=torch.float64))
    x, y = (at[0] / torch.tensor([camera.width, camera.height])).tolist()
    return x, y


def placing() -> Placing:
    made = renderer_of()
    return placing_of(made.scene, list(made.cameras))


def test_pixels_of_places() -> None:
    camera = renderer_of().cameras[0]
    assert pixels(camera, [(0.5, 0.25), (1.0, 1.0)]) == [48, 18, 96, 72]


def test_a_rectangle_takes_what_is_seen_in_it() -> None:
    made = renderer_of()
    found = in_rectangle(made, dataclasses.replace(made.cameras[0], name="view"), (0.0, 0.0), (0.5, 1.0))
    at, _ = made.cameras[0].project(made.scene.means[found.mask].double())
    assert found.source == "rectangle(view)" and at[:, 0].max() < 96 / 2 + 2
    assert found.mask[RED].sum() > 100 and found.mask[300:600].sum() == 0
    assert found.mask[BLUE].sum() < 0.1 * 300  # most of it is hidden
    behind = made.scene.means[RED, 2] > 0.2  # far side of the red ball, as view 0 looks along z
    assert found.mask[RED][behind].sum() == 0
    swapped = in_rectangle(made, made.cameras[0], (0.5, 1.0), (0.0, 0.0))
    assert torch.equal(swapped.mask, found.mask)
    with pytest.raises(SplatError, match="too small"):
        in_rectangle(made, made.cameras[0], (0.3, 0.3), (0.3, 0.9))


def test_the_brush_takes_a_ball_at_the_surface() -> None:
    made = renderer_of()
    camera = made.cameras[0]
    found = dab(made, camera, place_of((-0.6, 0, 0), camera), 0.2)
    chosen = made.scene.means[found.mask]
    assert 0 < found.count < 150 and bool(found.mask[RED].sum() == found.count)
    assert torch.allclose(chosen.mean(0), torch.tensor([-0.6, 0, -0.4]), atol=0.1)  # the side that faces view 0
    with pytest.raises(SplatError, match="nothing is seen there"):
        dab(made, camera, (0.01, 0.01), 0.2)


def test_a_polygon_is_seen_from_where_its_first_corner_was_clicked() -> None:
    made, where = renderer_of(), placing()
    first, other = (page_pose(made.cameras[number], where) for number in (0, 2))
    polygon = Polygon()
    for place in ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)):
        assert not polygon.add(place, first, made.cameras[0])
    whole = polygon.close(made)
    assert torch.equal(whole.mask, in_rectangle(made, made.cameras[0], (0.0, 0.0), (0.5, 1.0)).mask)
    assert polygon.add((0.1, 0.1), other, made.cameras[2]) and polygon.places == [(0.1, 0.1)]
    assert polygon.camera is made.cameras[2]
    with pytest.raises(SplatError, match="at least three corners; this one has 1"):
        polygon.close(made)
    polygon.clear()
    assert not polygon.add((0.1, 0.1), first, made.cameras[0])


def test_corners_are_drawn_where_they_were_clicked() -> None:
    made, where = renderer_of(), placing()
    camera, places = made.cameras[3], [(0.2, 0.3), (0.9, 0.6)]
    drawn = corners_in_page(camera, places, where)
    at, depth = camera.project(torch.from_numpy(where.to_scene(drawn)))
    assert np.allclose(at.numpy(), np.array(places) * [camera.width, camera.height], atol=1e-6)
    assert torch.allclose(depth, torch.full((2,), 0.5 / where.scale, dtype=torch.float64))


def test_rounding_is_no_movement() -> None:
    pose = Pose((1.0, 0.0, 0.0, 0.0), (1.0, 2.0, 3.0), 1.0, 1.5)
    polygon, camera = Polygon(), renderer_of().cameras[0]
    polygon.add((0, 0), pose, camera)
    assert not polygon.add((1, 0), dataclasses.replace(pose, position=(1.0, 2.0, 3.0 + 1e-6)), camera)
    assert polygon.add((1, 1), dataclasses.replace(pose, position=(1.0, 2.0, 3.1)), camera)
    assert polygon.places == [(1, 1)]
