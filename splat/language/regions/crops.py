"""From a label map to what an image encoder sees: a square a region, all else black (LangSplat, 3.1) or darkened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
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


@dataclass(frozen=True)
class Look:
    """What a region's picture shows of its surroundings."""

    context: float = 0.0  # margin on each side, times the region's longer side and a tenth of the photo's
    surround: float = 0.0  # brightness of what is not the region, 0..1


ALONE = Look()  # LangSplat's: the region cut out


def crops(image: np.ndarray, labels: np.ndarray, count: int, size: int, look: Look = ALONE) -> Iterator[np.ndarray]:
    """Squares [size, size, 3] uint8 of the regions 0..count-1, in order.

    Args:
        image: [H, W, 3] uint8.
        labels: [L, h, w] int32; a region may stand in several levels, any of them will do.
        look: how much of the surroundings is shown, and how bright. Small regions get more in proportion: they say
            least about themselves.

    The region is shown at the image's resolution; what lies beyond the picture, or beside the region where nothing of
    the surroundings is shown, is black. Shrunk by area, enlarged linearly.
    """
    first = _level_of(labels, count)
    found = np.zeros((count, 4), np.int64)
    for level, plane in enumerate(labels):
        chosen = first == level
        found[chosen] = boxes(plane, count)[chosen]
    scale = np.array([image.shape[0] / labels.shape[1], image.shape[1] / labels.shape[2]])
    for region in range(count):
        box = np.round(found[region] * np.tile(scale, 2)).astype(int)
        box[2:] = np.maximum(box[2:], box[:2] + 1)
        yield _square(image, labels[first[region]], region, _window(box, image.shape, look), size, look.surround)


def _window(box: np.ndarray, shape: tuple[int, ...], look: Look) -> tuple[np.ndarray, np.ndarray, float]:
    """Of a box (top, left, bottom, right) in pixels of the photo: the part of the photo that is shown, in the same
    form, the top and left end of the square that it is shown in, and the square's side."""
    side = float(max(box[2] - box[0], box[3] - box[1]))
    shown = box
    if look.context > 0:
        side += 2 * look.context * (side + 0.1 * max(shape[:2]))
    corner = (box[:2] + box[2:] - side) / 2
    if look.context > 0:
        low, high = np.floor(corner).astype(int), np.ceil(corner + side).astype(int)
        shown = np.concatenate([np.maximum(low, 0), np.minimum(high, shape[:2])])
    return shown, corner, side


def _square(
    image: np.ndarray,
    plane: np.ndarray,
    region: int,
    window: tuple[np.ndarray, np.ndarray, float],
    size: int,
    surround: float,
) -> np.ndarray:
    """The picture of one region, see `crops`."""
    (top, left, bottom, right), corner, side = window
    rows = ((np.arange(top, bottom) + 0.5) * plane.shape[0] / image.shape[0]).astype(int)
    columns = ((np.arange(left, right) + 0.5) * plane.shape[1] / image.shape[1]).astype(int)
    inside = plane[rows[:, None], columns[None]] == region
    piece = image[top:bottom, left:right] * np.where(inside, np.float32(1), np.float32(surround))[..., None]
    shrink = size / side
    h, w = (min(max(round(length * shrink), 1), size) for length in piece.shape[:2])
    y, x = (int(np.clip((end - c) * shrink, 0, size - n)) for end, c, n in ((top, corner[0], h), (left, corner[1], w)))
    square = np.zeros((size, size, 3), np.uint8)
    way = cv2.INTER_AREA if shrink < 1 else cv2.INTER_LINEAR
    square[y : y + h, x : x + w] = np.round(cv2.resize(piece, (w, h), interpolation=way))
    return square


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
