"""Lifting equals the explicit sum over pixels and views."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from splat.cameras import Camera, stack_cameras
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.language.lifting import Lifted, confidence, feature_basis, lift_features
from splat.language.types import MASKED, ViewFeatures
from splat.render import rasterize
from splat.render.scene import SceneRenderer
from tests.language.scenes import balls, ring


def pixel_weights(scene: Gaussians, camera: Camera) -> torch.Tensor:
    """w [H, W, N]: every Gaussian is rendered as a channel of its own."""
    N = len(scene)
    renders, _, _ = rasterize(
        scene.means, scene.quats, scene.scales.exp(), scene.opacities.sigmoid(), torch.eye(N), *stack_cameras([camera]),
        camera.width, camera.height,
    )  # fmt: skip
    return renders[0].double()


@pytest.mark.parametrize(("regions", "dim"), [(7, 12), (90, 12), (80, 200)])  # masks; as they are; masks in chunks
def test_lifting_is_the_explicit_sum_of_weights(regions: int, dim: int) -> None:
    scene, cameras = balls([(0, 0, 0), (0.8, 0.2, 0)]), ring(3)
    rng = np.random.default_rng(0)
    views = []
    for _ in cameras:
        labels = rng.integers(-2, regions, (2, 18, 24)).astype(np.int32)
        vectors = rng.normal(size=(regions, dim)).astype(np.float32)
        views.append(ViewFeatures(labels, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)))
    lifted = lift_features(SceneRenderer(scene), zip(cameras, views), 2)
    for level in range(2):
        sums, mass = torch.zeros(len(scene), dim, dtype=torch.float64), torch.zeros(len(scene), dtype=torch.float64)
        total = torch.zeros(len(scene), dtype=torch.float64)
        for camera, view in zip(cameras, views):
            w = pixel_weights(scene, camera)
            for y in range(camera.height):
                for x in range(camera.width):
                    label = int(view.labels[level, y // 2, x // 2])
                    if label >= 0:
                        sums += w[y, x][:, None] * torch.from_numpy(view.vectors[label]).double()
                        mass += w[y, x]
                    if label != MASKED:
                        total += w[y, x]
        seen = mass > 1e-3
        assert torch.allclose(lifted.coverage[seen, level].double(), (mass / total)[seen], atol=1e-4)
        assert torch.allclose(lifted.weight[:, level].double(), mass, rtol=1e-4, atol=1e-4)
        assert torch.allclose(lifted.features[seen, level].double(), normalize(sums, dim=1)[seen], atol=1e-4)
        assert torch.allclose(lifted.agreement[seen, level].double(), (sums.norm(dim=1) / mass)[seen], atol=1e-3)


def test_a_basis_changes_nothing_where_it_holds_all_energy() -> None:
    scene, cameras = balls([(0, 0, 0)]), ring(2)
    g = torch.Generator().manual_seed(0)
    vectors = normalize(torch.randn(5, 3, generator=g) @ torch.randn(3, 64, generator=g), dim=1)
    labels = torch.randint(0, 5, (1, 36, 48), generator=g).int().numpy()
    views = [(camera, ViewFeatures(labels, vectors.numpy())) for camera in cameras]
    basis = feature_basis(vectors, 0.99999, 64)
    assert basis is not None and basis.shape == (3, 64)
    full, short = lift_features(SceneRenderer(scene), views, 1), lift_features(SceneRenderer(scene), views, 1, basis)
    assert torch.allclose(short.features @ basis, full.features, atol=1e-4)
    assert feature_basis(torch.eye(4), 1.0, 4) is None and feature_basis(torch.eye(4), 0.5, 4).shape == (2, 4)  # type: ignore[union-attr]


def test_the_gate_leaves_out_what_is_contradicted_or_unseen() -> None:
    lifted = Lifted(
        torch.zeros(4, 1, 2),
        torch.tensor([[5.0], [5.0], [0.1], [5.0]]),
        torch.tensor([[0.9], [0.3], [1.0], [1.0]]),
        torch.tensor([[0.8], [1.0], [1.0], [0.2]]),
    )
    assert torch.allclose(confidence(lifted, 0.5, 0.5, 1.0)[:, 0], torch.tensor([0.72, 0, 0, 0]))


def test_nothing_seen_is_told() -> None:
    nothing = ViewFeatures(np.full((1, 4, 4), -1, np.int32), np.zeros((0, 3), np.float32))
    with pytest.raises(SplatError, match="says nothing"):
        lift_features(SceneRenderer(balls([(0, 0, 0)])), [(ring(1)[0], nothing)], 1)
