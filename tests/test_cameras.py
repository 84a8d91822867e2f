"""Cameras: where points are seen, what pixels look along, and cameras of parts and of other sizes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from splat.cameras import Camera, find_camera, radius, stack_cameras, stem
from splat.errors import SplatError


def camera(name: str = "", position: tuple[float, float, float] = (0, 0, 0), turn: float = 0.0) -> Camera:
    """Looks along z, turned around y by `turn` degrees; 80x60 pixels, focal lengths 100 and 120."""
    angle = math.radians(turn)
    rotation = torch.tensor(
        [[math.cos(angle), 0, -math.sin(angle)], [0, 1, 0], [math.sin(angle), 0, math.cos(angle)]], dtype=torch.float64
    )
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = -rotation @ torch.tensor(position, dtype=torch.float64)
    K = torch.tensor([[100.0, 0, 40], [0, 120, 30], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, 80, 60, name)


def test_a_point_ahead_is_seen_at_the_principal_point() -> None:
    # and one beside it at 100 * 0.2 / 2 and 120 * -0.1 / 2 from there
    pixels, depth = camera().project(torch.tensor([[0.0, 0, 2], [0.2, -0.1, 2], [0, 0, -3]]))
    assert torch.allclose(pixels[:2], torch.tensor([[40.0, 30], [50, 24]]), atol=1e-5)
    assert depth.tolist() == pytest.approx([2, 2, -3])


def test_projection_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    looking = camera(position=(1, -2, 0.5), turn=25)
    points = np.random.default_rng(0).normal(size=(50, 3)) + np.array([0, 0, 8.0])
    rotation, _ = cv2.Rodrigues(looking.viewmat[:3, :3].numpy())
    wanted, _ = cv2.projectPoints(points, rotation, looking.viewmat[:3, 3].numpy(), looking.K.numpy(), None)
    pixels, depth = looking.project(torch.from_numpy(points))
    assert np.allclose(pixels.numpy(), wanted[:, 0], atol=1e-9)
    assert torch.allclose(looking.unproject(pixels, depth), torch.from_numpy(points), atol=1e-9)


def test_rays_have_depth_one_and_end_where_they_are_seen() -> None:
    looking = camera(position=(3, 1, -2), turn=-70)
    pixels = torch.tensor([[40.0, 30.0], [0.5, 0.5], [79.5, 59.5]])
    ends = looking.position + 5 * looking.rays(pixels)
    again, depth = looking.project(ends)
    assert torch.allclose(again, pixels.double()) and torch.allclose(depth, torch.full((3,), 5.0).double())


def test_what_a_camera_sees_lies_before_it_and_in_its_picture() -> None:
    points = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0.39, 0, 1], [0.41, 0, 1], [-0.401, 0, 1], [0, 0.3, 1]])
    assert camera().sees(points).tolist() == [True, False, True, False, False, False]
    assert camera().sees(points, nearest=1.0).sum() == 0


def test_a_picture_holds_its_first_edges_and_not_its_last() -> None:
    pixels = torch.tensor([[0.0, 0], [79.9, 59.9], [80, 30], [40, 60], [-0.1, 5], [5, -0.1], [70, 65]])
    assert camera().contains(pixels).tolist() == [True, True, False, False, False, False, False]


@pytest.mark.parametrize("place", ["crop", "around"])
def test_a_part_of_the_picture_sees_the_same_at_its_own_pixels(place: str) -> None:
    whole, region = camera(), torch.zeros(60, 80, dtype=torch.bool)
    region[10:20, 30:45] = True
    part = whole.crop(25, 5, 50, 25)
    if place == "around":
        part, window = whole.around(region, margin=5)
        assert window == (slice(5, 25), slice(25, 50))
    assert (part.width, part.height) == (25, 20)
    point = torch.tensor([[-0.1, -0.12, 1.0]])
    assert torch.allclose(whole.project(point)[0] - torch.tensor([25.0, 5.0]), part.project(point)[0])


def test_a_margin_ends_at_the_border() -> None:
    region = torch.zeros(60, 80, dtype=torch.bool)
    region[0, 79] = True
    part, window = camera().around(region, margin=24)
    assert window == (slice(0, 25), slice(55, 80)) and (part.width, part.height) == (25, 25)


def test_another_size_sees_the_same_at_scaled_pixels() -> None:
    point = torch.tensor([[0.11, 0.07, 1.0]])
    wanted = camera().project(point)[0]
    assert torch.allclose(camera().scaled(2.5).project(point)[0], wanted * 2.5)
    assert torch.allclose(camera().shrunk(4).project(point)[0], wanted / 4)
    tiny = camera().scaled(1e-6)
    assert (tiny.width, tiny.height) == (1, 1)


def test_the_radius_is_the_distance_of_the_farthest() -> None:
    cameras = [camera(position=(x, 0, 0)) for x in (0, 1, 5)]
    assert radius(cameras) == pytest.approx(3)
    assert radius([camera(), camera()]) == 1  # no parallax to measure by
    with pytest.raises(SplatError, match="no cameras"):
        radius([])
    with pytest.raises(SplatError, match="farther than numbers can hold"):
        radius([camera(), camera(position=(1e18, 0, 0))])


def test_names() -> None:
    cameras = [camera(name) for name in ("a/1.png", "a/2.png", "b/1.png")]
    assert find_camera(cameras, "2").name == "a/2.png" and find_camera(cameras, "b/1").name == "b/1.png"
    with pytest.raises(SplatError, match=r"2 views are called 1, such as a/1\.png and b/1\.png"):
        find_camera(cameras, "1")
    with pytest.raises(SplatError, match=r"there is no view a/3\.png; did you mean a/"):
        find_camera(cameras, "a/3.png")
    with pytest.raises(SplatError, match="there are no views"):
        find_camera([], "x")
    assert stem("C:\\photos\\1.5.png") == "1.5"


def test_a_model_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        dataclasses.replace(camera(), camera_model="eyeball").project(torch.zeros(1, 3))


def test_stacked_for_the_rasterizer() -> None:
    viewmats, Ks = stack_cameras([camera(), camera(turn=90)])
    assert viewmats.shape == (2, 4, 4) and Ks.shape == (2, 3, 3) and viewmats.dtype == Ks.dtype == torch.float32
    assert stack_cameras([])[0].shape == (0, 4, 4)
