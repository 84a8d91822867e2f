"""Small pictures of the training views, and which of them see the same things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from splat.cameras import Camera

SIDE = 112  # pixels of the longer side
SMALLEST = 16  # pixels of the shorter side
POINTS = 400  # that decide which views see the same
FEWEST_SHARED = 20  # points that tell a difference of exposure
DARK = 0.02  # added to colours, so that ratios of black ones mean nothing
BEST_ANGLE, NARROW, WIDE = 8.0, 3.0, 12.0  # degrees between rays to a point: the best, and how fast others get worse


@dataclass(frozen=True)
class Picture:
    """A training view, made small."""

    camera: Camera
    color: np.ndarray  # [h, w, 3] float32, 0..1
    counts: np.ndarray  # [h, w] bool, False where the photo shows nothing of the scene


def small_picture(camera: Camera, image: np.ndarray, keep: np.ndarray | None) -> Picture:
    """The view with a longer side of `SIDE` pixels at the most; a pixel counts where all that it covers count.

    Args:
        camera: of the photo.
        image: [H, W, 3] uint8.
        keep: [H, W] bool, or None where all pixels count.
    """
    shrink = max(1.0, max(camera.width, camera.height) / SIDE)
    size = max(SMALLEST, round(camera.width / shrink)), max(SMALLEST, round(camera.height / shrink))
    color = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    counts = np.ones(color.shape[:2], bool)
    if keep is not None:
        counts = cv2.resize(keep.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    return Picture(camera.resized(*size), color, counts)


def partners(cameras: list[Camera], points: np.ndarray, count: int, rng: np.random.Generator) -> list[list[int]]:
    """For each view the `count` others that see most of the same points from a good angle, best first.

    Source: the view selection of Yao et al., "MVSNet", 2018, section 4.1, with angles for photos by hand: nearer views
    tell depths badly, from farther ones the same place looks different.

    Args:
        cameras: of all views.
        points: [P, 3] known points.
        rng: picks some of the points.
    """
    some = torch.from_numpy(points[rng.permutation(len(points))[:POINTS]])
    seen = np.stack([camera.sees(some).numpy() for camera in cameras])
    rays = torch.stack([torch.nn.functional.normalize(some - camera.position, dim=1) for camera in cameras]).numpy()
    found = []
    for view in range(len(cameras)):
        angle = np.degrees(np.arccos(np.clip(np.einsum("pd,vpd->vp", rays[view], rays), -1, 1)))
        width = np.where(angle < BEST_ANGLE, NARROW, WIDE)
        score = (np.exp(-((angle - BEST_ANGLE) ** 2) / (2 * width**2)) * (seen[view] & seen)).sum(axis=1)
        score[view] = 0
        found.append([int(other) for other in np.argsort(-score, kind="stable")[:count] if score[other] > 0])
    return found


def gains(picture: Picture, other: Picture, points: np.ndarray) -> np.ndarray:
    """[3]: what the other's colours must be multiplied by to have the picture's exposure and white balance.

    The median over the points that both show; most of these are not hidden from either. 1 where there are too few.
    """
    some = torch.from_numpy(points[:: max(1, len(points) // POINTS)])
    both = picture.camera.sees(some) & other.camera.sees(some)
    if int(both.sum()) < FEWEST_SHARED:
        return np.ones(3, np.float32)
    mine, its = (_at(one, some[both]) for one in (picture, other))
    ratios: np.ndarray = np.median((mine + DARK) / (its + DARK), axis=0)
    return np.asarray(ratios, np.float32)


def _at(picture: Picture, points: torch.Tensor) -> np.ndarray:
    """[P, 3]: the colours at the points."""
    x, y = picture.camera.project(points)[0].long().T.numpy()
    height, width = picture.counts.shape
    found: np.ndarray = picture.color[y.clip(0, height - 1), x.clip(0, width - 1)]
    return found


class Pictures:
    """Small pictures, made on first use."""

    def __init__(
        self,
        cameras: list[Camera],
        image: Callable[[int], np.ndarray],
        keep: Callable[[int], np.ndarray | None],
    ) -> None:
        self._source = cameras, image, keep
        self._made: dict[int, Picture] = {}

    def __getitem__(self, view: int) -> Picture:
        if view not in self._made:
            cameras, image, keep = self._source
            self._made[view] = small_picture(cameras[view], image(view), keep(view))
        return self._made[view]
