"""Values between those that are known, smooth where the photo is and apart where it has edges."""

from __future__ import annotations

import cv2
import numpy as np

COLOR = 0.08  # difference of colours at which a neighbour counts a third


def filled(values: np.ndarray, known: np.ndarray, color: np.ndarray) -> np.ndarray:
    """[h, w]: `values` where they are `known`, else what their surroundings have, like colours first.

    Pulled up a pyramid and pushed down again (Gortler et al., "The Lumigraph", 1996, section 3.4), the way down
    weighted with the likeness of colours (Kopf et al., "Joint Bilateral Upsampling", 2007).

    Args:
        values: [h, w]; of no meaning where they are not known.
        known: [h, w] bool, or weights from 0 to 1; some must be more than 0.
        color: [h, w, 3] float32, 0..1.
    """
    weight = known.astype(np.float32)
    return _filled(np.where(weight > 0, values, 0).astype(np.float32), weight, color)


def _filled(values: np.ndarray, weight: np.ndarray, color: np.ndarray) -> np.ndarray:
    height, width = values.shape
    if min(height, width) <= 2:
        mean = float((values * weight).sum() / max(float(weight.sum()), 1e-12))
        return np.where(weight > 0, values, mean).astype(np.float32)
    size = (width + 1) // 2, (height + 1) // 2
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(values * weight, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-12)
    small = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    coarse = _filled(np.where(share > 0, mean, 0), np.minimum(4 * share, 1), small)
    found: np.ndarray = weight * values + (1 - weight) * _enlarged(coarse, small, color)
    return found


def _enlarged(values: np.ndarray, small: np.ndarray, color: np.ndarray) -> np.ndarray:
    """[h, w] from [h/2, w/2]: of the nine cells around a pixel those that are near and have its colour."""
    height, width = color.shape[:2]
    rows, columns = np.arange(height), np.arange(width)
    total, weights = np.zeros((height, width), np.float32), np.full((height, width), 1e-12, np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y = (rows // 2 + down).clip(0, values.shape[0] - 1)
            x = (columns // 2 + right).clip(0, values.shape[1] - 1)
            apart = (rows / 2 - 0.25 - y)[:, None] ** 2 + (columns / 2 - 0.25 - x)[None] ** 2
            unlike = np.abs(small[y][:, x] - color).mean(axis=2)
            weight = np.exp(-apart - unlike / COLOR).astype(np.float32)
            total += weight * values[y][:, x]
            weights += weight
    return total / weights
