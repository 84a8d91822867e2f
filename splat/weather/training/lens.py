"""What sits on the lens: it stays where it is in the photos while the scene moves past.

Averaged over many views, every place of the picture shows the same: as much detail in the photos as in the scene seen
through it, and differences of one size. A drop blurs, so photos have less detail there, view after view; drops and
dirt differ more from the scene. Both are compared with the median over all places, so that a scene that is not yet
sharp, or hard to fit, masks nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from splat.weather.training.brightness import box

MEMORY = 0.98  # of the means, per view
WINDOW = 3  # pixels, over which detail and differences are averaged
FLOOR = 0.004  # detail (0..1 a pixel) that is added to both sides: noise is no detail
FEWEST = 12  # views before anything is masked
EVERY = 20  # views between new masks
LARGEST = 0.45  # more of the picture than that is no dirt on the lens


def detail(image: Tensor) -> Tensor:
    """[H, W]: mean absolute difference of a picture's brightness [H, W, 3] to the pixels below and to the right."""
    grey = image.mean(dim=2)
    found = torch.zeros_like(grey)
    found[:, :-1] += (grey[:, 1:] - grey[:, :-1]).abs()
    found[:-1] += (grey[1:] - grey[:-1]).abs()
    return found


class LensMap:
    """Means over views, in the coordinates of the picture, for photos of one size."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.sums = torch.zeros(3, height, width, device=device)  # detail of photos, of the scene; differences
        self.views = 0
        self.mask = torch.zeros(height, width, dtype=torch.bool, device=device)  # True on the lens

    def add(self, photo: Tensor, scene: Tensor, sharpness: float, residual: float) -> None:
        """Take in one view, photo and scene [H, W, 3]; the mask is made anew from time to time."""
        seen = torch.stack([detail(photo), detail(scene), (photo - scene).abs().mean(dim=2)])
        self.sums = self.sums * MEMORY + seen * (1 - MEMORY)
        self.views += 1
        if self.views >= FEWEST and self.views % EVERY == FEWEST % EVERY:
            self.mask = self.found(sharpness, residual)

    def found(self, sharpness: float, residual: float) -> Tensor:
        """[H, W] bool, True where something sits on the lens."""
        means = self.sums / (1 - MEMORY**self.views)
        photos, scene, differs = (box(mean, WINDOW) for mean in means)
        ratio = (photos + FLOOR) / (scene + FLOOR)
        blurred = ratio < sharpness * ratio.median()
        core = blurred | (differs > residual * differs.median())
        grown = box(core.float()) > 0.3  # without single pixels, with the rims of drops
        return grown if float(grown.float().mean()) < LARGEST else torch.zeros_like(grown)
