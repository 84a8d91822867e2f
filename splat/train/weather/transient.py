"""A white veil over each photo, coarse and of an opacity that is found while training.

A photo is I = (1 - a) J + a, with the scene J and the veil's opacity a >= 0, so that weather only brightens. The
opacity is found for cells of some pixels, because over a cell what the scene does not fit yet cancels out, detail above
all, while thin streaks and far flakes do not. Where a cell is brighter than the scene by more than clean ones are, the
opacity that explains it moves the veil; elsewhere the veil fades. The scene so keeps the detail of photos that rain
made pale. Veils are dropped when training is done.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from splat.train.weather.robust import BrighterRule

DARKEST = 0.05  # 1 - J below this says nothing about the opacity


class Veils:
    """The opacities of all photos, one byte a cell, made when a photo is first visited."""

    def __init__(self, rate: float, size: int, margin: float, device: torch.device) -> None:
        self.rate = rate
        self.size = size
        self.rule = BrighterRule(device, margin)
        self.opacity: dict[int, Tensor] = {}  # view -> [h, w] uint8

    def of(self, view: int, height: int, width: int) -> Tensor | None:
        """[H, W, 1] float32 0..1, or None before the first visit."""
        kept = self.opacity.get(view)
        if kept is None:
            return None
        fine = interpolate(kept.float()[None, None] / 255, size=(height, width), mode="bilinear", align_corners=False)
        return fine[0, 0, :, :, None]

    def add(self, view: int, photo: Tensor, scene: Tensor, counted: Tensor) -> None:
        """Take in what one visit found.

        Args:
            photo, scene: [H, W, 3] 0..1. counted: [H, W] bool, the pixels that are compared.
        """
        share = self._cells(counted.float())
        excess = self._cells((photo - scene).mean(dim=2) * counted) / share.clamp(min=0.05)
        room = self._cells((1 - scene).mean(dim=2) * counted) / share.clamp(min=0.05)
        known = share > 0.2
        clean = self.rule.clean(excess, torch.zeros_like(excess), known)
        wanted = (excess / room.clamp(min=DARKEST)).clamp(0, 0.98) * ((clean < 0.5) & known)
        kept = self.opacity.get(view)
        before = torch.zeros_like(wanted) if kept is None else kept.float() / 255
        self.opacity[view] = ((before + self.rate * (wanted - before)) * 255).round().to(torch.uint8)

    def mean(self) -> float:
        """Mean opacity of all veils, 0..1."""
        kept = list(self.opacity.values())
        return sum(float(opacity.float().mean()) for opacity in kept) / (255 * max(1, len(kept)))

    def _cells(self, image: Tensor) -> Tensor:
        """[h, w]: means of [H, W] over the cells; those at the right and lower border may be smaller."""
        return avg_pool2d(image[None, None], self.size, ceil_mode=True, count_include_pad=False)[0, 0]
