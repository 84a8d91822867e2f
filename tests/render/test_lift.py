"""Lifting pixel features to Gaussians: the exact adjoint of rendering them."""

from __future__ import annotations

import pytest
import torch

from splat.render import lift, rasterize
from tests import reference
from tests.reference import random_scene
from tests.render.test_render_gaussians import as_gaussians


@pytest.mark.parametrize("channels", [1, 3, 16, 50])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_equal_the_dense_weights(channels: int, weighted: bool) -> None:
    scene = random_scene(C=2, N=300, size=0.2, opaque=0.2)
    g = torch.Generator().manual_seed(0)
    features = torch.randn(2, scene.height, scene.width, channels, generator=g)
    expected = reference.render(
        *(t.double() for t in scene.tensors),
        torch.zeros(300, 1, dtype=torch.float64),
        scene.viewmats.double(),
        scene.Ks.double(),
        scene.width,
        scene.height,
    )
    pixel_weights = torch.rand(2, scene.height, scene.width, generator=g) if weighted else None
    # Pixels that hang on a rounding are left out of both.
    mask = expected.sure.float() if pixel_weights is None else expected.sure * pixel_weights
    sums, weight_sums = lift(as_gaussians(scene), *scene.cameras, features, mask, backend="cpu")
    dense_sums, dense_weights = 0, 0
    for c in range(2):
        weights = expected.weights[c] * mask[c].reshape(-1, 1).double()
        dense_sums = dense_sums + weights.T @ features[c].reshape(-1, channels).double()
        dense_weights = dense_weights + weights.sum(0)
    assert (sums - dense_sums).norm() < 1e-5 * dense_sums.norm()
    assert (weight_sums - dense_weights).norm() < 1e-5 * dense_weights.norm()


def test_is_the_adjoint_of_rendering() -> None:
    """<render(colors), F> = <colors, lift(F)> for any colours."""
    scene = random_scene(N=500)
    colors = torch.randn(500, 40)
    features = torch.randn(1, scene.height, scene.width, 40)
    image, alphas, _ = rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu")
    sums, weight_sums = lift(as_gaussians(scene), *scene.cameras, features, backend="cpu")
    inner = float((image.double() * features).sum())
    scale = float(image.norm() * features.norm())
    assert abs(inner - float((colors.double() * sums).sum())) < 1e-5 * scale
    assert float(weight_sums.sum()) == pytest.approx(float(alphas.sum()), rel=1e-5)


def test_constant_features_come_back() -> None:
    scene = random_scene()
    features = torch.tensor([2.0, -3.0]).expand(1, scene.height, scene.width, 2)
    sums, weights = lift(as_gaussians(scene), *scene.cameras, features, backend="cpu")
    seen = weights > 1e-3
    assert seen.any()
    assert torch.allclose(
        sums[seen] / weights[seen, None], torch.tensor([2.0, -3.0]).expand(int(seen.sum()), 2), atol=1e-4
    )


def test_shapes_are_checked() -> None:
    scene = random_scene()
    with pytest.raises(ValueError, match="features must be"):
        lift(as_gaussians(scene), *scene.cameras, torch.zeros(1, 5, 5, 3))
