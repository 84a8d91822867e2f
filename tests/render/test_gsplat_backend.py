"""What is handed to gsplat: both releases that may be installed must take it.

There is no CUDA here: a stand-in for `gsplat.rasterization` keeps to the stricter rules of gsplat 1.6 (no argument
`channel_chunk`, only numbers of channels that have kernels, no scene without Gaussians) and draws with our CPU kernels.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

import splat.render.api as api
from splat.gaussians import Gaussians
from splat.render import cpu_backend, gsplat_backend, lift, rasterize, render_gaussians
from splat.render.gsplat_backend import padded_channels
from tests.reference import random_scene
from tests.render.test_render_gaussians import as_gaussians

gsplat = pytest.importorskip("gsplat")

KERNELS = {  # numbers of channels, from the sources of each release
    "1.5.3": {1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 128, 129, 256, 257, 512, 513},
    "1.6": {1, 2, 3, 4, 5, 6, 8, 9, 16, 17, 21, 23, 24, 32},
}


@pytest.mark.parametrize("release", KERNELS)
@pytest.mark.parametrize("count", range(1, 33))
def test_every_number_of_channels_is_padded_to_one_that_has_kernels(count: int, release: str) -> None:
    padded = padded_channels(count)
    assert padded >= count and padded in KERNELS[release]
    assert count not in (1, 2, 3, 4, 5, 8, 9, 16, 17, 32) or padded == count


def rasterization(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, viewmats: Tensor, Ks: Tensor,
    width: int, height: int, near_plane: float = 0.01, far_plane: float = 1e10, radius_clip: float = 0.0,
    eps2d: float = 0.3, sh_degree: int | None = None, packed: bool = True, tile_size: int | None = None,
    backgrounds: Tensor | None = None, render_mode: str = "RGB", sparse_grad: bool = False, absgrad: bool = False,
    rasterize_mode: str = "classic",
    camera_model: str = "pinhole",
) -> tuple[Tensor, Tensor, dict[str, Any]]:  # fmt: skip
    """The rules of gsplat 1.6 and our own picture."""
    assert len(means), "gsplat 1.6 divides by the number of Gaussians"
    depth = render_mode != "RGB"
    channels = colors.shape[-1] + depth if render_mode.startswith("RGB") else 1
    assert channels in KERNELS["1.6"], f"Unsupported number of color channels: {channels}"
    assert backgrounds is None or (render_mode.startswith("RGB") and backgrounds.shape[-1] == channels - depth)
    image, alphas, meta = rasterize(
        means, quats, scales, opacities, colors, viewmats, Ks, width, height, near_plane=near_plane,
        far_plane=far_plane, radius_clip=radius_clip, eps2d=eps2d, sh_degree=sh_degree, backgrounds=backgrounds,
        render_mode=render_mode, absgrad=absgrad, rasterize_mode=rasterize_mode, camera_model=camera_model,
        backend="cpu",
    )  # fmt: skip
    return image, alphas, meta


@pytest.fixture
def on_gsplat(monkeypatch: pytest.MonkeyPatch) -> None:
    """gsplat's backend is taken for backend=gsplat although the tensors are on the CPU."""
    monkeypatch.setattr(gsplat, "rasterization", rasterization)
    monkeypatch.setattr(api, "_use_gsplat", lambda means, requested: requested == "gsplat")


def images_and_gradients(backend: str, channels: int, mode: str, background: bool) -> list[Tensor]:
    scene = random_scene(C=2, N=60, size=0.2)
    g = torch.Generator().manual_seed(channels)
    colors = torch.randn(60, channels, generator=g)
    behind = torch.rand(2, channels, generator=g) if background else None
    leaves = [tensor.clone().requires_grad_() for tensor in (*scene.tensors, colors)]
    image, alphas, _ = rasterize(*leaves, *scene.cameras, render_mode=mode, backgrounds=behind, backend=backend)
    (image * torch.randn(image.shape, generator=g)).sum().backward()
    gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
    return [image.detach(), alphas.detach(), *gradients]


