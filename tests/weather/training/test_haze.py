"""Fog: its law, and whether its density and airlight are found from colours at several distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.weather.training.haze import Haze, HazeLearner, farthest, ray_lengths, recolor
from splat.weather.training.haze_fit import fit_haze
from tests.train.half_planes import DISTANCE, wall_access, wall_camera, wall_params

AIRLIGHT = torch.tensor([0.8, 0.82, 0.85], dtype=torch.float64)


def seen_points(beta: float, spread: float, noise: float, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Colours, distances and visibility of 800 points in 12 views, in a fog."""
    rng = np.random.default_rng(seed)
    distances = torch.from_numpy(rng.uniform(1, 5, (800, 1)) * np.exp(rng.normal(0, spread, (800, 12))))
    own = torch.from_numpy(rng.uniform(0, 1, (800, 1, 3)))
    t = torch.exp(-beta * distances)[..., None]
    colors = own * t + AIRLIGHT * (1 - t) + torch.from_numpy(rng.normal(0, noise, (800, 12, 3)))
    return colors, distances, torch.from_numpy(rng.random((800, 12)) < 0.6)


@pytest.mark.parametrize("beta", [0.1, 0.3, 0.8])
def test_density_and_airlight_are_recovered(beta: float) -> None:
    fit = fit_haze(*seen_points(beta, 0.25, 0.01))
    assert fit.beta == pytest.approx(beta, rel=0.05)
    np.testing.assert_allclose(fit.airlight, AIRLIGHT, atol=0.02)
    assert fit.evidence > 0.3


def test_hidden_points_do_no_harm() -> None:
    colors, distances, valid = seen_points(0.3, 0.25, 0.01)
    rng = np.random.default_rng(1)
    wrong = torch.from_numpy(rng.random((800, 12)) < 0.15)
    colors[wrong] = torch.from_numpy(rng.uniform(0, 1, (int(wrong.sum()), 3)))
    fit = fit_haze(colors, distances, valid)
    assert fit.beta == pytest.approx(0.3, rel=0.15)
    np.testing.assert_allclose(fit.airlight, AIRLIGHT, atol=0.05)


def test_clear_air_gives_no_evidence() -> None:
    assert fit_haze(*seen_points(0.0, 0.25, 0.02)).evidence < 0.02


def test_the_veil_is_the_law_and_sends_no_gradient_to_depth() -> None:
    image = torch.rand(4, 5, 3, requires_grad=True)
    depth = (torch.rand(4, 5) + 1).requires_grad_()
    K = torch.tensor([[5.0, 0, 2.5], [0, 5.0, 2.0], [0, 0, 1]])
    rays = ray_lengths(K, 4, 5)
    haze = Haze(torch.tensor(0.4), torch.tensor([0.8, 0.9, 1.0]))
    seen = haze.veiled(image, depth, rays)
    x, y = (torch.arange(5) + 0.5 - 2.5) / 5, (torch.arange(4) + 0.5 - 2.0) / 5
    distance = depth * torch.linalg.vector_norm(
        torch.stack([x.expand(4, 5), y[:, None].expand(4, 5), torch.ones(4, 5)]), dim=0
    )
    t = torch.exp(-0.4 * distance)[..., None].detach()
    torch.testing.assert_close(seen.detach(), image.detach() * t + torch.tensor([0.8, 0.9, 1.0]) * (1 - t))
    seen.sum().backward()
    assert depth.grad is None and image.grad is not None
    torch.testing.assert_close(image.grad, t.expand(4, 5, 3))


def test_no_fog_changes_nothing() -> None:
    image = torch.rand(4, 5, 3)
    assert Haze().veiled(image, torch.ones(4, 5), torch.ones(4, 5)) is image


def test_what_is_beyond_the_farthest_surface_gets_no_more_fog() -> None:
    haze = Haze(torch.tensor(0.4), torch.tensor([0.8, 0.9, 1.0]))
    image, near, far = torch.rand(4, 5, 3), torch.full((4, 5), 2.0), torch.full((4, 5), 50.0)
    assert torch.equal(haze.veiled(image, far, torch.ones(4, 5), 2.0), haze.veiled(image, near, torch.ones(4, 5)))


def test_a_wrong_fog_is_corrected_by_the_scene_at_several_distances() -> None:
    generator = torch.Generator().manual_seed(0)
    scene, rays = torch.rand(40, 50, 3, generator=generator), torch.ones(40, 50)
    depths = [torch.full((40, 50), distance) for distance in (1.0, 2.0, 3.0, 4.0)]
    true = Haze(torch.tensor(0.5), torch.tensor([0.8, 0.85, 0.9]))
    photos = [true.veiled(scene, depth, rays) for depth in depths]
    haze = Haze(torch.tensor(0.65), torch.tensor([0.84, 0.86, 0.87]))
    learner = HazeLearner(haze, 400)
    for step in range(400):
        number = step % 4
        (haze.veiled(scene, depths[number], rays) - photos[number]).abs().mean().backward()
        learner.step()
    assert float(haze.beta) == pytest.approx(0.5, abs=0.02)  # type: ignore[arg-type]
    np.testing.assert_allclose(haze.airlight.detach(), true.airlight, atol=0.01)  # type: ignore[union-attr]


def test_the_farthest_surface_is_where_the_farthest_points_are() -> None:
    camera = wall_camera(0.0)
    points = np.stack([np.linspace(-0.5, 0.5, 100), np.zeros(100), np.linspace(0, 1, 100)], axis=1)
    assert farthest(wall_access([camera], points), 0) == pytest.approx(1.05 * (DISTANCE + 0.98), rel=1e-4)
    assert farthest(wall_access([camera]), 0) == np.inf


def test_recolored_gaussians_look_in_the_fog_as_they_did() -> None:
    access, params = wall_access(), wall_params(side=30, size=0.06)
    with torch.no_grad():
        params["opacities"].fill_(6.0)
        params["sh0"].copy_(torch.rand(params["sh0"].shape, generator=torch.Generator().manual_seed(0)) * 0.8 - 0.2)
    before = access.renderer(params).image(access.camera(1))
    haze = Haze(torch.tensor(0.2), torch.tensor([0.8, 0.82, 0.85]))
    sh0 = params["sh0"].detach().clone()
    recolor(access, params, haze)
    assert float((params["sh0"] - sh0).abs().mean()) > 0.1
    view = access.views[1]
    with torch.no_grad():
        after, alpha, _ = access.renderer(params).render(access.camera(1), "RGB+ED")
    seen = haze.veiled(after[..., :3], after[..., 3], ray_lengths(view.K[0], view.height, view.width))
    inside = alpha > 0.99
    assert inside.float().mean() > 0.5
    assert float((seen - before)[inside].abs().max()) < 0.02
