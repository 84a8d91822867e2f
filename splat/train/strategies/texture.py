"""Where photos have texture: a weight from 0 to 1 for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from splat.train.strategies.context import StrategyContext

KEEP_BYTES = 256e6  # texture maps (one byte a pixel) are kept while all of them fit into this
CALIBRATION_VIEWS = 16  # views over which the median gradient is taken


def gradient_map(grey: Tensor) -> Tensor:
    """[H, W]: magnitude of the gradient a pixel of `grey` [H, W], blurred by one pixel (3x3 Sobel)."""
    x = torch.arange(-3.0, 4.0, device=grey.device)
    blur = torch.exp(-0.5 * x**2)
    blur = blur / blur.sum()
    padded = torch.nn.functional.pad(grey[None, None], (4, 4, 4, 4), mode="replicate")
    smooth = torch.nn.functional.conv2d(padded, blur.view(1, 1, 1, 7))
    smooth = torch.nn.functional.conv2d(smooth, blur.view(1, 1, 7, 1))
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=grey.device) / 8
    both = torch.nn.functional.conv2d(smooth, torch.stack([sobel, sobel.T])[:, None])
    return both[0].norm(dim=0)


def median_gradient(access: StrategyContext) -> float:
    """The median of the gradients that are not zero, over up to 16 photos: what half of the pixels exceed."""
    positions = torch.linspace(0, len(access) - 1, min(CALIBRATION_VIEWS, len(access))).round().long().tolist()
    values = torch.cat([gradient_map(access.grey(position)).flatten()[::7] for position in positions])
    values = values[values > 1e-6]
    return float(values.median()) if len(values) else 1.0


class Textures:
    """tanh(gradient / tau) of the training photos, made when first asked for and kept as bytes.

    The shape of the weight is GeoTexDensifier's (arXiv 2412.16809); taking the median for `tau` is not.
    """

    def __init__(self, access: StrategyContext, tau: float | None = None) -> None:
        self.access = access
        self.tau = tau if tau is not None else median_gradient(access)
        self._keep = sum(camera.width * camera.height for camera in access.views.cameras) < KEEP_BYTES
        self._maps: dict[int, Tensor] = {}

    def map(self, position: int) -> Tensor:
        """[H, W] uint8, 255 for the strongest texture."""
        if position in self._maps:
            return self._maps[position]
        weight = torch.tanh(gradient_map(self.access.grey(position)) / self.tau)
        found = (weight * 255).round().to(torch.uint8)
        if self._keep:
            self._maps[position] = found
        return found

    def at(self, position: int, pixels: Tensor) -> Tensor:
        """[M] float32, 0 to 1, at pixels [M, 2]; those outside take the border's."""
        texture = self.map(position)
        h, w = texture.shape
        place = pixels.floor().long()
        return texture[place[:, 1].clamp(0, h - 1), place[:, 0].clamp(0, w - 1)].float() / 255.0
