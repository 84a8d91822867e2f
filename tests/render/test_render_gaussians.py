"""Raw parameters, edge cases, gsplat's strategies over the CPU renderer, repeatability."""

from __future__ import annotations

import gsplat
import numpy as np
import pytest
import torch
from torch import Tensor

from splat.gaussians import Gaussians
from splat.render import rasterize, render_gaussians
from tests import reference
from tests.reference import Scene, random_scene


def as_gaussians(scene: Scene, degree: int = 3) -> Gaussians:
    g = torch.Generator().manual_seed(7)
    bands = (degree + 1) ** 2
    coefficients = 0.4 * torch.randn(len(scene.means), bands, 3, generator=g)
    return Gaussians(
        means=scene.means,
        quats=scene.quats,
        scales=scene.scales.log(),
        opacities=torch.logit(scene.opacities),
        sh0=coefficients[:, :1].clone(),
        shN=coefficients[:, 1:].clone(),
    )


@pytest.mark.parametrize("degree", [0, 2, 3, None])
def test_raw_parameters_equal_activated_ones(degree: int | None) -> None:
    """The fused activations give what torch's give, values and gradients."""
    scene = random_scene(C=2)
    gaussians = as_gaussians(scene)
    raw = {name: t.clone().requires_grad_() for name, t in gaussians.as_dict().items()}
    plain = {name: t.clone().requires_grad_() for name, t in gaussians.as_dict().items()}
    image, alphas, _ = render_gaussians(raw, *scene.cameras, sh_degree=degree, backend="cpu")
    expected, expected_alphas, _ = rasterize(
        plain["means"],
        plain["quats"],
        plain["scales"].exp(),
        plain["opacities"].sigmoid(),
        torch.cat([plain["sh0"], plain["shN"]], dim=1),
        *scene.cameras,
        sh_degree=3 if degree is None else degree,
        backend="cpu",
    )
    assert torch.allclose(image, expected, atol=5e-6)
    assert torch.allclose(alphas, expected_alphas, atol=5e-6)
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    (image * weights).sum().backward()
    (expected * weights).sum().backward()
    for name in raw:
        gradient, reference = raw[name].grad, plain[name].grad
        assert gradient is not None and reference is not None
        assert (gradient - reference).norm() <= 2e-5 * reference.norm(), name


def test_accepts_the_dataclass_and_stops_at_its_degree() -> None:
    scene = random_scene()
    gaussians = as_gaussians(scene, degree=1)
    image, _, meta = render_gaussians(gaussians, *scene.cameras, backend="cpu")
    assert image.shape == (1, scene.height, scene.width, 3)
    assert meta["n_cameras"] == 1
    with pytest.raises(ValueError, match="needs 16 bands"):
        render_gaussians(gaussians, *scene.cameras, sh_degree=3, backend="cpu")


def test_empty_view_shows_the_background() -> None:
    scene = random_scene()
    away = scene.viewmats.clone()
    away[:, 2, 3] = -100.0
    means = scene.means.clone().requires_grad_()
    background = torch.tensor([[0.1, 0.2, 0.3]])
    image, alphas, meta = rasterize(
        means,
        *scene.tensors[1:],
        torch.rand(len(means), 3),
        away,
        *scene.cameras[1:],
        backgrounds=background,
        backend="cpu",
    )
    assert torch.equal(image, background.expand_as(image))
    assert alphas.abs().max() == 0
    assert not meta["visible"].any()
    image.sum().backward()
    assert means.grad is not None and means.grad.abs().max() == 0


@pytest.mark.parametrize("channels", [3, 20])
def test_no_gaussians_at_all(channels: int) -> None:
    scene = random_scene(N=0)
    colors = torch.zeros(0, channels, requires_grad=True)
    image, alphas, meta = rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu")
    assert image.abs().max() == 0 and alphas.abs().max() == 0
    assert meta["radii"].shape == (1, 0, 2)
    image.sum().backward()
    assert colors.grad is not None and colors.grad.shape == (0, channels)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 3), (200, 1)])
def test_odd_image_sizes(size: tuple[int, int]) -> None:
    scene = random_scene(width=size[0], height=size[1])
    colors = torch.rand(len(scene.means), 3, requires_grad=True)
    image, _, _ = rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu")
    assert image.shape == (1, size[1], size[0], 3)
    image.sum().backward()
    assert colors.grad is not None and torch.isfinite(colors.grad).all() and colors.grad.abs().sum() > 0


def test_shapes_and_options_are_checked() -> None:
    scene = random_scene()
    colors = torch.rand(len(scene.means), 3)
    with pytest.raises(ValueError, match="scales must have shape"):
        rasterize(scene.means, scene.quats, scene.scales[:5], scene.opacities, colors, *scene.cameras)
    with pytest.raises(ValueError, match="colors must be"):
        rasterize(*scene.tensors, colors[:5], *scene.cameras)
    with pytest.raises(ValueError, match="render_mode must be one of"):
        rasterize(*scene.tensors, colors, *scene.cameras, render_mode="depth")
    for size in ((0, 10), (10, -1), (600_000, 1), (1, 2**31), (2**40, 2**40)):
        with pytest.raises(ValueError, match=f"at least 1x1 and at most 524272 either way, got {size[0]}x{size[1]}"):
            rasterize(*scene.tensors, colors, scene.viewmats, scene.Ks, *size)
    for width in (53.0, "53", None):
        with pytest.raises(ValueError, match="two whole numbers"):
            rasterize(*scene.tensors, colors, scene.viewmats, scene.Ks, width, 38)  # type: ignore[arg-type]
    for threads in (0, -1, 2**40):
        with pytest.raises(ValueError, match="num_threads must be 1 to 1024"):
            rasterize(*scene.tensors, colors, *scene.cameras, num_threads=threads)
    with pytest.raises(ValueError, match="image size"):
        render_gaussians(as_gaussians(scene), scene.viewmats, scene.Ks, 0, 10)


