"""Renders whose colours are brought to those of the photo before they are scored.

Exposure and white balance of a held-out photo cannot be known from the others. Such scores use the photo that they
judge: they compare with each other, never with plain ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_VARIANCE = LEAST_SLOPE = 1e-8


def corrected_affine(image: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """The render with each channel stretched and shifted as gsplat's `color_correct_affine` does, inside 0..1.

    The regression runs from the photo to the render, image ~ a target + b, and is inverted: (image - b) / a. See
    gsplat's examples/color_correct.py, which its `cc_psnr` is computed with.

    Args:
        image: [H, W, 3], the render.
        target: [H, W, 3] in [0, 1], the photo.
        mask: [H, W] bool, True where the pixel counts; the regression sees no others.

    Returns:
        [H, W, 3] float64.
    """
    image, target = image.double(), target.double()
    x, y = (value.reshape(-1, 3) if mask is None else value[mask] for value in (target, image))
    if len(x) == 0:
        return image.clamp(0, 1)
    mean_x, mean_y = x.mean(dim=0), y.mean(dim=0)
    covariance = ((x - mean_x) * (y - mean_y)).mean(dim=0)
    slope = covariance / (x - mean_x).square().mean(dim=0).clamp(min=LEAST_VARIANCE)
    shift = mean_y - slope * mean_x
    slope = torch.where(slope.abs() < LEAST_SLOPE, 1.0, slope)
    return ((image - shift) / slope).clamp(0, 1)


def fitted_on_the_left(image: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """The render with the colours that its left half takes from the photo's: [H, W, 3] in 0..1, the right half unseen.

    Least squares of target ~ A image + b over the left half's pixels that count, A [3, 3] and b [3] drawn to no change
    by a millionth, as one light picture of NeRF-W (Martin-Brualla et al. 2021) is fitted before it is scored.

    Args:
        image: [H, W, 3], the render.
        target: [H, W, 3] in [0, 1], the photo.
        mask: [H, W] bool, True where the pixel counts.
    """
    half = image.shape[1] // 2
    counted = torch.zeros(image.shape[:2], dtype=torch.bool, device=image.device)
    counted[:, :half] = True if mask is None else mask[:, :half]
    x, y = image.double()[counted], target.double()[counted]
    if len(x) == 0:
        return image.clamp(0, 1)
    ones = torch.ones(len(x), 1, dtype=x.dtype, device=x.device)
    known = torch.cat([x, ones], dim=1)
    ridge = 1e-6 * len(x) * torch.eye(4, dtype=x.dtype, device=x.device)
    change = torch.linalg.solve(known.T @ known + ridge, known.T @ (y - x))  # [4, 3], on top of the identity
    moved: Tensor = image.double() + image.double() @ change[:3] + change[3]
    return moved.clamp(0, 1).to(image)


def right_half(picture: Tensor) -> Tensor:
    """The columns from the middle on of a picture [H, W, ...]."""
    return picture[:, picture.shape[1] // 2 :]
