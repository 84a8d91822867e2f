"""Streaks and flakes taken out of single photos, by their shape alone.

A bright thin structure may be weather or scene. How many are scene is estimated from what weather cannot make: dark
ones, and ones that lie across the fall. For a structure of strength b that is weather with probability p, taking out
g b costs (1 - p) g^2 b^2 and wins p (2 g - g^2) b^2 of squared error, so the best share is g = p. It is found once for
a capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from splat.weather.clean.morphology import disk, line_element, luma, opened, thin

STRENGTHS = np.array([0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.18, 0.25, 0.35, 1.01])  # edges of classes of strength
WIDTHS = (0.01, 0.015, 0.021, 0.03, 0.04)  # of the longer side: how broad streaks and flakes may be
LENGTH = 0.027  # of the longer side: streaks are at least as long
LEAN = 5.0  # degrees that single streaks lean away from the others
OTHER = (40.0, 65.0, 90.0, 115.0, 140.0)  # degrees from the fall, where weather has no streaks
ENOUGH = 0.95  # of the most that any width wins: broader ones take more of the scene along
DENSE = 5.0  # times as many streaks as across the fall: then the gaps between them are dark lines as well


@dataclass(frozen=True)
class Streaks:
    """How to take streaks out of the photos of a capture."""

    degrees: float  # of the fall from vertical, clockwise
    width: float  # of the longer side
    shares: tuple[float, ...]  # taken out of each class of strength


@dataclass(frozen=True)
class Flakes:
    """How to take flakes out of the photos of a capture."""

    width: float
    shares: tuple[float, ...]


def learn_streaks(images: Sequence[np.ndarray], degrees: float) -> Streaks:
    """Look at photos [H, W, 3] of a capture in which rain falls in that direction."""
    planes = [luma(image) for image in images]
    falls, nulls = [], []
    for width in WIDTHS:
        fall = _total(_bright_lines(plane, degrees, width) for plane in planes)
        dark = _total(_bright_lines(1 - plane, degrees, width) for plane in planes)
        across = [_total(_bright_lines(plane, degrees + angle, width) for plane in planes) for angle in OTHER]
        falls.append(fall)
        nulls.append((np.max(across, axis=0), dark))
    # Dense rain has dark gaps, and its broad bands hold lines of other directions too: the narrowest tell.
    crowded = np.sum(falls[1]) > DENSE * np.sum(nulls[1][0])
    if crowded:
        chances = [_chances(falls[1], nulls[1][0])] * len(WIDTHS)
    else:
        chances = [_chances(fall, np.maximum(other, dark)) for fall, (other, dark) in zip(falls, nulls)]
    gains = np.array([_gain(fall, chance) for fall, chance in zip(falls, chances)])
    best = int(np.argmax(gains >= ENOUGH * gains.max())) if crowded else int(np.argmax(gains))
    return Streaks(float(degrees), WIDTHS[best], tuple(map(float, chances[best])))


def remove_streaks(image: np.ndarray, model: Streaks, strength: float = 1.0) -> np.ndarray:
    """[H, W, 3] uint8 without streaks; only pixels on streaks change."""
    top_hat, lines = _bright_lines(luma(image), model.degrees, model.width)
    return _without(image, top_hat, lines, model.shares, strength)


def learn_flakes(images: Sequence[np.ndarray]) -> Flakes:
    """Look at photos [H, W, 3] of a capture in which snow falls."""
    planes = [luma(image) for image in images]
    best, most = Flakes(WIDTHS[0], (0.0,) * (len(STRENGTHS) - 1)), 0.0
    for width in WIDTHS:
        bright = _total(_bright_spots(plane, width) for plane in planes)
        dark = _total(_bright_spots(1 - plane, width) for plane in planes)
        chance = _chances(bright, dark)
        gain = _gain(bright, chance)
        if gain > most:
            best, most = Flakes(width, tuple(map(float, chance))), gain
    return best


def remove_flakes(image: np.ndarray, model: Flakes, strength: float = 1.0) -> np.ndarray:
    """[H, W, 3] uint8 without flakes; only pixels on flakes change."""
    top_hat, spots = _bright_spots(luma(image), model.width)
    return _without(image, top_hat, spots, model.shares, strength)


def _bright_lines(plane: np.ndarray, degrees: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """How much brighter a pixel is than the sides of a line through it, and the same only where it lies on a line."""
    side = max(plane.shape)
    top_hat = thin(plane, line_element(max(3, round(width * side) | 1), degrees + 90.0))
    length = max(7, round(LENGTH * side) | 1)
    lines = np.max([opened(top_hat, line_element(length, degrees + lean)) for lean in (-LEAN, 0.0, LEAN)], axis=0)
    return top_hat, lines


def _bright_spots(plane: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """How much brighter a pixel is than what surrounds a spot around it, and the same without single noisy pixels."""
    side = max(plane.shape)
    top_hat = thin(plane, disk(max(3, round(width * side) | 1)))
    small = max(1, round(0.0025 * side))
    return top_hat, opened(top_hat, np.ones((small, small), np.uint8))


def _without(
    image: np.ndarray, top_hat: np.ndarray, found: np.ndarray, shares: Sequence[float], strength: float
) -> np.ndarray:
    """The image less the top-hat where something was found, by the share of its strength."""
    found = cv2.dilate(found, np.ones((3, 3), np.uint8))  # the soft edges belong to it
    share = np.interp(found, 0.5 * (STRENGTHS[:-1] + STRENGTHS[1:]), shares)
    layer = np.where(found >= STRENGTHS[0], strength * share * top_hat, 0.0)
    changed = np.rint(np.clip(image - 255.0 * layer[..., None], 0, 255)).astype(np.uint8)
    return np.where((layer > 0.5 / 255)[..., None], changed, image)


def _total(found: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """How many pixels fall into each class of strength, over photos."""
    counts = np.stack([np.histogram(lines, STRENGTHS)[0] for _, lines in found])
    return counts.sum(axis=0).astype(np.float64)


def _chances(bright: np.ndarray, null: np.ndarray) -> np.ndarray:
    """For each class, the chance that a bright structure is weather, of which `null` would be there without."""
    chance = 1.0 - (null + 3.0) / (bright + 3.0)
    return np.clip(chance, 0.0, 1.0)


def _gain(bright: np.ndarray, chance: np.ndarray) -> float:
    """The squared error that taking out wins: the sum of p^2 b^2."""
    middle = 0.5 * (STRENGTHS[:-1] + np.minimum(STRENGTHS[1:], 0.5))
    return float(np.sum(bright * chance**2 * middle**2))
