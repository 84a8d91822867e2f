"""Fog: its law, and whether its density and airlight are found from colours at several distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.train.weather.haze import Haze, ray_lengths
from splat.train.weather.haze_fit import fit_haze

AIRLIGHT = torch.tensor([0.8, 0.82, 0.85], dtype=torch.float64)


def seen_points(beta: float, spread: float, noise: float, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Colours, distances and visibility of 800 points in 12 views, in a fog."""
    rng = np.random.default_rng(seed)
    distances = torch.from_numpy(rng.uniform(1, 5, (800, 1)) * np.exp(rng.normal(0, spread, (800, 12))))
    own = torch.from_numpy(rng.uniform(0, 1, (800, 1, 3)))
    t = torch.exp(-beta * distances)[..., None]
    colours = own * t + AIRLIGHT * (1 - t) + torch.from_numpy(rng.normal(0, noise, (800, 12, 3)))
    return colours, distances, torch.from_numpy(rng.random((800, 12)) < 0.6)


@pytest.mark.parametrize("beta", [0.1, 0.3, 0.8])
def test_density_and_airlight_are_recovered(beta: float) -> None:
    fit = fit_haze(*seen_points(beta, 0.25, 0.01))
    assert fit.beta == pytest.approx(beta, rel=0.05)
    np.testing.assert_allclose(fit.airlight, AIRLIGHT, atol=0.02)
    assert fit.evidence > 0.3


def test_hidden_points_do_no_harm() -> None:
    colours, distances, valid = seen_points(0.3, 0.25, 0.01)
    rng = np.random.default_rng(1)
    wrong = torch.from_numpy(rng.random((800, 12)) < 0.15)
    colours[wrong] = torch.from_numpy(rng.uniform(0, 1, (int(wrong.sum()), 3)))
    fit = fit_haze(colours, distances, valid)
    assert fit.beta == pytest.approx(0.3, rel=0.15)
    np.testing.assert_allclose(fit.airlight, AIRLIGHT, atol=0.05)


def test_clear_air_gives_no_evidence() -> None:
    assert fit_haze(*seen_points(0.0, 0.25, 0.02)).evidence < 0.02


def test_the_veil_is_the_law_and_sends_no_gradient_to_depth() -> None:
    image = torch.rand(4, 5, 3, requires_grad=True)
    depth = (torch.rand(4, 5) + 1).requires_grad_()
    K = torch.tensor([[5.0, 0, 2.5], [0, 5.0, 2.0], [0, 0, 1]])
    rays = ray_lengths(K, 4, 5)
    haze = Haze(0.4, torch.tensor([0.8, 0.9, 1.0]))
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
