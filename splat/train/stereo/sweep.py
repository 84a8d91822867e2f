"""Plane sweeping: how well other photos match a view where its pixels would lie on planes before it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from splat.cameras import Camera
from splat.train.stereo.pictures import Picture, gains

PLANES = 48
FEWEST_POINTS = 12  # a view that sees fewer points gets no depth
NEARER, FARTHER = 0.6, 4.0  # than nearly all points that a view sees: where its planes begin and end
WINDOW = 5  # pixels
NOISE = 0.02  # standard deviation of grey up to which a window says nothing
MOST_TINT = 0.15  # difference of colours from which on they are merely different
UNSEEN = 0.5  # cost where fewer than two other photos see a place
MEAN = np.full((1, 3), 1 / 3)  # over the channels; OpenCV is much faster at it than numpy
OUTSIDE = -1000.0  # colour of what another photo does not show; interpolation with it stays negative


def plane_depths(camera: Camera, points: np.ndarray) -> np.ndarray | None:
    """[D] depths, evenly spaced in their inverse, around the known points [P, 3] that a camera sees; None for few."""
    pixels, depth = camera.project(torch.from_numpy(points))
    depths = depth[(depth > 1e-6) & camera.contains(pixels)].numpy()
    if len(depths) < FEWEST_POINTS:
        return None
    nearest, farthest = np.quantile(depths, [0.01, 0.99])
    return 1 / np.linspace(1 / (NEARER * nearest), 1 / (FARTHER * farthest), PLANES)


def matching_cost(picture: Picture, others: Sequence[Picture], depths: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[h, w, D] float32 in 0..1.5, how badly others match where the view's pixels lie at each of the depths [D].

    Half of it is 1 - ZNCC of grey over a window, which exposure does not change; plain windows match each other. The
    other half is the difference of colours, which tells plain surfaces apart, after both photos are brought to one
    exposure by what they show of the known `points` [P, 3]. The better half of the photos counts, as
    any may be hidden from the place (Kang et al., "Handling Occlusions in Dense Multi-view Stereo", 2001).
    """
    costs = ascending([_cost_by(picture, other, depths, gains(picture, other, points)) for other in others])
    valid = np.isfinite(costs[0]).astype(np.float32)
    for cost in costs[1:]:
        valid += np.isfinite(cost)
    total, kept = costs[0].copy(), np.ones_like(valid)
    for rank, cost in enumerate(costs[1:], 1):
        counted = valid > 2 * rank  # of three and four photos two count, of five and six three
        total += np.where(counted, cost, 0)
        kept += counted
    mean: np.ndarray = np.where(valid >= min(2, len(others)), total / kept, np.float32(UNSEEN))
    return mean


def ascending(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The arrays sorted among themselves, place by place; numpy's own sort along a first axis is ten times slower."""
    found = list(arrays)
    for end in range(len(found) - 1, 0, -1):
        for index in range(end):
            low, high = found[index], found[index + 1]
            found[index], found[index + 1] = np.minimum(low, high), np.maximum(low, high)
    return found


def _cost_by(picture: Picture, other: Picture, depths: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """[h, w, D] cost by one other photo, infinite where it does not show the place."""
    grey = cv2.transform(picture.color, MEAN)
    mean = _blur(grey)
    variance = np.maximum(_blur(grey * grey) - mean**2, 0) + NOISE**2
    warped, away = _warped(picture, other, depths, gain)
    warped_mean = _blur(warped)
    warped_variance = np.maximum(_blur(warped * warped) - warped_mean**2, 0) + NOISE**2
    covariance = _blur(warped * grey[..., None]) - warped_mean * mean[..., None] + NOISE**2
    matched = covariance / np.sqrt(warped_variance * variance[..., None])
    cost = 0.5 * (1 - matched) + 0.5 * np.minimum(away, MOST_TINT) / MOST_TINT
    return np.where(np.isfinite(away), cost, np.inf).astype(np.float32)


def _warped(picture: Picture, other: Picture, depths: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The other photo's grey [h, w, D] on each plane, and the mean difference of colours, infinite outside of it."""
    height, width = picture.counts.shape
    source = np.where(other.counts[..., None], other.color * gain, OUTSIDE).astype(np.float32)
    grey, away = (np.empty((len(depths), height, width), np.float32) for _ in range(2))
    for index, matrix in enumerate(homographies(picture.camera, other.camera, depths)):
        color = cv2.warpPerspective(
            source, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(OUTSIDE,) * 3,
        )  # fmt: skip
        shown = color[..., 0] >= 0
        grey[index] = np.where(shown, cv2.transform(color, MEAN), 0)
        away[index] = np.where(shown, cv2.transform(cv2.absdiff(color, picture.color), MEAN), np.inf)
    return tuple(np.ascontiguousarray(np.moveaxis(planes, 0, 2)) for planes in (grey, away))  # type: ignore[return-value]


def homographies(camera: Camera, other: Camera, depths: np.ndarray) -> list[np.ndarray]:
    """[3, 3] each, from pixels of `camera` to those of `other` for points on the plane z = depth of `camera`.

    Pixels are counted as OpenCV does, their centres at whole numbers. Source: Hartley & Zisserman, "Multiple View
    Geometry", 2004, section 13.1: K' (R + t n^T / d) K^-1.
    """
    centred = np.array([[1.0, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    pose = other.viewmat.numpy() @ np.linalg.inv(camera.viewmat.numpy())
    left, right = centred @ other.K.numpy(), np.linalg.inv(centred @ camera.K.numpy())
    toward = np.zeros((len(depths), 3, 3))
    toward[:, :, 2] = pose[:3, 3] / depths[:, None]
    return list(left @ (pose[:3, :3] + toward) @ right)


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.blur(values, (WINDOW, WINDOW))
