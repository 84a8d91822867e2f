"""Overlays of an answer on a picture."""

from __future__ import annotations

import cv2
import numpy as np

EDGE = np.array([255, 255, 255], np.uint8)


def overlay(picture: np.ndarray, relevancy: np.ndarray, mask: np.ndarray, place: tuple[int, int] | None) -> np.ndarray:
    """The picture in grey with the answer in colour, a white outline around the mask and a cross at the best place.

    Args:
        picture: [H, W, 3] uint8.
        relevancy: [H, W] 0..1, tinted from 0.5 upwards.
        mask: [H, W] bool.
        place: x, y of the best pixel, or None.
    """
    grey = (picture.mean(2, keepdims=True) * 0.45 + 20).repeat(3, axis=2)
    heat = cv2.applyColorMap(np.uint8(np.clip((relevancy - 0.4) / 0.5, 0, 1) * 255), cv2.COLORMAP_TURBO)[..., ::-1]
    weight = np.clip((relevancy - 0.5) / 0.25, 0, 0.55)[..., None]
    out = grey * (1 - weight) + heat * weight
    out = np.where(mask[..., None], picture * 0.85 + heat * 0.15, out)
    out = np.ascontiguousarray(np.clip(out, 0, 255).astype(np.uint8))
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    thick = max(1, round(picture.shape[1] / 400))
    cv2.drawContours(out, contours, -1, EDGE.tolist(), thick, cv2.LINE_AA)
    if place is not None:
        cv2.drawMarker(out, place, (255, 40, 40), cv2.MARKER_CROSS, max(8, picture.shape[1] // 40), thick, cv2.LINE_AA)
    return out
