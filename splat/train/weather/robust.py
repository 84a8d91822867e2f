"""Which pixels of a photo show weather: those whose difference from the scene clean pixels do not have.

Two rules. `brighter`: falling rain and snow only brighten, while what the scene does not fit yet is as often too dark
as too bright. With h the density of signed differences, the share of clean ones among those of size r > 0 is therefore
at most h(-r) / h(r), which needs no threshold and is 1 everywhere in a capture without weather. `both`: the largest
differences are left out, by a running quantile, as in the RobustFilter of Sabour et al., "SpotLessSplats", 2024
(section 4.1), whatever their sign. Both are smoothed over 3 x 3 pixels, because weather is larger than a pixel and a
single one that differs is a misplaced edge.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

HALF = 128  # bins of differences of one sign, up to half of the range; larger ones are in the last
ACTIVITY = (0.04, 0.1, 0.25)  # contrast around a pixel, which decides how much clean pixels may differ
PRIOR = 2.0  # pixels of each sign that are taken as seen in every bin
USUAL = 0.9  # of the clean pixels differ less than what is called the usual difference
MEMORY = 0.98  # of the histogram, per view


def box(image: Tensor, size: int = 3) -> Tensor:
    """[H, W]: mean over size x size pixels (odd), fewer at the border."""
    return avg_pool2d(image[None, None], size, 1, size // 2, count_include_pad=False)[0, 0]


def difference(photo: Tensor, scene: Tensor) -> Tensor:
    """[H, W]: how much brighter a photo [H, W, 3] is than the scene, mean over channels and 3 x 3 pixels."""
    return box((photo - scene).mean(dim=2))


def contrast(scene: Tensor) -> Tensor:
    """[H, W]: largest minus smallest brightness of a picture [H, W, 3] within 5 x 5 pixels."""
    grey = pad(scene.mean(dim=2)[None, None], (2, 2, 2, 2), mode="replicate")
    return (max_pool2d(grey, 5, 1) + max_pool2d(-grey, 5, 1))[0, 0]


class BrighterRule:
    """The histogram of signed differences, by the contrast around the pixel, and what follows from it."""

    def __init__(self, device: torch.device, margin: float = 1.0) -> None:
        self.margin = margin
        self.counts = torch.zeros(len(ACTIVITY) + 1, 2 * HALF + 1, dtype=torch.float64, device=device)

    def clean(self, differs: Tensor, activity: Tensor, counted: Tensor | None = None) -> Tensor:
        """[H, W] 0..1, the probability that a pixel is clean, from all differences so far and these.

        Args:
            differs: [H, W] from `difference`. activity: [H, W] from `contrast`.
            counted: [H, W] bool, True where the pixel may be counted.
        """
        bins = (differs * (2 * HALF)).round().long().clamp(-HALF, HALF) + HALF
        bounds = torch.tensor(ACTIVITY, device=differs.device)
        group = torch.bucketize(activity.contiguous(), bounds)
        place = group * self.counts.shape[1] + bins
        now = torch.bincount((place if counted is None else place[counted]).reshape(-1), minlength=self.counts.numel())
        self.counts = self.counts * MEMORY + now.view_as(self.counts)
        return box(self.shares().to(differs.dtype)[group, bins])

    def shares(self) -> Tensor:
        """[activities, bins] float64 0..1: the part of the pixels with such a difference that are clean.

        Clean pixels lie about the peak of the histogram, as far above it as below. What lies above it by no more than
        `margin` times what nearly all clean pixels do counts as clean in any case: were all that is in excess left
        out, nothing would hold the scene where it is.
        """
        padded = pad(self.counts[None], (2, 2), mode="replicate")[0]
        width = self.counts.shape[1]
        smooth = (padded[:, :width] + 4 * padded[:, 1 : width + 1] + 6 * self.counts) / 16
        smooth = smooth + (4 * padded[:, 3 : width + 3] + padded[:, 4 : width + 4]) / 16
        bins = torch.arange(smooth.shape[1], device=smooth.device)
        peak = smooth.argmax(dim=1, keepdim=True)
        below = torch.where(bins <= peak, smooth, 0.0)
        usual = peak - (below.cumsum(1) < (1 - USUAL) * below.sum(1, keepdim=True)).sum(1, keepdim=True)
        mirrored = torch.gather(smooth, 1, (2 * peak - bins).clamp(0, 2 * HALF))
        ratio = (mirrored + PRIOR) / (smooth + PRIOR)
        return torch.where(bins > peak + self.margin * usual.clamp(min=2), ratio.clamp(max=1.0), 1.0)


class TrimRule:
    """A running histogram of unsigned differences, and the quantile beyond which pixels are left out."""

    def __init__(self, trim: float, device: torch.device) -> None:
        self.trim = trim
        self.counts = torch.zeros(1000, dtype=torch.float64, device=device)

    def clean(self, photo: Tensor, scene: Tensor, counted: Tensor | None = None) -> Tensor:
        """[H, W] 0..1: the part of the 3 x 3 pixels around each that differ less than the quantile."""
        error = (photo - scene).abs().mean(dim=2)
        bins = (error * len(self.counts)).long().clamp(0, len(self.counts) - 1)
        now = torch.bincount((bins if counted is None else bins[counted]).reshape(-1), minlength=len(self.counts))
        self.counts = self.counts * MEMORY + now
        part = self.counts.cumsum(0) / self.counts.sum().clamp(min=1)
        return box((part[bins] <= self.trim).to(error.dtype))


def ramp(step: int, max_steps: int, start: float, full: float) -> float:
    """0 until `start`, 1 from `full` on (shares of the steps), linear between."""
    first, last = start * max_steps, full * max_steps
    return min(1.0, max(0.0, (step - first) / (last - first))) if last > first else float(step >= first)
