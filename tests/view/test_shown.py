from pathlib import Path

import numpy as np
import pytest
import torch

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.render.pictures import picture
from splat.view.opened import OpenedScene, open_scene
from splat.view.shown import Shown, compared, draw, normals_picture
from splat.weather.effects.surfaces import surface_normals
from tests.edit.scenes import GREEN, RED, ball, renderer_of


@pytest.fixture
def opened(balls_run: Path) -> OpenedScene:
    return open_scene(balls_run, "cpu")


def spot(opened: OpenedScene, image: np.ndarray, point: tuple[float, float, float]) -> np.ndarray:
    """The pixel of a point of the scene in a picture of its first camera."""
    pixels, _ = opened.cameras[0].project(torch.tensor([point], dtype=torch.float64))
    return image[int(pixels[0, 1]), int(pixels[0, 0])].astype(int)


RED_BALL, GREEN_BALL = (-0.6, 0, -0.4), (0.6, 0, -0.4)


def test_colours_are_those_of_the_command(opened: OpenedScene) -> None:
    one = opened.cameras[0]
    np.testing.assert_array_equal(draw(opened, one, Shown()), picture(opened.renderer, one)[0])


def test_opacity_is_white_where_something_is(opened: OpenedScene) -> None:
    image = draw(opened, opened.cameras[0], Shown("opacity"))
    assert (spot(opened, image, RED_BALL) > 240).all() and (image[0, 0] == 0).all()


def test_nearer_is_redder_in_depth(opened: OpenedScene) -> None:
    image = draw(opened, opened.cameras[2], Shown("depth")).astype(int)  # from the side: x is depth
    assert (image[0, 0] == 0).all() and image.max() > 100


def test_a_selection_glows_and_the_rest_turns_grey(opened: OpenedScene) -> None:
    weights = torch.zeros(900)
    weights[300:600] = 1
    plain = draw(opened, opened.cameras[0], Shown())
    image = draw(opened, opened.cameras[0], Shown(selection=Selection(weights, "green")))
    plain_green = spot(opened, plain, GREEN_BALL)
    glow, grey = spot(opened, image, GREEN_BALL), spot(opened, image, RED_BALL)
    assert glow[0] > plain_green[0] + 60 and glow[2] > plain_green[2] + 40  # magenta over green
    assert np.ptp(grey) < 0.5 * np.ptp(spot(opened, plain, RED_BALL))


def test_relevancy_is_hot_where_it_is_high(opened: OpenedScene) -> None:
    relevancy = torch.zeros(900)
    relevancy[300:600] = 1
    image = draw(opened, opened.cameras[0], Shown("relevancy", relevancy=relevancy))
    hot, cold = spot(opened, image, GREEN_BALL), spot(opened, image, RED_BALL)
    assert hot[0] > hot[2] + 30 and cold[0] < hot[0] - 30
    with pytest.raises(SplatError, match="ask something"):
        draw(opened, opened.cameras[0], Shown("relevancy"))


def test_features_that_are_not_there_are_said(opened: OpenedScene) -> None:
    with pytest.raises(SplatError, match="splat distill"):
        draw(opened, opened.cameras[0], Shown("features"))


def test_normals_of_a_ball_point_to_the_camera_in_the_middle_and_aside_at_its_edges() -> None:
    renderer = renderer_of(ball((0, 0, 0), 1.0, RED, count=20_000))
    one = renderer.cameras[0].resized(192, 144)
    colors = normals_picture(renderer, one, surface_normals(renderer.scene, torch.zeros(3))).astype(float) / 255 * 2 - 1
    np.testing.assert_allclose(colors[72, 96], [0, 0, 1], atol=0.25)
    assert colors[72, 96 + 30, 0] > 0.4 and colors[72, 96 - 30, 0] < -0.4
    assert colors[72 - 30, 96, 1] > 0.4 and colors[72 + 30, 96, 1] < -0.4


def test_two_pictures_are_split_at_the_line_or_show_their_middles() -> None:
    first, second = np.full((8, 100, 3), 10, np.uint8), np.full((8, 100, 3), 200, np.uint8)
    first[:, 50], second[:, 50] = 11, 201
    split = compared(first, second, Shown(compared="split", split=0.3))
    assert (split[:, :29] == 10).all() and (split[:, 31:50] == 200).all() and split.shape == first.shape
    beside = compared(first, second, Shown(compared="side by side"))
    assert beside.shape == first.shape
    assert (beside[:, 25] == 11).all() and (beside[:, 75] == 201).all()


def test_a_held_out_view_is_known(opened: OpenedScene) -> None:
    assert opened.held_out == {"photos/0.png", "photos/4.png"}
    assert len(opened.cameras) == 8


def test_a_file_is_shown_from_around(tmp_path: Path) -> None:
    from splat.formats import write_scene

    write_scene(tmp_path / "green.ply", ball((0, 0, 0), 0.5, GREEN))
    opened = open_scene(tmp_path / "green.ply", "cpu")
    assert opened.run is None and opened.title == "green.ply" and len(opened.cameras) > 8
    image = draw(opened, opened.cameras[0], Shown())
    middle = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
    assert middle[1] > middle[0] + 40 and middle[1] > middle[2] + 40
