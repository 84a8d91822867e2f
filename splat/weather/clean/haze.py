"""Haze in pictures: the dark channel (He, Sun, Tang 2009) and the guided filter (He, Sun, Tang 2010)."""

from __future__ import annotations

import cv2
import numpy as np

PATCH = 0.02  # of the longer side: the dark channel's neighbourhood
BRIGHTEST = 0.001  # share of the haziest pixels that the airlight is taken from
LEAST_THROUGH = 0.12  # transmittance that is divided by at least: beyond, noise is all that is left

Colour = tuple[float, float, float]


def dark_channel(image: np.ndarray) -> np.ndarray:
    """[H, W] float32: the darkest of the three channels in the neighbourhood of each pixel; image float32 0..1."""
    size = max(3, round(PATCH * max(image.shape[:2])) | 1)
    return cv2.erode(image.min(axis=-1), np.ones((size, size), np.uint8), borderType=cv2.BORDER_REFLECT_101)


def airlight(image: np.ndarray) -> Colour:
    """Colour 0..1 that haze adds: of the pixels [H, W, 3] float32 whose surroundings are haziest, the median."""
    dark = dark_channel(image)
    count = max(10, int(BRIGHTEST * dark.size))
    haziest = np.argpartition(dark.ravel(), -count)[-count:]
    red, green, blue = (float(value) for value in np.median(image.reshape(-1, 3)[haziest], axis=0))
    return red, green, blue


def transmittance(image: np.ndarray, light: Colour, left: float) -> np.ndarray:
    """[H, W] share of the scene's own light that reaches the camera: t = 1 - (1 - left) dark(I / A), refined."""
    scaled = image / np.maximum(np.array(light, np.float32), 0.05)
    coarse = 1.0 - (1.0 - left) * dark_channel(scaled)
    return guided(image.mean(axis=-1), coarse.astype(np.float32), max(8, round(0.06 * max(image.shape[:2]))), 1e-3)


def dehazed(image: np.ndarray, light: Colour | None, left: float) -> np.ndarray:
    """[H, W, 3] uint8 without haze: J = (I - A) / t + A; `light` is the capture's airlight."""
    pixels = image.astype(np.float32) / 255.0
    light = airlight(pixels) if light is None else light
    through = np.clip(transmittance(pixels, light, left), LEAST_THROUGH, 1.0)[..., None]
    clear = (pixels - np.array(light, np.float32)) / through + np.array(light, np.float32)
    return np.rint(np.clip(clear, 0, 1) * 255).astype(np.uint8)


def guided(guide: np.ndarray, plane: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """The plane [H, W] smoothed except at edges of the guide [H, W]: locally a linear function of it."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT_101)

    guide, plane = guide.astype(np.float32), plane.astype(np.float32)
    average, other = mean(guide), mean(plane)
    slope = (mean(guide * plane) - average * other) / (mean(guide * guide) - average**2 + epsilon)
    return mean(slope) * guide + mean(other - slope * average)
