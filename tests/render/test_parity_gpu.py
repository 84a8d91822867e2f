"""gsplat on CUDA and the CPU kernels draw the same: images, depths, every gradient, lifted features.

gsplat's kernels use approximate exponentials, divisions and square roots (nvcc -use_fast_math), and a pair of pixel
and Gaussian that stands at a threshold (alpha 1/255, transmittance 1e-4) may fall on either side. So single pixels may
differ by about a threshold, while the relative distance of whole tensors stays far below.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from splat.render import lift, rasterize, render_gaussians
from tests.gpu import BACKEND, DEVICE, needs_gpu, working_gsplat  # noqa: F401  the fixture works by being here
from tests.reference import Scene, random_scene
from tests.render.test_render_gaussians import as_gaussians

pytestmark = needs_gpu

IMAGE = 1e-3  # relative distance of images, alphas and depths
GRADIENT = 5e-3  # of gradients, where the terms of a sum cancel
SINGLE = 4 / 255  # largest difference of a single value of an image of colours up to about 2

SCENES = {
    "one camera": {"N": 2000, "width": 120, "height": 90},
    "three cameras": {"N": 1000, "C": 3, "width": 101, "height": 67},
    "principal point off the centre": {"N": 1500, "width": 120, "height": 90, "principal": (0.27, 0.66), "spread": 2.0},
    "opaque": {"N": 1500, "width": 96, "height": 96, "opaque": 0.4},
    "one tile": {"N": 200, "width": 13, "height": 16},
}


def distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.cpu().double() - theirs.cpu().double()).norm() / theirs.cpu().double().norm().clamp(min=1e-12))


def cameras(scene: Scene, device: torch.device) -> tuple[Tensor, Tensor, int, int]:
    return scene.viewmats.to(device), scene.Ks.to(device), scene.width, scene.height


def drawn(scene: Scene, device: torch.device, backend: str, **options: Any) -> dict[str, Tensor]:
    """Image, alphas, all gradients and what the strategies read, of the raw parameters."""
    leaves = {name: value.to(device).requires_grad_() for name, value in as_gaussians(scene).as_dict().items()}
    backgrounds = options.pop("backgrounds", None)
    image, alphas, meta = render_gaussians(
        leaves, *cameras(scene, device), backend=backend,
        backgrounds=None if backgrounds is None else backgrounds.to(device), **options,
    )  # fmt: skip
    assert meta["backend"] == backend
    meta["means2d"].retain_grad()
    g = torch.Generator().manual_seed(5)
    weights = torch.randn(image.shape, generator=g).to(device), torch.randn(alphas.shape, generator=g).to(device)
    ((image * weights[0]).sum() + (alphas * weights[1]).sum()).backward()
    found = {"image": image.detach(), "alphas": alphas.detach(), "means2d.grad": meta["means2d"].grad}
    for name, leaf in leaves.items():  # where nothing depends on a parameter, one gives zeros and the other none
        found[f"{name}.grad"] = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    if options.get("absgrad"):
        found["absgrad"] = meta["means2d"].absgrad
    found["visible"] = meta["visible"]
    return found


def compare(scene: Scene, **options: Any) -> None:
    ours = drawn(scene, torch.device("cpu"), "cpu", **options)
    theirs = drawn(scene, DEVICE, BACKEND, **options)
    assert ours.keys() == theirs.keys()
    seen, also = ours.pop("visible").cpu(), theirs.pop("visible").cpu()
    assert seen.any()
    # gsplat's is by bounding box, ours by ellipse: what we draw it draws too, but for rounding
    assert (seen & ~also).float().mean() < 1e-3
    for name in ours:
        bound = GRADIENT if "grad" in name else IMAGE
        assert distance(ours[name], theirs[name]) < bound, (name, distance(ours[name], theirs[name]))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("rasterize_mode", ["classic", "antialiased"])
def test_images_and_every_gradient(scene: str, rasterize_mode: str) -> None:
    compare(random_scene(**SCENES[scene]), rasterize_mode=rasterize_mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["D", "ED", "RGB+D", "RGB+ED"])
def test_depth(mode: str) -> None:
    compare(random_scene(**SCENES["three cameras"]), render_mode=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "RGB+ED"])
def test_backgrounds(mode: str) -> None:
    scene = random_scene(**SCENES["three cameras"])  # type: ignore[arg-type]
    compare(scene, render_mode=mode, backgrounds=torch.rand(3, 3, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_degrees_of_harmonics(degree: int) -> None:
    compare(random_scene(**SCENES["one camera"]), sh_degree=degree)  # type: ignore[arg-type]


@pytest.mark.parametrize("scene", ["one camera", "three cameras"])
def test_absolute_gradients(scene: str) -> None:
    compare(random_scene(**SCENES[scene]), absgrad=True)  # type: ignore[arg-type]


def test_near_far_and_small_ones() -> None:
    compare(random_scene(**SCENES["one camera"]), near_plane=2.0, far_plane=5.0, eps2d=0.1)  # type: ignore[arg-type]


def test_single_pixels() -> None:
    """Nowhere more than what one turned threshold explains."""
    scene = random_scene(**SCENES["one camera"])  # type: ignore[arg-type]
    ours, theirs = drawn(scene, torch.device("cpu"), "cpu"), drawn(scene, DEVICE, BACKEND)
    difference = (ours["image"] - theirs["image"].cpu()).abs()
    assert float(difference.max()) < SINGLE
    assert float(difference.median()) < 1e-5


@pytest.mark.parametrize("channels", [1, 3, 7, 32, 40])
def test_feature_channels(channels: int) -> None:
    """Plain colours of any number; 40 go through gsplat in two parts, and 7 are padded to 8."""
    scene = random_scene(**SCENES["three cameras"])  # type: ignore[arg-type]
    g = torch.Generator().manual_seed(2)
    colors = torch.randn(len(scene.means), channels, generator=g)
    weights = torch.randn(3, scene.height, scene.width, channels, generator=g)
    found = []
    for device, backend in ((torch.device("cpu"), "cpu"), (DEVICE, BACKEND)):
        leaves = [tensor.to(device).requires_grad_() for tensor in (*scene.tensors, colors)]
        image = rasterize(*leaves, *cameras(scene, device), backend=backend)[0]
        (image * weights.to(device)).sum().backward()
        found.append([image.detach(), *(leaf.grad for leaf in leaves)])
    assert distance(found[0][0], found[1][0]) < IMAGE
    for ours, theirs in zip(found[0][1:], found[1][1:]):
        assert distance(ours, theirs) < GRADIENT


@pytest.mark.parametrize("channels", [3, 32, 33])
@pytest.mark.parametrize("weighted", [False, True])
def test_lifted_features(channels: int, weighted: bool) -> None:
    scene = random_scene(**SCENES["three cameras"])  # type: ignore[arg-type]
    g = torch.Generator().manual_seed(3)
    features = torch.randn(3, scene.height, scene.width, channels, generator=g)
    weights = torch.rand(3, scene.height, scene.width, generator=g) if weighted else None
    ours = lift(as_gaussians(scene), *cameras(scene, torch.device("cpu")), features, weights, backend="cpu")
    there = None if weights is None else weights.to(DEVICE)
    theirs = lift(as_gaussians(scene).to(DEVICE), *cameras(scene, DEVICE), features.to(DEVICE), there, backend=BACKEND)
    for one, other in zip(ours, theirs):
        assert distance(one, other) < GRADIENT


def test_packed_gives_the_same_image() -> None:
    scene = random_scene(**SCENES["three cameras"])  # type: ignore[arg-type]
    plain, packed = (drawn_image(scene, packed) for packed in (False, True))
    assert distance(plain, packed) < 1e-5


def drawn_image(scene: Scene, packed: bool) -> Tensor:
    gaussians = as_gaussians(scene).to(DEVICE)
    return render_gaussians(gaussians, *cameras(scene, DEVICE), packed=packed, backend=BACKEND)[0]
