"""What single photos say about weather, as numbers.

Weather in the air is everywhere in a picture; what a scene has of the same shape is in places. All cues are therefore
medians over blocks of the picture. Images here are [H, W, 3] float32 0..1, at most `SIDE` pixels long.
"""

from __future__ import annotations

import cv2
import numpy as np

from splat.weather.clean.haze import dark_channel
from splat.weather.clean.morphology import luma

SIDE = 480
BLOCKS = 8  # along each side
DIRECTIONS = 36
FAR = 5  # directions from a peak where its flanks end
MARGIN = 0.01  # of 1: brightness differences that are noise


def blocks(plane: np.ndarray) -> np.ndarray:
    """[B] means of a plane [H, W] over its blocks."""
    height, width = plane.shape
    tall, wide = max(16, height // BLOCKS), max(16, width // BLOCKS)
    rows, columns = max(1, height // tall), max(1, width // wide)
    cut = plane[: min(height, rows * tall), : min(width, columns * wide)].astype(np.float32)
    return cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA).ravel()


def directions(image: np.ndarray) -> np.ndarray:
    """[DIRECTIONS, B]: the share of each block's edges that run in each direction, 0 vertical, clockwise; or NaN."""
    plane = cv2.GaussianBlur(luma(image), (0, 0), 0.7)
    x, y = cv2.Scharr(plane, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(plane, cv2.CV_32F, 0, 1) / 32
    strength = np.hypot(x, y)
    step = 180.0 / DIRECTIONS
    which = np.floor((np.degrees(np.arctan2(y, x)) % 180.0) / step).astype(int) % DIRECTIONS
    found = np.stack([blocks(np.where(which == k, strength, 0.0)) for k in range(DIRECTIONS)])
    total = found.sum(axis=0)
    return np.where(total > 2e-4, found / np.maximum(total, 2e-4), np.nan)


def fall(found: np.ndarray) -> tuple[float, float]:
    """The direction in which most blocks have edges in common, and how far it stands out.

    Args:
        found: [DIRECTIONS, B] of `directions`, of one photo or of many.

    Returns:
        degrees from vertical, clockwise, -90..90, and the ratio to directions that are not near it (1: does not).
    """
    shares = _typical(found)
    smooth = shares + 0.5 * (np.roll(shares, 1) + np.roll(shares, -1))
    peak = int(np.argmax(smooth))
    before, at, after = smooth[peak - 1], smooth[peak], smooth[(peak + 1) % DIRECTIONS]
    offset = 0.5 * (before - after) / min(before - 2 * at + after, -1e-9)
    degrees = (peak + 0.5 + float(np.clip(offset, -0.5, 0.5))) * 180.0 / DIRECTIONS
    return (degrees + 90.0) % 180.0 - 90.0, standing_out(found, degrees)


def standing_out(found: np.ndarray, degrees: float) -> float:
    """How many times more edges run in a direction than in those far from it, in a typical block."""
    shares = _typical(found)
    peak = int(degrees * DIRECTIONS / 180.0) % DIRECTIONS
    away = np.abs((np.arange(DIRECTIONS) - peak + DIRECTIONS // 2) % DIRECTIONS - DIRECTIONS // 2)
    background = float(np.median(shares[away > FAR]))
    return float(shares[away <= 1].max()) / max(background, 1e-3)


def transients(image: np.ndarray, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """What only this photo shows and not its neighbours: brighter and darker than both, in the typical block.

    The neighbours are brought into place by optical flow (DIS: Kroeger et al. 2016). A clean scene has as little of the
    one as of the other; rain and snow are bright.
    """
    own, element = luma(image), np.ones((3, 3), np.uint8)
    warped = [_in_place(own, luma(other)) for other in (before, after)]
    highest = np.maximum(*[cv2.dilate(plane, element) for plane in warped])
    lowest = np.minimum(*[cv2.erode(plane, element) for plane in warped])
    bright = blocks(np.maximum(own - highest - MARGIN, 0.0))
    dark = blocks(np.maximum(lowest - own - MARGIN, 0.0))
    return float(np.median(bright)), float(np.median(dark))


def veil(image: np.ndarray) -> tuple[float, float]:
    """How bright the darkest places are: the 5th percentile of the dark channel, the 1st of the brightness."""
    return float(np.percentile(dark_channel(image), 5)), float(np.percentile(luma(image), 1))


def _typical(found: np.ndarray) -> np.ndarray:
    """[DIRECTIONS] medians over the blocks that have edges; even shares where too few do."""
    full = ~np.isnan(found).any(axis=0)
    if full.mean() < 0.4:  # most of the picture is empty
        return np.full(DIRECTIONS, 1.0 / DIRECTIONS)
    return np.median(found[:, full], axis=1)


def _in_place(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The other picture [H, W] moved so that it fits."""
    small = [cv2.medianBlur(np.rint(255 * plane).astype(np.uint8), 5) for plane in (own, other)]  # without streaks
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = dis.calc(small[0], small[1], None)  # type: ignore[call-overload]
    height, width = own.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(other, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
