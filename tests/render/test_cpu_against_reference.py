"""The CPU kernels against the dense float64 renderer: images and every gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from splat import native
from splat.render import rasterize
from tests import reference
from tests.reference import Scene, random_scene

NAMES = ("means", "quats", "scales", "opacities", "colors")


@pytest.fixture(params=native.usable_sets(), autouse=True)
def instruction_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs each test with every instruction set that is built and that this processor has."""
    module = native.load_set(request.param)
    monkeypatch.setattr(native, "kernels", lambda: module)
    return str(request.param)


def relative_error(value: Tensor, expected: Tensor) -> float:
    return float((value.double() - expected).norm() / expected.norm().clamp(min=1e-12))


def compare(
    scene: Scene,
    colors: Tensor,
    *,
    backgrounds: Tensor | None = None,
    absgrad: bool = False,
    image_tolerance: float = 2e-6,
    gradient_tolerance: float = 1e-5,
    **options: Any,
) -> None:
    """Renders both ways, back-propagates the same random gradient through both, and compares.

    image_tolerance is relative to the brightest value of each channel (1 at least), gradient_tolerance to the L2 norm.
    """
    g = torch.Generator().manual_seed(5)
    leaves = [t.clone().requires_grad_() for t in (*scene.tensors, colors)]
    image, alphas, meta = rasterize(
        *leaves, *scene.cameras, backgrounds=backgrounds, absgrad=absgrad, backend="cpu", num_threads=2, **options
    )
    exact = [t.detach().double().requires_grad_() for t in leaves]
    expected = reference.render(
        *exact, scene.viewmats.double(), scene.Ks.double(), scene.width, scene.height,
        backgrounds=None if backgrounds is None else backgrounds.double(), **options,
    )  # fmt: skip
    assert expected.sure.double().mean() > 0.9, "the scene leaves too few pixels to compare"
    scale = expected.image.detach().abs().amax(dim=(0, 1, 2)).clamp(min=1)
    error = ((image - expected.image).abs() / scale)[expected.sure].max()
    assert error < image_tolerance, f"image differs by {error:.2e}"
    assert (alphas - expected.alphas).abs()[expected.sure].max() < image_tolerance

    meta["means2d"].retain_grad()
    for means2d in expected.means2d:
        means2d.retain_grad()
    weights = torch.randn(image.shape, generator=g) * expected.sure[..., None]
    alpha_weights = torch.randn(alphas.shape, generator=g) * expected.sure[..., None]
    ((image * weights).sum() + (alphas * alpha_weights).sum()).backward()
    ((expected.image * weights).sum() + (expected.alphas * alpha_weights).sum()).backward()
    for name, leaf, exact_leaf in zip(NAMES, leaves, exact):
        if exact_leaf.grad is None:  # colours do not matter for a depth image
            assert leaf.grad is None or leaf.grad.abs().max() == 0
            continue
        assert leaf.grad is not None, name
        error = relative_error(leaf.grad, exact_leaf.grad)
        assert error < gradient_tolerance, f"gradient of {name} is off by {error:.2e}"
    gradient = torch.stack([m.grad for m in expected.means2d])  # type: ignore[misc]
    assert relative_error(meta["means2d"].grad, gradient) < gradient_tolerance
    if absgrad:
        assert relative_error(meta["means2d"].absgrad, expected.absolute_gradients()) < 1e-5


def rgb(scene: Scene, channels: int = 3, seed: int = 1) -> Tensor:
    return torch.rand(len(scene.means), channels, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(3))
def test_random_scenes(seed: int) -> None:
    scene = random_scene(seed=seed)
    compare(scene, rgb(scene), backgrounds=torch.tensor([[0.2, 0.5, 0.9]]))


def test_rays_that_end_early() -> None:
    scene = random_scene(N=400, size=0.3, opaque=0.3)
    colors = rgb(scene)
    _, alphas, _ = rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu")
    assert (alphas > 0.999).float().mean() > 0.3, "few rays end early"
    compare(scene, colors)


def test_small_gaussians() -> None:
    """Half a pixel wide. A centre in float32 pixels is rounded by up to 4e-6 at 100 px, which shows in the image."""
    scene = random_scene(N=900, size=0.01)
    compare(scene, rgb(scene), image_tolerance=3e-6)


@pytest.mark.parametrize("size", [(330, 20), (24, 250), (200, 180)])
def test_reach_over_many_tiles(size: tuple[int, int]) -> None:
    """Images of many tiles; some Gaussians cover more than eight of them in a row, others few."""
    scene = random_scene(N=80, width=size[0], height=size[1], size=0.3, seed=6)
    scene.scales[:40] *= 0.1
    compare(scene, rgb(scene))


