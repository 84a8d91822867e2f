"""PSNR and SSIM of images in [0, 1], summed in float64, over the pixels that count.

These are the reported metrics, exact and slow; training has its own fused loss.
"""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

MAX_PSNR = 100.0  # dB; what identical images get, so that means stay finite and JSON stays valid
Border = Literal["reflect", "zeros", "valid"]
_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = 0.01**2, 0.03**2


def psnr(
    image: Tensor,  # [H, W, 3] in [0, 1]
    target: Tensor,  # [H, W, 3] in [0, 1]
    mask: Tensor | None = None,  # [H, W] bool, True where the pixel counts
) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(1 / MSE), over the counted pixels; at most `MAX_PSNR`.

    NaN when no pixel counts.
    """
    squares = (image.double() - target.double()).square()
    if mask is not None:
        squares = squares[mask]
    if squares.numel() == 0:
        return math.nan
    mse = float(squares.mean())
    if math.isnan(mse):
        return math.nan
    return MAX_PSNR if mse <= 10 ** (-MAX_PSNR / 10) else -10 * math.log10(mse)


def _blur(plane: np.ndarray, border: Border) -> np.ndarray:
    """Gaussian window of 11 x 11, sigma 1.5, over [H, W] float64."""
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    window = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    window /= window.sum()
    # OpenCV: ten times as fast in float64 on a CPU as torch's convolution
    kind = cv2.BORDER_CONSTANT if border == "zeros" else cv2.BORDER_REFLECT_101
    blurred = cv2.sepFilter2D(plane, cv2.CV_64F, window, window, borderType=kind)
    return blurred[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS] if border == "valid" else blurred


def ssim_map(image: Tensor, target: Tensor, border: Border = "reflect") -> Tensor:
    """Structural similarity at every window.

    Wang et al. 2004: Gaussian windows of 11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, data range 1, population
    variances.

    Args:
        image: [H, W, 3] in [0, 1].
        target: [H, W, 3] in [0, 1].
        border: what windows see outside the image. "reflect": the image mirrored at its outermost pixels, as
            torchmetrics; "zeros": black, as 3DGS; "valid": nothing, such windows are left out, as scikit-image.

    Returns:
        [H, W, 3] (valid: [H - 10, W - 10, 3]), float64, on the CPU.
    """
    # one channel at a time: in float64 the ten planes of a large photo would fill the memory
    x, y = (value.detach().cpu().numpy() for value in (image, target))
    channels = [
        _ssim_plane(x[..., c].astype(np.float64), y[..., c].astype(np.float64), border) for c in range(x.shape[-1])
    ]
    return torch.from_numpy(np.stack(channels, axis=-1))


def _ssim_plane(x: np.ndarray, y: np.ndarray, border: Border) -> np.ndarray:
    """`ssim_map` of one channel [H, W] float64."""
    mean_x, mean_y = _blur(x, border), _blur(y, border)
    var_x = _blur(x * x, border) - mean_x * mean_x
    var_y = _blur(y * y, border) - mean_y * mean_y
    cov = _blur(x * y, border) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    return luminance * (2 * cov + _C2) / (np.maximum(var_x, 0) + np.maximum(var_y, 0) + _C2)


def ssim(
    image: Tensor,
    target: Tensor,
    mask: Tensor | None = None,  # [H, W] bool, True where the pixel counts
    border: Border = "reflect",
) -> float:
    """Mean of `ssim_map` over the windows whose centre counts; NaN when there is none.

    With a mask, give images that agree where pixels do not count (see `hide_uncounted`), else what lies behind the mask
    leaks into the windows beside it.
    """
    if border != "zeros" and min(image.shape[:2]) <= (2 * _RADIUS if border == "valid" else _RADIUS):
        return math.nan
    values = ssim_map(image, target, border)
    if mask is not None:
        mask = mask.cpu()
        values = values[mask[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS] if border == "valid" else mask]
    return float(values.mean()) if values.numel() else math.nan


def hide_uncounted(image: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """The image with the target's pixels [H, W, 3] where `mask` [H, W] is False: no difference outside what counts."""
    return image if mask is None else torch.where(mask[..., None], image, target)


def quantise(image: Tensor) -> Tensor:
    """Round to the 256 levels of an 8-bit file, halves up: what writing and reading a PNG does."""
    return torch.floor(image.clamp(0, 1) * 255 + 0.5) / 255
