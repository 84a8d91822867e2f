"""The photometric loss of 3DGS, (1 - λ) L1 + λ (1 - SSIM), and PSNR.

SSIM is that of Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004: a
Gaussian window of 11 x 11 pixels, σ = 1.5, C1 = 0.01², C2 = 0.03², per channel. As in 3DGS and in fused_ssim, pixels
outside the image count as 0 in both images, and the average is over all pixels. Values above 1 are not clamped in the
loss, as in gsplat, so that pixels that are too bright still get a gradient.

A mask [H, W] keeps the pixels that are True. L1 is the mean over the kept pixels. For SSIM both images are multiplied
by the mask, and the mean is over the windows whose centre is kept. Without a kept pixel the loss is 0.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from splat import native

RADIUS, SIGMA = 5, 1.5
C1, C2 = 0.01**2, 0.03**2


def l1_ssim(
    render: Tensor,
    target: Tensor,
    ssim_lambda: float = 0.2,
    mask: Tensor | None = None,
    *,
    num_threads: int | None = None,
) -> Tensor:
    """The loss of 3DGS, a scalar that can be differentiated with respect to `render`.

    Args:
        render: [H, W, 3], floating point, nominally 0..1.
        target: [H, W, 3], floating point in 0..1, or uint8 (divided by 255).
        ssim_lambda: weight λ of 1 - SSIM; with 0 SSIM is not computed at all.
        mask: [H, W] bool, True where pixels count; None for all.
        num_threads: for the CPU kernel; None for all that the process may use.

    Raises:
        ValueError: shapes do not fit.
    """
    _check(render, target, mask)
    if render.device.type == "cpu" and render.dtype == torch.float32 and target.dtype in (torch.uint8, torch.float32):
        threads = native.default_threads() if num_threads is None else num_threads
        return _KernelLoss.apply(render, target, mask, ssim_lambda, threads)
    if render.is_cuda and mask is None and render.dtype == torch.float32:
        fused = _fused_ssim()
        if fused is not None:
            target = _as_float(target, render.dtype)
            index = fused(_planes(render)[None], _planes(target)[None], padding="same")
            return (1 - ssim_lambda) * (render - target).abs().mean() + ssim_lambda * (1 - index)
    return torch_l1_ssim(render, target, ssim_lambda, mask)


class _KernelLoss(torch.autograd.Function):
    """The CPU kernel: one pass gives loss and gradient, so that backward has only to pass the gradient on."""

    @staticmethod
    def forward(
        ctx: Any,
        render: Tensor,
        target: Tensor,
        mask: Tensor | None,
        ssim_lambda: float,
        threads: int,
    ) -> Tensor:
        image = render.detach().contiguous()
        gradient = torch.empty_like(image) if ctx.needs_input_grad[0] else None
        loss = native.kernels().l1_ssim(
            image, **_target_arguments(target), mask=_mask_bytes(mask), gradient=gradient,
            ssim_lambda=ssim_lambda, threads=threads,
        )  # fmt: skip
        ctx.gradient = gradient
        return torch.tensor(loss, dtype=render.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        factor = upstream.item()
        gradient = ctx.gradient if factor == 1 else ctx.gradient * factor
        return (gradient, None, None, None, None)


def _target_arguments(target: Tensor) -> dict[str, Tensor | None]:
    target = target.detach().contiguous()
    is_bytes = target.dtype == torch.uint8
    return {"target": None if is_bytes else target, "target_bytes": target if is_bytes else None}


def _mask_bytes(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask.to(torch.bool).contiguous().view(torch.uint8)


@lru_cache(maxsize=1)
def _fused_ssim() -> Any:
    """gsplat's companion kernel for CUDA, if it is installed."""
    try:
        from fused_ssim import fused_ssim
    except ImportError:
        return None
    return fused_ssim


