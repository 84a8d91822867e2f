"""What stays in its place over many pictures: missing detail, and edges that are always there.

What lies on the lens is out of focus, so fine detail is missing there in photo after photo, compared with its
surroundings; and its outline is an edge at the same pixels in every photo, while the scene's edges move on and cancel
out (as watermarks are found: Dekel et al., On the effectiveness of visible watermarks, CVPR 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

FINE = 1.0  # pixels: detail that this blur removes
NEAR = 1.5  # pixels over which it is averaged
AROUND = 0.25  # of the longer side: the surroundings that it is compared with
FAINT = 0.0015  # of 1: detail below is noise
DARK = 0.05  # added before the logarithm of brightness, so that noise in the dark does not count
STRONG = 0.15  # edges count as this strong at most: one hard edge must not outvote the rest
WEAK = 0.006  # and edges below count little
LEAST_KNOWN = 0.4  # of the photos must say something about a pixel


@dataclass
class Sums:
    """Sums over photos, from which the two cues follow; everything is [h, w]."""

    count: int = 0
    lacks: np.ndarray | float = 0.0
    worth: np.ndarray | float = 0.0
    x: np.ndarray | float = 0.0
    y: np.ndarray | float = 0.0
    strength: np.ndarray | float = 0.0
    known: np.ndarray | float = 0.0
    kept: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # edges of each photo, float16

    def add(self, plane: np.ndarray, known: np.ndarray | None = None) -> None:
        """One more photo: brightness [h, w] float32 0..1, and where it shows anything."""
        found, worth = lack(plane, known)
        x, y = edges(plane, known)
        self.count += 1
        self.lacks = self.lacks + worth * found
        self.worth = self.worth + worth
        self.x, self.y = self.x + x, self.y + y
        self.strength = self.strength + np.hypot(x, y)
        self.known = self.known + (np.ones_like(plane) if known is None else known)
        self.kept.append((x.astype(np.float16), y.astype(np.float16)))

    def lack(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean lack of detail [h, w], 0 where nothing is known, and where it is [h, w] bool."""
        worth = np.asarray(self.worth)
        informed = worth >= max(LEAST_KNOWN * self.count, 3.0)
        mean = np.asarray(self.lacks) / np.maximum(worth, 1e-6)
        return np.where(informed, mean, 0.0).astype(np.float32), informed

    def constancy(self) -> np.ndarray:
        """[h, w] 0..1: how far the edges at a pixel are the same in all photos; of moving ones root (1 / count)."""
        known = np.maximum(np.asarray(self.known), 1.0)
        found = np.hypot(self.x, self.y) / (np.asarray(self.strength) + WEAK * known)
        return np.where(known >= max(LEAST_KNOWN * self.count, 3.0), found, 0.0).astype(np.float32)

    def agreement(self, region: np.ndarray) -> np.ndarray:
        """[count]: how strongly each photo has the constant edges of a region [h, w] bool; about 1 where it has."""
        mean_x, mean_y = np.asarray(self.x)[region], np.asarray(self.y)[region]
        length = np.maximum(np.hypot(mean_x, mean_y), 1e-9)
        unit_x, unit_y = mean_x / length, mean_y / length
        found = np.array([float((x[region] * unit_x + y[region] * unit_y).sum()) for x, y in self.kept])
        typical = float(np.median(found))
        return found / typical if typical > 0 else np.ones(len(found))


def lack(plane: np.ndarray, known: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """How much less fine detail [h, w] each place has than its surroundings, as a logarithm, and what that is worth.

    Where the surroundings have none either, nothing is said: it is worth 0.
    """
    detail = plane - cv2.GaussianBlur(plane, (0, 0), FINE)
    here = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), NEAR))
    window = max(3, int(AROUND * max(plane.shape)) | 1)
    around = cv2.blur(here, (window, window), borderType=cv2.BORDER_REFLECT_101)
    found = np.log((here + FAINT) / (around + FAINT))
    worth = np.clip(around / FAINT - 1.0, 0.0, 1.0)
    if known is not None:
        worth = np.where(_inner(known), worth, 0.0)
    return found, worth


def edges(plane: np.ndarray, known: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the logarithm of brightness along x and y [h, w], each pixel's at most `STRONG` long."""
    smooth = cv2.GaussianBlur(np.log(plane + DARK), (0, 0), 1.0)
    x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    shorter = np.minimum(1.0, STRONG / np.maximum(np.hypot(x, y), 1e-6))
    if known is not None:
        shorter = np.where(_inner(known), shorter, 0.0)
    return x * shorter, y * shorter


def surface(plane: np.ndarray) -> np.ndarray:
    """The plane [h, w] without spots: a median over `AROUND` of the longer side, smoothed."""
    factor = max(1, max(plane.shape) // 120)
    small = cv2.resize(plane, (plane.shape[1] // factor, plane.shape[0] // factor), interpolation=cv2.INTER_AREA)
    low, high = float(small.min()), float(small.max())
    levels = np.rint((small - low) / max(high - low, 1e-6) * 255).astype(np.uint8)
    window = max(3, int(AROUND * max(small.shape)) | 1)
    half = window // 2
    framed = cv2.copyMakeBorder(levels, half, half, half, half, cv2.BORDER_REFLECT_101)
    median = cv2.medianBlur(framed, window)[half : half + small.shape[0], half : half + small.shape[1]]
    smooth = cv2.GaussianBlur(median.astype(np.float32), (0, 0), window / 6) / 255 * (high - low) + low
    return cv2.resize(smooth, plane.shape[1::-1] if plane.ndim == 3 else plane.shape[::-1])


def _inner(known: np.ndarray) -> np.ndarray:
    """Pixels [h, w] bool whose neighbours are known too."""
    return cv2.erode(known.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
