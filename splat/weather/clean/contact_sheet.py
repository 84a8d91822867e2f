"""The contact sheet: before, after and mask of some photos, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from splat.images import shrunk
from splat.weather.clean.source import resized_mask

SIDE = 420  # longer side in pixels of each picture on the sheet
GAP, TITLE = 6, 22
RED, YELLOW = (230, 40, 40), (250, 210, 40)


@dataclass(frozen=True)
class Row:
    """One photo on the sheet."""

    name: str
    before: np.ndarray  # [h, w, 3] uint8, small
    after: np.ndarray  # [h, w, 3] uint8, small
    masked: np.ndarray  # [h, w] bool: not to be trained on
    changed: np.ndarray  # [h, w] bool: restored


def make_row(name: str, before: np.ndarray, after: np.ndarray, mask: np.ndarray | None) -> Row:
    """A row from a photo [H, W, 3] uint8 before and after, and its mask [H, W] bool (True counts), all upright."""
    small, result = shrunk(before, SIDE), shrunk(after, SIDE)
    height, width = small.shape[:2]
    masked = np.zeros((height, width), bool) if mask is None else ~resized_mask(mask, width, height)
    changed = np.abs(small.astype(np.int16) - result.astype(np.int16)).max(axis=-1) > 3
    return Row(name, small, result, masked, changed)


def make_sheet(rows: Sequence[Row]) -> np.ndarray:
    """[H, W, 3] uint8: a row for each photo, with restored pixels yellow and masked ones red in the third picture."""
    strips = []
    for row in rows:
        third = (0.4 * row.after).astype(np.uint8)
        for where, color in ((row.changed, YELLOW), (row.masked, RED)):
            third[where] = (0.3 * third[where] + 0.7 * np.array(color)).astype(np.uint8)
        gap = np.full((row.before.shape[0], GAP, 3), 255, np.uint8)
        pictures = np.concatenate([row.before, gap, row.after, gap, third], axis=1)
        strips.append(np.concatenate([_title(row, pictures.shape[1]), pictures]))
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(s, ((0, GAP), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
    return np.concatenate(padded)


def _title(row: Row, width: int) -> np.ndarray:
    strip = np.full((TITLE, width, 3), 255, np.uint8)
    shares = f"restored {100 * row.changed.mean():.1f} %, masked {100 * row.masked.mean():.1f} %"
    cv2.putText(
        strip, f"{row.name}: before, after, {shares}", (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, 16
    )
    return strip
