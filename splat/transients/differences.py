"""Which differences between a photo and the scene are gross: a running histogram says what is usual in this capture.

SpotLessSplats (Sabour et al., 2024, RobustFilter) leaves out what lies above a fixed quantile of the errors, 30 % of
all pixels, of clean photos too, which then lose their detail. Here a pixel must differ by several times the upper
quartile: as long as the scene is vague nothing does, in clean photos hardly anything does ever, and the share that is
left out is what the photos ask for. (Half of many photos is plain, so that the median says nothing of the rest.)

Differences are signed means over 3 x 3 pixels of the grid, since detail that is not learned yet is too bright as often
as too dark within a few pixels, and what passes before a wall is not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

BINS = 1024  # of differences from 0 to 1
MEMORY = 0.98  # of the histogram, per view
QUANTILE = 0.75  # what passes covers less than the rest of most photos


def differences(image: Tensor, photo: Tensor) -> Tensor:
    """[h, w]: how much pictures [h, w, 3] differ about each pixel, mean over channels of the signed mean of 3 x 3."""
    signed = (image - photo).permute(2, 0, 1)[None]
    return avg_pool2d(signed, 3, 1, 1, count_include_pad=False)[0].abs().mean(dim=0)


class Usual:
    """The histogram of differences over all photos, the latest ones foremost."""

    def __init__(self, device: torch.device) -> None:
        self.counts = torch.zeros(BINS, dtype=torch.float64, device=device)

    def add(self, found: Tensor, counted: Tensor | None = None) -> None:
        """Take in one view's differences [h, w], of the pixels that count [h, w] bool."""
        values = found if counted is None else found[counted]
        bins = (values * BINS).long().clamp(0, BINS - 1).reshape(-1)
        self.counts = self.counts * MEMORY + torch.bincount(bins, minlength=BINS)

    def size(self) -> float:
        """So large are differences up to the quantile; 0 before there are any."""
        return _quantile(self.counts, QUANTILE)


def median_of(found: Tensor, counted: Tensor | None = None) -> float:
    """The median of one view's differences [h, w] over the pixels that count; 0 where none does."""
    values = found if counted is None else found[counted]
    return float(values.median()) if values.numel() else 0.0


def _quantile(counts: Tensor, share: float) -> float:
    """Of a histogram of [0, 1], linear within a bin."""
    sums = counts.cumsum(0)
    wanted = float(sums[-1]) * share
    if wanted == 0:
        return 0.0
    place = int(torch.searchsorted(sums, wanted))
    before = float(sums[place - 1]) if place else 0.0
    return (place + (wanted - before) / max(float(counts[place]), 1e-12)) / len(counts)
