"""Motions of a camera against closed forms, and their gradients against finite differences of a float64 renderer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.poses.motion import exponential, motion_between, motion_gradient, whitening
from splat.render import rasterize
from tests import reference
from tests.train.blobs import HEIGHT, WIDTH, blob_scene, ring_camera

STEP = 1e-5


def test_a_quarter_turn() -> None:
    found = exponential(torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, math.pi / 2], dtype=torch.float64))
    torch.testing.assert_close(found[:3, :3] @ torch.tensor([1.0, 0, 0]).double(), torch.tensor([0, 1.0, 0]).double())
    assert torch.equal(found[:3, 3], torch.zeros(3).double())


def test_motions_are_found_again() -> None:
    generator = torch.Generator().manual_seed(1)
    viewmats = torch.stack([ring_camera(angle, "").viewmat for angle in (0.0, 1.0, 2.0)])
    motions = 0.5 * torch.randn(3, 6, dtype=torch.float64, generator=generator)
    moved = exponential(motions) @ viewmats
    found = motion_between(viewmats, moved)
    torch.testing.assert_close(found[:, 3:], motions[:, 3:])
    torch.testing.assert_close(found[:, :3], exponential(motions)[:, :3, 3])
    assert torch.equal(motion_between(viewmats, viewmats)[:, 3:], torch.zeros(3, 3).double())


@pytest.mark.parametrize("mode", ["RGB", "RGB+D", "RGB+ED"])
@pytest.mark.parametrize("kind", ["classic", "antialiased"])
def test_gradients_of_the_kernels_are_finite_differences_of_the_reference(mode: str, kind: str) -> None:
    """With colours that depend on the direction of view, which changes with the camera's place, not with its turn."""
    scene, camera = blob_scene(count=12), ring_camera(0.4, "")
    colors = torch.cat([scene.sh0, 0.3 * torch.randn(12, 8, 3, generator=torch.Generator().manual_seed(4))], 1)
    shape = (scene.means, scene.quats, scene.scales.exp(), scene.opacities.sub(3.5).sigmoid())
    size = (WIDTH, HEIGHT)
    options = {"sh_degree": 2, "render_mode": mode, "rasterize_mode": kind}
    exact = [tensor.double() for tensor in (*shape, colors)]
    at = reference.render(*exact, camera.viewmat[None], camera.K[None], *size, **options)
    weights = torch.randn(at.image.shape, generator=torch.Generator().manual_seed(5)) * at.sure[..., None]

    viewmat = camera.viewmat[None].float().requires_grad_()
    image, _, _ = rasterize(*shape, colors, viewmat, camera.K[None].float(), *size, backend="cpu", **options)
    (image * weights).sum().backward()
    assert viewmat.grad is not None
    found = motion_gradient(viewmat.grad[0].double(), camera.viewmat)

    def value(motion: Tensor) -> float:
        moved = exponential(motion) @ camera.viewmat
        drawn = reference.render(*exact, moved[None], camera.K[None], *size, **options)
        return float((drawn.image * weights).sum())

    steps = STEP * torch.eye(6, dtype=torch.float64)
    expected = torch.tensor([(value(step) - value(-step)) / (2 * STEP) for step in steps]).double()
    assert float((found - expected).norm() / expected.norm()) < 1e-3


def test_a_white_motion_moves_the_picture_by_its_length() -> None:
    """Or by less, where a shift and a turn nearly undo each other: damping keeps such motions from becoming huge."""
    camera = ring_camera(0.3, "")
    points = blob_scene(count=500).means.double()
    before = camera.project(points)[0]
    white = torch.nn.functional.normalize(
        torch.randn(50, 6, generator=torch.Generator().manual_seed(2)).double(), dim=1
    )

    def lengths(root: Tensor) -> Tensor:
        moved = [Camera(exponential(1e-4 * (root @ u)) @ camera.viewmat, camera.K, WIDTH, HEIGHT) for u in white]
        apart = torch.stack([other.project(points)[0] - before for other in moved])
        return apart.square().sum(2).mean(1).sqrt() / WIDTH / 1e-4

    found = lengths(whitening(camera, points))
    assert float(found.min()) > 0.25 and float(found.max()) < 1.05 and float(found.mean()) > 0.7
    plain = lengths(torch.eye(6, dtype=torch.float64))
    assert float(plain.max() / plain.min()) > 1.5 * float(found.max() / found.min())


def test_a_camera_that_sees_no_points_can_be_moved_too() -> None:
    root = whitening(ring_camera(0.3, ""), torch.zeros(0, 3))
    assert torch.isfinite(root).all() and float(torch.linalg.det(root)) > 0
