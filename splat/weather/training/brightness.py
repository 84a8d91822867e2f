"""What weather in the air adds to a photo, found by its difference from the scene and taken out of the photo.

Falling rain and snow only brighten, while what the scene does not fit yet is as often too dark as too bright. With h
the density of signed differences about their peak, the share of clean ones among those of size r > 0 is therefore at
most h(-r) / h(r), which needs no threshold and is 1 everywhere in a capture without weather.

Differences are smoothed in the shape of the weather: medians along the fall for streaks, means of 3 x 3 pixels for
flakes. So the brightness of a streak is found and its background's detail, which differs within that shape, is not:
taking out the smoothed difference leaves the scene that detail, which leaving out the pixels would lose. At every visit
of a photo chance decides what is taken out, each difference as often as it is weather. Taking out that share of it at
every visit would not do: an L1 loss pulls as hard at a small difference as at a large one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

HALF = 128  # bins of differences of one sign, up to half of the range; larger ones are in the last
ACTIVITY = (0.04, 0.1, 0.25)  # contrast around a pixel, which decides how much clean pixels may differ
PRIOR = 2.0  # pixels of each sign that are taken as seen in every bin
NEAR = 2  # bins above the peak that are part of it
MEMORY = 0.98  # of the histogram, per view
LENGTH = 9  # pixels along a streak
DIRECTIONS = 8  # of the fall, over half a turn
DARKEST = 0.05  # 1 - scene below this says nothing about how much light weather adds


def box(image: Tensor, size: int = 3) -> Tensor:
    """[H, W]: mean over size x size pixels (odd), fewer at the border."""
    return avg_pool2d(image[None, None], size, 1, size // 2, count_include_pad=False)[0, 0]


def along(image: Tensor, direction: int) -> Tensor:
    """[H, W]: median of each pixel's line of LENGTH pixels; direction 0 is vertical, others lean by steps of a turn
    over 2 * DIRECTIONS.
    """
    reach, angle = LENGTH // 2, math.pi * direction / DIRECTIONS
    height, width = image.shape
    padded = pad(image[None, None], (reach,) * 4, mode="replicate")[0, 0]
    down, right = math.cos(angle), math.sin(angle)
    longest = max(abs(down), abs(right))
    line = []
    for step in range(-reach, reach + 1):
        row, column = reach + round(step * down / longest), reach + round(step * right / longest)
        line.append(padded[row : row + height, column : column + width])
    return torch.stack(line).median(dim=0).values


def contrast(scene: Tensor) -> Tensor:
    """[H, W]: largest minus smallest brightness of a picture [H, W, 3] within 5 x 5 pixels."""
    grey = pad(scene.mean(dim=2)[None, None], (2, 2, 2, 2), mode="replicate")
    return (max_pool2d(grey, 5, 1) + max_pool2d(-grey, 5, 1))[0, 0]


def chance(step: int) -> float:
    """0..1, evenly spread over any run of steps (the multiples of the golden ratio, without their whole part)."""
    return (step * 0.6180339887498949) % 1.0


def without(photo: Tensor, scene: Tensor, differs: Tensor, taken: Tensor) -> Tensor:
    """[H, W, 3]: a photo less what brightens it by `differs`.

    A white veil of opacity a makes I = (1 - a) J + a of the scene J, which is brighter by a (1 - J) in each channel.

    Args:
        photo, scene: [H, W, 3] 0..1. differs: [H, W], in brightness. taken: [H, W] bool, where.
    """
    veil = differs.clamp(min=0) / (1 - scene.mean(dim=2)).clamp(min=DARKEST)
    return photo - (veil.clamp(max=1) * taken)[..., None] * (1 - scene)


class BrighterRule:
    """The histogram of signed differences, by the contrast around the pixel, and what follows from it."""

    def __init__(self, device: torch.device) -> None:
        self.counts = torch.zeros(len(ACTIVITY) + 1, 2 * HALF + 1, dtype=torch.float64, device=device)

    def clean(self, differs: Tensor, activity: Tensor, counted: Tensor | None = None) -> Tensor:
        """[H, W] 0..1, the probability that a pixel is clean, mean over 3 x 3, from all differences so far and these.

        Args:
            differs: [H, W], smoothed. activity: [H, W] from `contrast`.
            counted: [H, W] bool, True where the pixel may be counted.
        """
        return box(self.shares_of(differs, activity, counted))

    def shares_of(self, differs: Tensor, activity: Tensor, counted: Tensor | None = None) -> Tensor:
        """As `clean`, of each pixel by itself."""
        bins = (differs * (2 * HALF)).round().long().clamp(-HALF, HALF) + HALF
        bounds = torch.tensor(ACTIVITY, device=differs.device)
        group = torch.bucketize(activity.contiguous(), bounds)
        place = group * self.counts.shape[1] + bins
        now = torch.bincount((place if counted is None else place[counted]).reshape(-1), minlength=self.counts.numel())
        self.counts = self.counts * MEMORY + now.view_as(self.counts)
        return self.shares().to(differs.dtype)[group, bins]

    def shares(self) -> Tensor:
        """[activities, bins] float64 0..1: the part of the pixels with such a difference that are clean.

        Clean pixels lie about the peak of the histogram, as far above it as below.
        """
        padded = pad(self.counts[None], (2, 2), mode="replicate")[0]
        width = self.counts.shape[1]
        smooth = (padded[:, :width] + 4 * padded[:, 1 : width + 1] + 6 * self.counts) / 16
        smooth = smooth + (4 * padded[:, 3 : width + 3] + padded[:, 4 : width + 4]) / 16
        bins = torch.arange(smooth.shape[1], device=smooth.device)
        peak = smooth.argmax(dim=1, keepdim=True)
        mirrored = torch.gather(smooth, 1, (2 * peak - bins).clamp(0, 2 * HALF))
        ratio = (mirrored + PRIOR) / (smooth + PRIOR)
        return torch.where(bins > peak + NEAR, ratio.clamp(max=1.0), 1.0)


class Fall:
    """The direction in which streaks fall: that in which most brightness lies along lines."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(DIRECTIONS, dtype=torch.float64, device=device)  # of squared brightness along lines

    @property
    def direction(self) -> int:
        """As `along` counts it."""
        return int(self.sums.argmax())

    def look(self, step: int, differs: Tensor) -> None:
        """Take in one direction of a photo's difference [H, W] from the scene, another at every step."""
        direction = step % DIRECTIONS
        found = along(differs, direction).clamp(min=0).double().square().mean()
        self.sums[direction] = found if self.sums[direction] == 0 else 0.8 * self.sums[direction] + 0.2 * found


def ramp(step: int, max_steps: int, start: float, full: float) -> float:
    """0 until `start`, 1 from `full` on (shares of the steps), linear between."""
    first, last = start * max_steps, full * max_steps
    return min(1.0, max(0.0, (step - first) / (last - first))) if last > first else float(step >= first)
