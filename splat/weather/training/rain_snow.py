"""Rain and snow that splat's own network sees in the photos, less what it sees on the same surface in every view.

The network judges a photo by itself, and takes bright fur or lettering for weather. In all the other photos it does so
again, while weather is somewhere else in each: the opacity that it finds is averaged on the Gaussians (each weighted by
what it adds to the pixels), and what a surface has above the median of the scene is the surface's own. That is given
back, and where a surface has less than the median, as much may be taken out in addition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from splat.weather.network import WeatherNet

if TYPE_CHECKING:
    from splat.train.params import Params
    from splat.train.strategies.context import StrategyContext

LIGHT = 0.95  # of rain and snow, 0..1
DARKEST = 0.15  # LIGHT - photo below this says nothing about the opacity
THICKEST = 0.95  # opacity: something of the scene is always left
SHELTERED = 0.1  # share of the surfaces before which there may be no weather
FAINTEST = 0.008  # mean opacity before all others, below which there is none
BLURRED = 1.4  # Gaussians average over pixels: a surface's own part is so many times higher than what they hold


class RainSnowModel:
    """What is known of the weather in each training photo."""

    def __init__(self, access: StrategyContext, network: WeatherNet, size: int, misses: bool = True) -> None:
        """With a network and the longer side in pixels at which it sees larger photos.

        Args:
            misses: whether more is taken out before surfaces on which the network sees less than on others.
        """
        self.access = access
        self.network = network.to(access.views.device)
        self.size = size
        self.misses = misses
        self.seen: dict[int, Tensor] = {}  # by position: [h, w] uint8, opacity that the network finds
        self.own: dict[int, Tensor] = {}  # by position: [h, w] int8, the surfaces' part of it in 1 / 127
        self.everywhere: float | None = None  # mean opacity before nearly all surfaces; None before it is known

    @property
    def there(self) -> bool:
        """Whether there is rain or snow, as far as is known: that is before nearly every surface, mistakes are not."""
        return self.everywhere is None or self.everywhere >= FAINTEST

    def dried(self, position: int, photo: Tensor) -> Tensor:
        """[H, W, 3]: a photo, perhaps a reduced one, without its weather.

        A veil of opacity a before the scene J makes I = (1 - a) J + a c, with the light c of the weather.
        """
        if not self.there:
            return photo
        opacity = self.opacity(position).float() / 255
        if position in self.own:
            opacity = opacity - self.own[position].float() / 127
        opacity = resized(opacity, photo.shape[0], photo.shape[1]).clamp(0, THICKEST)[..., None]
        return ((photo - LIGHT * opacity) / (1 - opacity)).clamp(0, 1)

    @torch.no_grad()
    def opacity(self, position: int) -> Tensor:
        """[h, w] uint8: the weather that the network sees in a photo, at the size at which it sees it."""
        if position not in self.seen:
            photo = self.access.photo(position)
            photo = resized(photo, *smaller(photo.shape[0], photo.shape[1], self.size))
            taken = (photo - self.restored(photo)).mean(dim=2)
            opacity = taken / (LIGHT - photo.mean(dim=2) + taken).clamp(min=DARKEST)
            self.seen[position] = (opacity.clamp(0, 1) * 255).round().to(torch.uint8)
        return self.seen[position]

    def restored(self, photo: Tensor) -> Tensor:
        """[H, W, 3] 0..1: what the network makes of a photo."""
        height, width = photo.shape[:2]
        below, right = -height % self.network.multiple, -width % self.network.multiple
        batch = pad(photo.permute(2, 0, 1)[None], (0, right, 0, below), mode="reflect")
        return self.network.both_ways(batch)[0, :, :height, :width].permute(1, 2, 0).clamp(0, 1)

    @torch.no_grad()
    def compare(self, params: Params) -> None:
        """Find the surfaces' own part, with the scene as it is now, and whether there is any weather."""
        renderer = self.access.renderer(params)
        sums = torch.zeros(len(params["means"]), 2, device=self.access.views.device)  # of opacity, and of weight
        for position in range(len(self.access)):
            view = self.access.views[position]
            opacity = resized(self.opacity(position).float() / 255, view.height, view.width)
            counts = torch.ones_like(opacity) if view.mask is None else view.mask.float()
            sums += renderer.lift(self.access.camera(position), torch.stack([opacity * counts, counts], dim=2))[0]
        weights = sums[:, 1:]
        means = sums[:, :1] / weights.clamp(min=1e-8)
        held = means[weights >= weights.median()]
        self.everywhere = float(held.quantile(SHELTERED))
        surplus = torch.where(weights > 0, means - held.median(), 0.0)
        for position in range(len(self.access) if self.there else 0):
            own = renderer.features(self.access.camera(position), surplus)
            own = torch.where(own > 0, BLURRED * own, own if self.misses else 0.0)
            height, width = self.opacity(position).shape
            self.own[position] = (resized(own[..., 0], height, width).clamp(-1, 1) * 127).round().to(torch.int8)

    def mean(self) -> float:
        """0..1: opacity of the weather, the mean over all photos; 0 where there is none, or nothing is compared yet."""
        found = [
            (self.opacity(position).float() / 255 - own.float() / 127).clamp(min=0).mean()
            for position, own in self.own.items()
        ]
        return float(torch.stack(found).mean()) if found and self.there else 0.0


def smaller(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width with a longer side of at most `size`."""
    scale = min(1.0, size / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """[height, width, ...] of an image [H, W] or [H, W, C], float; averaged where it shrinks."""
    if image.shape[:2] == (height, width):
        return image
    planes = image.reshape(*image.shape[:2], -1).permute(2, 0, 1)[None]
    if height < image.shape[0]:
        found = interpolate(planes, (height, width), mode="area")
    else:
        found = interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    return found[0].permute(1, 2, 0).reshape(height, width, *image.shape[2:])
