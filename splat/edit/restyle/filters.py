"""Pictures changed by a filter, most of them OpenCV's (Gastal & Oliveira 2011 for those that follow edges)."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from splat.colors import lab_to_rgb, rgb_to_lab
from splat.edit.restyle.options import FILTERS
from splat.errors import SplatError
from splat.images import LUMA
from splat.options import wrong_choice

SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
LEVELS = 4  # of each channel in posterize
OIL_RADIUS, OIL_LEVELS = 4, 12


def filtered(picture: np.ndarray, name: str, amount: float = 1.0, hue: float = 0.0) -> np.ndarray:
    """A picture through a filter.

    Args:
        picture: [H, W, 3] uint8 RGB.
        name: one of `config.FILTERS`.
        amount: how much of the filter, 0 to 1; the rest is the picture itself.
        hue: degrees, for the filter of that name.

    Returns:
        [H, W, 3] float32 RGB 0..1.

    Raises:
        SplatError: when there is no such filter.
    """
    if name not in _MAKERS:
        raise SplatError(wrong_choice("filter", name, FILTERS))
    made = _turned(picture, hue) if name == "hue" else _MAKERS[name](np.ascontiguousarray(picture))
    mixed = amount * np.asarray(made, np.float32) + (1 - amount) * np.asarray(picture, np.float32)
    return np.asarray(mixed / 255, np.float32)


def _stylization(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.stylization(picture, sigma_s=30, sigma_r=0.45))


def _pencil(picture: np.ndarray) -> np.ndarray:
    grey = cv2.pencilSketch(picture[..., ::-1].copy(), sigma_s=30, sigma_r=0.07, shade_factor=0.05)[0]
    return np.repeat(np.asarray(grey)[..., None], 3, axis=-1)


def _color_pencil(picture: np.ndarray) -> np.ndarray:
    color = cv2.pencilSketch(picture[..., ::-1].copy(), sigma_s=30, sigma_r=0.07, shade_factor=0.05)[1]
    return np.asarray(color)[..., ::-1]


def _edge_preserving(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.edgePreservingFilter(picture, flags=cv2.RECURS_FILTER, sigma_s=30, sigma_r=0.4))


def _detail(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.detailEnhance(picture, sigma_s=10, sigma_r=0.15))


def _cartoon(picture: np.ndarray) -> np.ndarray:
    """Flat colours with dark outlines where brightness changes."""
    grey = cv2.medianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 5)
    flat = _posterize(_edge_preserving(picture), 6)
    return np.where(lines[..., None] > 0, flat, flat // 4)


def _oil(picture: np.ndarray) -> np.ndarray:
    """Strokes: every pixel takes the mean colour of the most common brightness around it."""
    size = (2 * OIL_RADIUS + 1,) * 2
    level = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(int) * OIL_LEVELS // 256
    best = np.full(picture.shape[:2], -1.0, np.float32)
    result: np.ndarray = picture.astype(np.float32)
    for index in range(OIL_LEVELS):
        inside = (level == index).astype(np.float32)
        count = cv2.boxFilter(inside, -1, size, normalize=False)
        color = cv2.boxFilter(picture * inside[..., None], -1, size, normalize=False) / np.maximum(count, 1)[..., None]
        wins = count > best
        best, result = np.where(wins, count, best), np.where(wins[..., None], color, result)
    return result


def _sepia(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture.astype(np.float32) @ np.array(SEPIA, np.float32).T, 0, 255)


def _gray(picture: np.ndarray) -> np.ndarray:
    grey = picture.astype(np.float32) @ np.array(LUMA, np.float32)
    return np.repeat(grey[..., None], 3, axis=-1)


def _posterize(picture: np.ndarray, levels: int = LEVELS) -> np.ndarray:
    step = 256 / levels
    return ((picture // step + 0.5) * step).clip(0, 255).astype(np.uint8)


def _turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    """The hue turned in the a-b plane of CIE Lab, lightness kept."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    L, a, b = rgb_to_lab(torch.from_numpy(picture / 255.0)).unbind(-1)
    turned = lab_to_rgb(torch.stack([L, cos * a - sin * b, sin * a + cos * b], dim=-1))
    return turned.clamp(0, 1).numpy() * 255


_MAKERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "stylization": _stylization,
    "pencil": _pencil,
    "color_pencil": _color_pencil,
    "cartoon": _cartoon,
    "oil": _oil,
    "edge_preserving": _edge_preserving,
    "detail": _detail,
    "sepia": _sepia,
    "gray": _gray,
    "invert": lambda picture: 255 - picture,
    "posterize": _posterize,
    "hue": lambda picture: picture,
}
