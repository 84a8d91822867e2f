"""How much exposure and white balance differ between photos: by the colours of the same points in several of them.

The logarithm of a point's colour in a photo is the point's own plus the photo's gain, plus what hides the point, shines
on it or is noise there. Gains and points are fitted by medians in turn, so that up to half of a photo's points may be
hidden. What changes a whole photo is told from what changes a part of it (a shadow, a reflection, hidden points) by
the parts of the picture: the gain must be the same in all quarters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from splat.images import evenly
from splat.train.strategies.context import StrategyContext

POINTS = 2000  # that are followed
PHOTOS = 300  # that are looked at; what lies between two of them is taken to be between them
LOOKS = 600_000  # colours in all
FEWEST_POINTS = 50  # in all, and a quarter of them in a photo, below which nothing is told
SEEN = 3  # photos that must show a point
QUARTERS = 4  # of a picture
FEWEST_IN_QUARTER = 8
DARKEST, BRIGHTEST = 0.04, 0.96  # channel values beyond which noise or clipping decide the logarithm
AROUND = 5  # pixels, across, whose mean is a point's colour
ROUNDS = 12
GAMMA = 2.2  # stops of light for one of stored values
TINTED = 0.5  # of the least spread: white balance that differs by so much is learned too


@dataclass(frozen=True)
class ColorSpread:
    """What the same points say of the photos that show them."""

    gains: Tensor  # [F, 3] logarithms of the channels' gains, of mean 0, drawn to 0 as far as they are uncertain
    exposure: float  # standard deviation of the photos' exposures beyond their uncertainty, in stops of stored values
    tint: float  # the same of the channels against each other
    range: float  # 5th to 95th percentile of the exposures, in stops of light

    def kind(self, least: float) -> str:
        """What a training should learn of each photo: none, exposure or affine.

        Args:
            least: spread from which anything is learned, in stops of stored values.
        """
        if max(self.exposure, self.tint) < least:
            return "none"
        return "affine" if self.tint >= TINTED * least else "exposure"


def measured_spread(scene: StrategyContext, seed: int = 0) -> ColorSpread | None:
    """The differences between the training photos; None where nothing is to be told of them.

    That is with transparent photos and where too few known points are seen.
    """
    points, places = scene.points, evenly(range(len(scene)), PHOTOS)
    if any(scene.views[place].alpha is not None for place in places):
        return None  # renders, or things that were cut out: how bright they look is how they are lit from there
    if len(points) < FEWEST_POINTS or len(places) < SEEN:
        return None
    most = min(POINTS, LOOKS // len(places))
    if len(points) > most:
        chosen = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))[:most]
        points = points[chosen.to(points.device)]
    looked = [look_up(scene, position, points) for position in places]
    colors, quarters = (torch.stack(part) for part in zip(*looked))
    seen = (~colors[..., 0].isnan()).sum(dim=0) >= SEEN
    if int(seen.sum()) < FEWEST_POINTS:
        return None
    found = spread(colors[:, seen], quarters[:, seen])
    return found if len(places) == len(scene) else replace(found, gains=between(found.gains, places, len(scene)))


def between(gains: Tensor, places: list[int], count: int) -> Tensor:
    """Gains [count, 3] of all photos, from those [F, 3] of the photos at some places: photos in order are alike."""
    columns = [np.interp(np.arange(count), places, column) for column in gains.numpy().T]
    filled = torch.from_numpy(np.stack(columns, axis=1)).float()
    return filled - filled.mean(dim=0)


def look_up(scene: StrategyContext, position: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms [P, 3] float64 of the points' colours in a photo, NaN where it tells none, and quarters [P] of it."""
    view, camera = scene.views[position], scene.camera(position)
    counted = np.ones((view.height, view.width), np.uint8)
    if view.mask is not None:
        counted &= view.mask.cpu().numpy().astype(np.uint8)
    if view.alpha is not None:
        counted &= (view.alpha[..., 0] == 255).cpu().numpy().astype(np.uint8)
    inner = cv2.erode(counted, np.ones((AROUND, AROUND), np.uint8), borderValue=0)
    photo = cv2.blur(view.target.cpu().numpy().astype(np.float32) / 255, (AROUND, AROUND))
    pixels, depths = camera.project(points)
    inside = (depths > 1e-6) & camera.contains(pixels)
    place = torch.where(inside[:, None], pixels, 0.0).long().cpu().numpy()
    x, y = place[:, 0], place[:, 1]
    colors = torch.from_numpy(photo[y, x]).double()
    told = inside.cpu() & torch.from_numpy(inner[y, x] > 0) & ((colors > DARKEST) & (colors < BRIGHTEST)).all(dim=1)
    quarters = torch.from_numpy((2 * x >= view.width) + 2 * (2 * y >= view.height)).long()
    return torch.where(told[:, None], colors.clamp(min=DARKEST).log(), math.nan), quarters


