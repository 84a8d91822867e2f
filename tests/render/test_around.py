"""Cameras for scenes without any."""

from __future__ import annotations

import pytest
import torch

from splat.gaussians import Gaussians
from splat.render.around import MOST, cameras_around


def cloud(count: int = 500, spread: float = 1.0, middle: tuple[float, float, float] = (3.0, -2.0, 7.0)) -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    return Gaussians(
        means=spread * torch.randn(count, 3, generator=generator) + torch.tensor(middle),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.full((count, 3), -4.0),
        opacities=torch.full((count,), 3.0),
        sh0=torch.zeros(count, 1, 3),
        shN=torch.zeros(count, 0, 3),
    )


def test_every_camera_sees_nearly_all_of_the_scene_from_another_side() -> None:
    scene = cloud()
    cameras = cameras_around(scene, 8)
    assert len({camera.name for camera in cameras}) == 8
    for camera in cameras:
        assert float(camera.sees(scene.means.double()).double().mean()) >= MOST
    places = torch.stack([camera.position for camera in cameras])
    assert float(torch.pdist(places).min()) > 0.5 * float((places[0] - scene.means.double().mean(dim=0)).norm())


def test_up_is_up_in_the_picture() -> None:
    """Scenes have y down: what lies at a smaller y is nearer to the picture's upper edge (smaller rows)."""
    scene = cloud()
    middle = scene.means.double().median(dim=0).values
    for camera in cameras_around(scene, 5):
        pixels, depths = camera.project(torch.stack([middle, middle + torch.tensor([0.0, -0.5, 0.0]).double()]))
        assert (depths > 0).all()
        assert pixels[1, 1] < pixels[0, 1] - 10
        assert float(pixels[0, 0]) == pytest.approx(camera.width / 2, abs=1)


def test_far_outliers_and_transparent_gaussians_count_little() -> None:
    scene = cloud()
    usual = cameras_around(scene, 4)
    means = torch.cat([scene.means, torch.full((8, 3), 1e4), scene.means + 50])
    opacities = torch.cat([scene.opacities, torch.full((8,), 3.0), torch.full((500,), -5.0)])
    more = Gaussians.cat([scene, scene, scene])[: len(means)].replace(means=means, opacities=opacities)
    for camera, other in zip(usual, cameras_around(more, 4)):
        assert float((camera.position - other.position).norm()) < 1


def test_one_gaussian_is_a_scene_too() -> None:
    scene = cloud(1)
    for camera in cameras_around(scene, 3):
        pixels, depths = camera.project(scene.means.double())
        assert torch.isfinite(pixels).all() and (depths > 0).all()