@pytest.mark.parametrize("mode", ["RGB", "RGB+D", "RGB+ED", "D", "ED"])
@pytest.mark.parametrize("channels", [1, 6, 7, 12, 31, 32, 33, 70])
def test_padding_and_parts_do_not_change_the_image(on_gsplat: None, channels: int, mode: str) -> None:
    ours, theirs = (images_and_gradients(name, channels, mode, channels != 31) for name in ("cpu", "gsplat"))
    for one, other in zip(ours, theirs):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max().clamp(min=1)))


@pytest.mark.parametrize("channels", [1, 10, 31, 32, 65])
def test_any_number_of_features_is_lifted(on_gsplat: None, channels: int) -> None:
    scene = random_scene(C=2, N=60, size=0.2)
    features = torch.randn(2, scene.height, scene.width, channels, generator=torch.Generator().manual_seed(0))
    ours, theirs = (lift(as_gaussians(scene), *scene.cameras, features, backend=name) for name in ("cpu", "gsplat"))
    for one, other in zip(ours, theirs):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def empty() -> Gaussians:
    sizes = {"means": (0, 3), "quats": (0, 4), "scales": (0, 3), "opacities": (0,), "sh0": (0, 1, 3), "shN": (0, 15, 3)}
    return Gaussians(**{name: torch.zeros(size, requires_grad=True) for name, size in sizes.items()})


@pytest.mark.parametrize("mode", ["RGB", "RGB+ED", "D"])
@pytest.mark.parametrize("background", [False, True])
def test_a_scene_without_gaussians_is_background(on_gsplat: None, mode: str, background: bool) -> None:
    scene = random_scene(C=2)
    behind = torch.rand(2, 3, generator=torch.Generator().manual_seed(0)) if background else None
    options: dict[str, Any] = {"render_mode": mode, "backgrounds": behind}
    ours, theirs = (render_gaussians(empty(), *scene.cameras, **options, backend=name) for name in ("cpu", "gsplat"))
    assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
    for name in ("means2d", "radii", "depths", "conics", "opacities", "tiles_per_gauss", "visible"):
        assert theirs[2][name].shape == ours[2][name].shape and theirs[2][name].dtype == ours[2][name].dtype, name
    theirs[2]["means2d"].retain_grad()
    theirs[0].sum().backward()
    sums, weights = lift(empty(), *scene.cameras, torch.ones(2, scene.height, scene.width, 3), backend="gsplat")
    assert sums.shape == (0, 3) and weights.shape == (0,)


def test_absolute_gradients_in_parts_are_refused(on_gsplat: None) -> None:
    scene = random_scene()
    with pytest.raises(ValueError, match="at most 32 channels"):
        rasterize(*scene.tensors, torch.rand(250, 33), *scene.cameras, absgrad=True, backend="gsplat")


def test_the_installed_gsplat_takes_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own signature decides, whatever release it is."""
    signature, calls = inspect.signature(gsplat.rasterization), []

    def recorded(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
        calls.append(signature.bind(*args, **kwargs))
        return rasterization(*args, **kwargs)

    monkeypatch.setattr(gsplat, "rasterization", recorded)
    monkeypatch.setattr(api, "_use_gsplat", lambda means, requested: requested == "gsplat")
    scene = random_scene()
    render_gaussians(as_gaussians(scene), *scene.cameras, backend="gsplat")
    rasterize(*scene.tensors, torch.rand(250, 7), *scene.cameras, backend="gsplat")
    assert len(calls) == 2 and calls[1].arguments["colors"].shape == (250, 8)


def test_both_backends_have_the_same_functions() -> None:
    for name in ("rasterize", "render_gaussians", "lift"):
        ours, theirs = (inspect.signature(getattr(module, name)) for module in (cpu_backend, gsplat_backend))
        assert list(ours.parameters) == list(theirs.parameters)
