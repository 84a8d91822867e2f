"""The photometric loss against float64 references written down independently, scikit-image and finite differences.

Bounds are three times the worst of 24 seeds over the instruction sets, or more.
"""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from splat import native
from splat.train.losses import l1_ssim, psnr
from tests.accuracy import instruction_set

SIZES = [(13, 17), (40, 61), (201, 26), (23, 1040)]  # the last two are more than one tile


@pytest.fixture(params=native.usable_sets(), autouse=True)
def every_set(request: pytest.FixtureRequest) -> Iterator[None]:
    with instruction_set(request.param):
        yield


def images(height: int, width: int, seed: int = 0, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    """A smooth colourful target and a noisy render of it, partly above 1 and below 0."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(0, 4, height), torch.linspace(0, 7, width), indexing="ij")
    target = torch.stack([x.sin() * y.cos(), (x + y).sin(), (x * y / 3).cos()], dim=-1) * 0.5 + 0.5
    target = (target + 0.05 * torch.randn(target.shape, generator=generator)).clamp(0, 1)
    return target + noise * torch.randn(target.shape, generator=generator), target


def reference(render: Tensor, target: Tensor, lam: float, mask: Tensor | None) -> tuple[float, Tensor]:
    """Loss and gradient in float64 from the textbook formula with a full 11 x 11 window."""
    x, y = render.double().clone().requires_grad_(), target.double()
    keep = torch.ones(render.shape[:2], dtype=torch.float64) if mask is None else mask.double()
    axis = torch.arange(-5, 6, dtype=torch.float64)
    line = torch.exp(-axis.square() / 4.5)
    window = (torch.outer(line, line) / line.sum() ** 2)[None, None]

    def mean(image: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(image.permute(2, 0, 1)[:, None], window, padding=5)[:, 0].permute(1, 2, 0)

    l1 = (keep[..., None] * (x - y)).abs().sum() / (3 * keep.sum())
    xm, ym = x * keep[..., None], y * keep[..., None]
    mx, my = mean(xm), mean(ym)
    vx, vy, cov = mean(xm * xm) - mx**2, mean(ym * ym) - my**2, mean(xm * ym) - mx * my
    index = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    loss = (1 - lam) * l1 + lam * (1 - (index * keep[..., None]).sum() / (3 * keep.sum()))
    loss.backward()
    return loss.item(), x.grad


def blob(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((x - 0.4 * width) ** 2 + (y - 0.5 * height) ** 2 > (0.2 * height) ** 2) & (x % 7 != 3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("masked", [False, True])
def test_value_and_gradient(size: tuple[int, int], masked: bool) -> None:
    render, target = images(*size)
    mask = blob(*size) if masked else None
    value, gradient = reference(render, target, 0.2, mask)
    x = render.clone().requires_grad_()
    loss = l1_ssim(x, target, 0.2, mask)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-5)
    assert (x.grad - gradient).norm() <= 1e-5 * gradient.norm()
    assert (x.grad - gradient).abs().max() <= 1e-4 * gradient.abs().max()


def test_any_number_of_threads() -> None:
    render, target = images(201, 45)
    mask = blob(201, 45)
    value, gradient = reference(render, target, 0.2, mask)
    results = []
    for threads in (1, 2, 3):
        x = render.clone().requires_grad_()
        loss = l1_ssim(x, target, 0.2, mask, num_threads=threads)
        loss.backward()
        results.append((loss.item(), x.grad))
    assert results[0][0] == pytest.approx(value, rel=1e-5)
    assert (results[0][1] - gradient).norm() <= 1e-5 * gradient.norm()
    for loss, grad in results[1:]:
        assert loss == results[0][0]
        assert torch.equal(grad, results[0][1])


@pytest.mark.parametrize("lam", [0.0, 0.2, 1.0])
def test_weights_of_the_two_terms(lam: float) -> None:
    render, target = images(40, 61, noise=0.3)
    value, gradient = reference(render, target, lam, None)
    x = render.clone().requires_grad_()
    loss = l1_ssim(x, target, lam)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-5)
    assert (x.grad - gradient).norm() <= 1e-5 * gradient.norm()


def test_gradient_where_images_nearly_agree_on_a_bright_plain() -> None:
    """The hard case for float32: variances of 1e-8 under squares of 1."""
    generator = torch.Generator().manual_seed(1)
    target = 0.95 + 1e-3 * torch.rand((50, 64, 3), generator=generator)
    render = target + 1e-4 * torch.randn(target.shape, generator=generator)
    value, gradient = reference(render, target, 1.0, None)
    x = render.clone().requires_grad_()
    loss = l1_ssim(x, target, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=2e-3)
    assert (x.grad - gradient).norm() <= 2e-3 * gradient.norm()


def test_finite_differences() -> None:
    render, target = images(20, 24)
    mask = blob(20, 24)
    x = render.double().requires_grad_()
    probe = torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    l1_ssim(x, target.double(), 0.2, mask).backward()
    step = 1e-6
    ahead, behind = (l1_ssim((x.detach() + s * probe), target.double(), 0.2, mask).item() for s in (step, -step))
    assert (x.grad * probe).sum().item() == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test_upstream_gradient_is_applied() -> None:
    render, target = images(20, 24)
    grads = []
    for factor in (1.0, 3.0):
        x = render.clone().requires_grad_()
        (factor * l1_ssim(x, target)).backward()
        grads.append(x.grad)
    assert torch.allclose(grads[1], 3 * grads[0], rtol=1e-5, atol=1e-9)


def test_bytes_are_divided_by_255() -> None:
    render, target = images(30, 33)
    coarse = (target * 255).round().to(torch.uint8)
    assert l1_ssim(render, coarse).item() == pytest.approx(l1_ssim(render, coarse.float() / 255).item(), rel=1e-6)


def test_agrees_with_scikit_image() -> None:
    """It has no zeros outside the picture, so pictures with a broad black frame are compared, without the frame."""
    metrics = pytest.importorskip("skimage.metrics")
    render, target = (image.clamp(0, 1) for image in images(64, 80))
    framed = [np.pad(image.double().numpy(), ((10, 10), (10, 10), (0, 0))) for image in (render, target)]
    _, index = metrics.structural_similarity(
        *framed, channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    expected = 1 - float(np.mean(index[10:-10, 10:-10]))
    assert l1_ssim(render, target, 1.0).item() == pytest.approx(expected, abs=2e-6)


def test_a_mask_hides_what_is_under_it() -> None:
    """Whatever the images hold outside the mask, neither loss nor gradient changes, and the hidden gradient is 0."""
    render, target = images(48, 52)
    mask = blob(48, 52)
    other = torch.where(mask[..., None], render, torch.full_like(render, 0.7))
    results = []
    for image in (render, other):
        x = image.clone().requires_grad_()
        loss = l1_ssim(x, target, 0.5, mask)
        loss.backward()
        results.append((loss.item(), x.grad))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert torch.allclose(results[0][1], results[1][1], rtol=1e-5, atol=1e-10)
    assert results[0][1][~mask].abs().max() == 0


def test_nothing_kept_is_no_loss() -> None:
    render, target = images(20, 24)
    x = render.clone().requires_grad_()
    loss = l1_ssim(x, target, 0.2, torch.zeros((20, 24), dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert x.grad.abs().max() == 0


def test_equal_images() -> None:
    _, target = images(30, 40)
    x = target.clone().requires_grad_()
    loss = l1_ssim(x, target)
    loss.backward()
    assert abs(loss.item()) < 1e-7
    assert x.grad.abs().max() < 1e-9
    assert psnr(target, target) == math.inf


def test_psnr_known_value() -> None:
    target = torch.full((8, 9, 3), 0.5)
    assert psnr(target + 0.1, target) == pytest.approx(20.0, abs=1e-4)
    half = torch.zeros((8, 9), dtype=torch.bool)
    half[:4] = True
    worse = target.clone()
    worse[4:] = 0
    worse[:4] += 0.01
    assert psnr(worse, target, half) == pytest.approx(40.0, abs=1e-3)


def test_wrong_shapes_are_named() -> None:
    image = torch.zeros(20, 24, 3)
    with pytest.raises(ValueError, match="render and target"):
        l1_ssim(image, torch.zeros(20, 25, 3))
    with pytest.raises(ValueError, match="mask"):
        l1_ssim(image, image, mask=torch.zeros(24, 20, dtype=torch.bool))


@pytest.mark.gpu
def test_cuda_gives_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    render, target = images(60, 70)
    value, gradient = reference(render, target, 0.2, None)
    x = render.cuda().requires_grad_()
    loss = l1_ssim(x, target.cuda(), 0.2)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-4)
    assert (x.grad.cpu() - gradient).norm() <= 1e-4 * gradient.norm()
