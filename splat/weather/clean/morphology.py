"""Thin bright structures: what rain and snow add to a photo, and what any scene has. Those of 1 - photo are dark.

Weather in the air only brightens. What is bright and thin is therefore weather or scene, and what is dark and thin is
scene alone: the second says how much of the first to expect without weather. Top-hats and openings along lines are
those of mathematical morphology (Serra, Image Analysis and Mathematical Morphology, 1982).
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from splat.images import LUMA


def luma(image: np.ndarray) -> np.ndarray:
    """[H, W] float32 0..1 brightness of [H, W, 3] uint8 or float32 0..1."""
    grey = image[..., :3].astype(np.float32) @ np.array(LUMA, np.float32)
    return grey / 255.0 if image.dtype == np.uint8 else grey


@functools.lru_cache(maxsize=256)
def line_element(length: int, degrees: float) -> np.ndarray:
    """[S, S] uint8: the pixels of a centred line of `length` pixels; 0 degrees is vertical, growing clockwise."""
    half = (length - 1) / 2
    angle = np.radians(degrees)
    steps = np.linspace(-half, half, 2 * length + 1)
    x, y = np.rint(steps * np.sin(angle)).astype(int), np.rint(-steps * np.cos(angle)).astype(int)
    reach = max(int(np.abs(x).max()), int(np.abs(y).max()))
    element = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    element[y + reach, x + reach] = 1
    return element


def disk(width: int) -> np.ndarray:
    """[width, width] uint8: a disk."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))


def thin(plane: np.ndarray, element: np.ndarray) -> np.ndarray:
    """White top-hat [H, W] of a plane: how much brighter it is than where the element fits."""
    return cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, element, borderType=cv2.BORDER_REFLECT_101)


def opened(plane: np.ndarray, element: np.ndarray) -> np.ndarray:
    """Opening [H, W]: only structures that hold the element survive."""
    return cv2.morphologyEx(plane, cv2.MORPH_OPEN, element, borderType=cv2.BORDER_REFLECT_101)