def spread(colors: Tensor, quarters: Tensor) -> ColorSpread:
    """What logarithms of colours [F, P, 3], NaN where a photo tells none, say of the photos.

    Args:
        colors: of the same points in all photos.
        quarters: [F, P] of the picture in which a point lies, 0 to 3.
    """
    gains, residuals = fitted(colors)
    parts = torch.stack([quarter_medians(residuals, quarters == part) for part in range(QUARTERS)])  # [4, F, 3]
    known = (~parts[..., 0].isnan()).sum(dim=0)
    enough = ((~colors[..., 0].isnan()).sum(dim=1) >= FEWEST_POINTS // 4) & (known >= 2)
    gains = torch.where(enough[:, None], gains, 0.0)
    shared, apart = parts.mean(dim=2, keepdim=True), parts - parts.mean(dim=2, keepdim=True)
    exposure, tint = gains.mean(dim=1, keepdim=True), gains - gains.mean(dim=1, keepdim=True)
    exposure, exposure_spread = certain(exposure, shared, known, enough)
    tint, tint_spread = certain(tint, apart, known, enough)
    stops = exposure[enough, 0] / math.log(2) if bool(enough.any()) else exposure.new_zeros(1)
    ends = stops.quantile(stops.new_tensor([0.05, 0.95]))
    total = exposure + tint
    return ColorSpread(
        (total - total.mean(dim=0)).float(),
        exposure_spread / math.log(2),
        tint_spread / math.log(2),
        GAMMA * max(0.0, float(ends[1] - ends[0])),
    )


def fitted(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Gains [F, 3] of mean 0, and what they and the points' own colours leave of the logarithms [F, P, 3]."""
    gains = colors.new_zeros(len(colors), 3)
    for _ in range(ROUNDS):
        own = (colors - gains[:, None]).nanmedian(dim=0).values
        gains = (colors - own).nanmedian(dim=1).values.nan_to_num()
        gains = gains - gains.mean(dim=0)
    return gains, colors - own - gains[:, None]


def quarter_medians(residuals: Tensor, inside: Tensor) -> Tensor:
    """[F, 3] median of residuals [F, P, 3] in one quarter [F, P] of each photo; NaN where too few points lie there."""
    there = inside & ~residuals[..., 0].isnan()
    medians = torch.where(there[..., None], residuals, math.nan).nanmedian(dim=1).values
    return torch.where((there.sum(dim=1) >= FEWEST_IN_QUARTER)[:, None], medians, math.nan)


def certain(values: Tensor, parts: Tensor, known: Tensor, enough: Tensor) -> tuple[Tensor, float]:
    """Values [F, C] of photos drawn to 0 as far as their quarters disagree, and their spread beyond that.

    Values vary by what differs between photos and by the error of each, whose size the quarters show: of the
    variance what is left is the photos' (analysis of variance), and each value keeps that part (James and Stein 1961).

    Args:
        values: of photos, about 0.
        parts: [4, F, C] how the quarters of a photo differ from it; NaN where too little is seen.
        known: [F] quarters that tell.
        enough: [F] photos that tell anything.
    """
    if int(enough.sum()) < 2:
        return torch.zeros_like(values), 0.0
    within = (parts - parts.nanmean(dim=0)).square().nansum(dim=0) / (known - 1).clamp(min=1)[:, None]
    error = (within / known.clamp(min=1)[:, None])[enough].mean()
    variance = float((values[enough].square().mean() - error).clamp(min=0))
    kept = variance / (variance + float(error)) if variance > 0 else 0.0
    return values * kept, math.sqrt(variance)