def torch_l1_ssim(render: Tensor, target: Tensor, ssim_lambda: float = 0.2, mask: Tensor | None = None) -> Tensor:
    """`l1_ssim` with torch operations, on any device and in any floating point type.

    Written in the difference d of the images, so that nothing cancels where they are nearly equal: with windowed means
    u, v of both and a = 2 uv + C1, b = 2 cov + C2, SSIM = ab / ((a + (u - v)²)(b + var d)).
    """
    x, y = _planes(render), _planes(_as_float(target, render.dtype))
    keep = None if mask is None else mask.to(x)
    if keep is not None:
        x, y = x * keep, y * keep
    difference = x - y
    l1 = _kept_mean(difference.abs(), keep)
    if ssim_lambda == 0:
        return l1
    d, dd, xy, v = _blur(torch.cat([difference, difference.square(), x * y, y])).split(3)
    u = v + d
    a, b, var = 2 * u * v + C1, 2 * (xy - u * v) + C2, dd - d * d
    error = (a * var + b * d * d + var * d * d) / ((a + d * d) * (b + var))  # 1 - SSIM
    return (1 - ssim_lambda) * l1 + ssim_lambda * _kept_mean(error, keep)


def _planes(image: Tensor) -> Tensor:
    """[H, W, D] as [D, H, W]. Laid out anew: torch would take a mere view for channels last, and convolve in TF32."""
    return image.movedim(-1, 0).contiguous()


def _kept_mean(planes: Tensor, keep: Tensor | None) -> Tensor:
    """Mean of [3, H, W] over the kept pixels, 0 where there is none. The count stays on the device."""
    return planes.mean() if keep is None else (planes * keep).sum() / (3 * keep.sum()).clamp(min=1)


@torch.no_grad()
def psnr(a: Tensor, b: Tensor, mask: Tensor | None = None) -> float:
    """Peak signal to noise ratio in dB of two images [H, W, 3] in 0..1 (or uint8), over the kept pixels.

    Infinite for equal images, and not a number if no pixel is kept. Values are not clamped. For use while training, on
    any device; `splat.evaluate.metrics`, which must not be imported from here, has the one that is reported.
    """
    square = (_as_float(a, torch.float32).double() - _as_float(b, torch.float32).double()).square()
    mse = float(square.mean() if mask is None else square[mask].mean())
    return math.inf if mse == 0 else -10 * math.log10(mse) if not math.isnan(mse) else math.nan


@lru_cache(maxsize=8)
def gaussian_window(dtype: torch.dtype = torch.float64, device: str = "cpu") -> Tensor:
    """The one-dimensional window [11], which sums to 1."""
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    weights = torch.exp(-offsets.square() / (2 * SIGMA**2))
    return (weights / weights.sum()).to(dtype=dtype, device=device)


def _blur(planes: Tensor) -> Tensor:
    """Windowed mean of [D, H, W] with zeros outside; one group a plane, which CUDA computes in full float32."""
    count = planes.shape[0]
    window = gaussian_window(planes.dtype, str(planes.device)).expand(count, 1, 1, -1)
    blurred = torch.nn.functional.conv2d(planes[None], window, padding=(0, RADIUS), groups=count)
    return torch.nn.functional.conv2d(blurred, window.transpose(2, 3), padding=(RADIUS, 0), groups=count)[0]


def _as_float(image: Tensor, dtype: torch.dtype) -> Tensor:
    return image.to(dtype) / 255 if image.dtype == torch.uint8 else image.to(dtype)


def _check(render: Tensor, target: Tensor, mask: Tensor | None) -> None:
    shapes: list[Any] = [tuple(render.shape), tuple(target.shape)]
    if render.ndim != 3 or render.shape[-1] != 3 or render.shape != target.shape:
        raise ValueError(f"render and target must both be [H, W, 3], not {shapes[0]} and {shapes[1]}")
    if mask is not None and mask.shape != render.shape[:2]:
        raise ValueError(f"the mask must be [H, W] as the images are, not {tuple(mask.shape)} for {shapes[0]}")