def test_sizes_of_numpy_and_the_largest_are_taken() -> None:
    scene = random_scene()
    colors = torch.rand(len(scene.means), 3)
    image, _, _ = rasterize(*scene.tensors, colors, scene.viewmats, scene.Ks, np.int64(53), np.int32(38), backend="cpu")
    assert torch.equal(image, rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu")[0])
    image, _, _ = rasterize(*scene.tensors, colors, scene.viewmats, scene.Ks, 524_272, 1, backend="cpu")
    assert image.shape == (1, 1, 524_272, 3)


def gradients(scene: Scene, channels: int, threads: int) -> list[Tensor]:
    leaves = [t.clone().requires_grad_() for t in scene.tensors]
    colors = torch.rand(len(scene.means), channels, generator=torch.Generator().manual_seed(0)).requires_grad_()
    image, alphas, meta = rasterize(*leaves, colors, *scene.cameras, absgrad=True, backend="cpu", num_threads=threads)
    (image.square().sum() + alphas.sum()).backward()
    return [image, alphas, meta["means2d"].absgrad, *(leaf.grad for leaf in (*leaves, colors))]  # type: ignore[list-item]


@pytest.mark.parametrize("channels", [3, 40])
def test_repeats_bit_for_bit_with_any_number_of_threads(channels: int) -> None:
    scene = random_scene(N=2000, width=160, height=120)
    first = gradients(scene, channels, threads=4)
    for threads in (4, 1, 3):
        for a, b in zip(first, gradients(scene, channels, threads)):
            assert torch.equal(a, b)


def test_finite_differences() -> None:
    """One directional derivative of the whole chain, from raw parameters to the loss.

    The differences are taken in float64 with a step so small that no Gaussian crosses the threshold of a pixel: there
    the image jumps by 1/255, which the gradient leaves out on purpose, as gsplat's does.
    """
    scene = random_scene(N=60, size=0.4, width=24, height=16)
    gaussians = as_gaussians(scene).as_dict()
    g = torch.Generator().manual_seed(3)
    weights = torch.randn(1, 16, 24, 3, generator=g)
    directions = {name: torch.randn(t.shape, generator=g).double() for name, t in gaussians.items()}

    def loss(step: float) -> Tensor:
        t = {name: value.double() + step * directions[name] for name, value in gaussians.items()}
        exact = reference.render(
            t["means"],
            t["quats"],
            t["scales"].exp(),
            t["opacities"].sigmoid(),
            torch.cat([t["sh0"], t["shN"]], dim=1),
            scene.viewmats.double(),
            scene.Ks.double(),
            scene.width,
            scene.height,
            sh_degree=3,
        )
        return (exact.image * weights).sum()

    leaves = {name: t.clone().requires_grad_() for name, t in gaussians.items()}
    (render_gaussians(leaves, *scene.cameras, backend="cpu")[0] * weights).sum().backward()
    slope = sum(
        float((leaf.grad.double() * directions[name]).sum()) for name, leaf in leaves.items() if leaf.grad is not None
    )
    h = 1e-7
    assert slope == pytest.approx(float(loss(h) - loss(-h)) / (2 * h), rel=1e-4)


@pytest.mark.parametrize("absgrad", [False, True])
def test_gsplat_default_strategy_runs_on_top(absgrad: bool) -> None:
    """gsplat's own densification reads our meta and grows the scene."""
    scene = random_scene(N=300, C=2, size=0.2)
    params = torch.nn.ParameterDict(as_gaussians(scene).as_dict())
    optimizers = {name: torch.optim.Adam([{"params": [p], "lr": 1e-3, "name": name}]) for name, p in params.items()}
    strategy = gsplat.DefaultStrategy(
        refine_start_iter=1, refine_every=3, grow_grad2d=1e-6, absgrad=absgrad, key_for_gradient="means2d"
    )
    strategy.check_sanity(params, optimizers)
    state = strategy.initialize_state(scene_scale=1.0)
    target = torch.rand(2, scene.height, scene.width, 3, generator=torch.Generator().manual_seed(0))
    for step in range(1, 4):
        image, _, meta = render_gaussians(params, *scene.cameras, absgrad=absgrad, backend="cpu")
        strategy.step_pre_backward(params, optimizers, state, step, meta)
        (image - target).square().mean().backward()
        seen = int((meta["radii"] > 0).all(-1).sum())
        if step < 3:
            strategy.step_post_backward(params, optimizers, state, step, meta)
            assert int(state["count"].sum()) == seen * step
            assert float(state["grad2d"].max()) > 0
        else:
            strategy.step_post_backward(params, optimizers, state, step, meta)
        for optimizer in optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    assert len(params["means"]) > 300


def test_meta_tells_what_was_seen() -> None:
    scene = random_scene(spread=2.5)
    _, _, meta = rasterize(*scene.tensors, torch.rand(len(scene.means), 3), *scene.cameras, backend="cpu")
    drawn = (meta["radii"][0] > 0).all(-1)
    assert 0 < drawn.sum() < len(drawn)
    assert (meta["visible"] <= drawn).all()
    assert (meta["tiles_per_gauss"][0] > 0).equal(meta["visible"])
    assert meta["tile_width"] * meta["tile_size"] >= meta["width"]
