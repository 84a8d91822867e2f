"""SIFT features of one photo by OpenCV, in COLMAP's conventions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LAYERS, EDGE, SIGMA = 3, 10.0, 1.6  # of an octave; the usual ones (Lowe 2004)
CONTRAST = 0.02  # half of OpenCV's: as many features as COLMAP's own threshold finds; the strongest are kept


@dataclass(frozen=True)
class Features:
    """Features of a photo with N of them."""

    keypoints: np.ndarray  # [N, 4] float32: x, y in pixels (first centre at 0.5), scale in pixels, angle in radians
    descriptors: np.ndarray  # [N, 128] uint8: square roots of L1-normalised histograms, times 512


def sift_features(gray: np.ndarray, most: int, longest: int, mask: np.ndarray | None = None) -> Features:
    """The features of a picture with the most contrast.

    Args:
        gray: [H, W] uint8.
        most: number of features.
        longest: side in pixels to which larger pictures are reduced first; the answer is in pixels of the given one.
        mask: [H, W] uint8; features on its zeros are dropped.
    """
    height, width = gray.shape
    reduced = min(1.0, longest / max(height, width))
    size = (max(1, round(width * reduced)), max(1, round(height * reduced)))
    if reduced < 1.0:
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        mask = None if mask is None else cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    # Without the precise upscale all places are a quarter of a pixel off.
    sift = cv2.SIFT.create(most, LAYERS, CONTRAST, EDGE, SIGMA, enable_precise_upscale=True)
    found, histograms = sift.detectAndCompute(gray, mask)
    if not found:
        return Features(np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8))
    stretch = np.array([width / size[0], height / size[1]])
    places = (np.array([point.pt for point in found]) + 0.5) * stretch
    scales = np.array([point.size for point in found]) / 2.0 * stretch.mean()  # OpenCV's size is a diameter
    angles = np.radians([point.angle for point in found])
    keypoints = np.column_stack([places, scales, angles]).astype(np.float32)
    order = np.lexsort((*keypoints.T, -np.array([point.response for point in found])))[:most]  # ties go past `most`
    return Features(keypoints[order], root_sift(histograms[order]))


def root_sift(histograms: np.ndarray) -> np.ndarray:
    """[N, 128] uint8 of histograms [N, 128], whose distance compares them better (Arandjelović, Zisserman 2012)."""
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-12)
    found: np.ndarray = np.clip(np.rint(512.0 * np.sqrt(shares)), 0, 255).astype(np.uint8)
    return found