@pytest.mark.parametrize(("aspect", "image_tolerance", "gradient_tolerance"), [(15, 2e-5, 2e-4), (60, 8e-5, 2e-3)])
def test_long_thin_gaussians(aspect: float, image_tolerance: float, gradient_tolerance: float) -> None:
    """Needles and discs: no pixel may be lost, which would show as 4e-3.

    The conic and its gradient, in the image's axes as gsplat has them, lose (length / width)^2 roundings of float32.
    """
    scene = random_scene(N=150, width=150, height=110, size=0.02, seed=8)
    scene.scales[:75, 0] *= aspect
    scene.scales[75:, :2] *= aspect / 2
    compare(scene, rgb(scene), image_tolerance=image_tolerance, gradient_tolerance=gradient_tolerance)


def test_gaussians_beyond_the_frustum() -> None:
    """Large ones whose Jacobian is clamped, and some behind the camera."""
    scene = random_scene(N=400, spread=2.5, size=0.35)
    compare(scene, rgb(scene))


def test_principal_point_off_centre() -> None:
    scene = random_scene(principal=(0.2, 0.85), spread=1.8, size=0.25)
    compare(scene, rgb(scene))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 16, 33])
def test_channel_counts(channels: int) -> None:
    scene = random_scene(seed=2)
    compare(scene, rgb(scene, channels), backgrounds=rgb(scene, channels)[:1], absgrad=True)


@pytest.mark.parametrize("mode", ["D", "ED", "RGB+D", "RGB+ED"])
def test_depth(mode: str) -> None:
    scene = random_scene(N=600, size=0.2, seed=3)
    # Without colours all of the gradient of alpha is a difference of depths that are nearly the same: a digit is lost.
    tolerance = 2e-5 if mode in ("D", "ED") else 1e-5
    background = torch.tensor([[0.1, 0.2, 0.3]])
    compare(scene, rgb(scene), render_mode=mode, backgrounds=background, gradient_tolerance=tolerance)


def test_antialiased() -> None:
    scene = random_scene(size=0.03, seed=4)
    compare(scene, rgb(scene), rasterize_mode="antialiased")


@pytest.mark.parametrize("absgrad", [False, True])
def test_several_cameras(absgrad: bool) -> None:
    scene = random_scene(C=3)
    compare(scene, rgb(scene), absgrad=absgrad, backgrounds=torch.rand(3, 3))


def test_colors_of_each_camera() -> None:
    scene = random_scene(C=2)
    colors = torch.stack([rgb(scene, seed=1), rgb(scene, seed=2)])
    compare(scene, colors)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("mode", ["RGB", "RGB+ED"])
def test_spherical_harmonics(degree: int, mode: str) -> None:
    scene = random_scene(C=2, seed=degree)
    g = torch.Generator().manual_seed(degree)
    coefficients = 0.4 * torch.randn(len(scene.means), 16, 3, generator=g)
    # SSE2 has no fused multiply-add: one rounding more in each of the 16 products reaches 2.03e-6.
    compare(scene, coefficients, sh_degree=degree, render_mode=mode, image_tolerance=2.5e-6)


def test_near_and_far_planes() -> None:
    scene = random_scene()
    compare(scene, rgb(scene), near_plane=2.5, far_plane=4.5)


def test_gradient_of_the_camera() -> None:
    scene = random_scene(C=2, size=0.2)
    g = torch.Generator().manual_seed(0)
    coefficients = 0.4 * torch.randn(len(scene.means), 16, 3, generator=g)
    viewmats = scene.viewmats.clone().requires_grad_()
    image, _, _ = rasterize(
        *scene.tensors, coefficients, viewmats, scene.Ks, scene.width, scene.height,
        sh_degree=3, render_mode="RGB+D", backend="cpu",
    )  # fmt: skip
    exact = scene.viewmats.double().requires_grad_()
    expected = reference.render(
        *(t.double() for t in scene.tensors), coefficients.double(), exact, scene.Ks.double(), scene.width,
        scene.height, sh_degree=3, render_mode="RGB+D",
    )  # fmt: skip
    weights = torch.randn(image.shape, generator=g) * expected.sure[..., None]
    (image * weights).sum().backward()
    (expected.image * weights).sum().backward()
    assert viewmats.grad is not None and exact.grad is not None
    assert relative_error(viewmats.grad, exact.grad) < 1e-5
