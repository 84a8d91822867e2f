"""From a label map to what an image encoder sees: a square a region, all else black (LangSplat, 3.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def boxes(labels: np.ndarray, count: int) -> np.ndarray:
    """Bounding boxes [count, 4] (top, left, bottom, right; the ends exclusive) of the regions of [..., h, w] labels.

    A region that no pixel has gets zeros.
    """
    found = np.zeros((count, 4), np.int64)
    height, width = labels.shape[-2:]
    found[:, :2] = height + width
    *_, y, x = np.nonzero(labels >= 0)
    ids = labels[labels >= 0]
    np.minimum.at(found[:, 0], ids, y)
    np.minimum.at(found[:, 1], ids, x)
    np.maximum.at(found[:, 2], ids, y + 1)
    np.maximum.at(found[:, 3], ids, x + 1)
    found[found[:, 2] == 0] = 0
    return found


def crops(image: np.ndarray, labels: np.ndarray, count: int, size: int) -> Iterator[np.ndarray]:
    """Squares [size, size, 3] uint8 of the regions 0..count-1, in order.

    Args:
        image: [H, W, 3] uint8.
        labels: [L, h, w] int32; a region may stand in several levels, any of them will do.

    The region is cut out at the image's resolution, everything else in it is black, the shorter side is padded with
    black on both sides; shrunk by area, enlarged linearly.
    """
    import cv2

    first = _level_of(labels, count)
    found = np.zeros((count, 4), np.int64)
    for level, plane in enumerate(labels):
        chosen = first == level
        found[chosen] = boxes(plane, count)[chosen]
    scale = np.array([image.shape[0] / labels.shape[1], image.shape[1] / labels.shape[2]])
    for region in range(count):
        top, left, bottom, right = found[region]
        part = labels[first[region], top:bottom, left:right] == region
        y0, y1 = np.round(np.array([top, bottom]) * scale[0]).astype(int)
        x0, x1 = np.round(np.array([left, right]) * scale[1]).astype(int)
        piece = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        height, width = piece.shape[:2]
        shrink = size / max(height, width)
        h, w = max(round(height * shrink), 1), max(round(width * shrink), 1)
        square = np.zeros((size, size, 3), np.uint8)
        y, x = (size - h) // 2, (size - w) // 2
        mask = part.astype(np.uint8)
        if mask.shape != (height, width):
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
        way = cv2.INTER_AREA if shrink < 1 else cv2.INTER_LINEAR
        square[y : y + h, x : x + w] = cv2.resize(piece * mask[..., None], (w, h), interpolation=way)
        yield square


def _level_of(labels: np.ndarray, count: int) -> np.ndarray:
    """The first level [count] in which each region stands."""
    first = np.zeros(count, np.int64)
    for level in reversed(range(len(labels))):
        present = np.unique(labels[level])
        first[present[present >= 0]] = level
    return first


def pool(labels: np.ndarray, patches: np.ndarray, count: int) -> np.ndarray:
    """Mean vector [count, D] of each region over a grid of patch vectors [gh, gw, D].

    Every pixel of a region counts with the patch under it, so that regions smaller than a patch get one as well.
    """
    rows = (np.arange(labels.shape[1]) + 0.5) * patches.shape[0] / labels.shape[1]
    columns = (np.arange(labels.shape[2]) + 0.5) * patches.shape[1] / labels.shape[2]
    cell = rows.astype(int)[:, None] * patches.shape[1] + columns.astype(int)[None]
    cells = patches.shape[0] * patches.shape[1]
    first = _level_of(labels, count)
    weight = np.zeros(count * cells)
    for level, plane in enumerate(labels):
        inside = plane >= 0
        inside[inside] = first[plane[inside]] == level
        weight += np.bincount(plane[inside] * cells + cell[inside], minlength=count * cells)
    weight = weight.reshape(count, cells)
    return (weight @ patches.reshape(cells, -1)) / np.maximum(weight.sum(1, keepdims=True), 1)
