"""Label maps from overlapping masks: which masks stay, what lies on top, numbers without gaps."""

from __future__ import annotations

import numpy as np


def mask_nms(
    masks: np.ndarray,
    scores: np.ndarray,
    iou: float = 0.8,
    score: float = 0.7,
    inner: float = 0.5,
) -> np.ndarray:
    """Which masks to keep, best first: indices [K] into masks [M, h, w] bool with scores [M].

    The rule of LangSplat's preparation, all pairs at once: a mask goes when its score is at most `score`; when its IoU
    with a better one is above `iou`; or when it and another nest oddly. Nesting of a better A and a worse B is odd when
    |A∩B|/|A| < 0.5 and |A∩B|/|B| >= 0.85 with 1 - |A∩B|²/(|A||B|) > 1 - inner for B (a small mask within a better
    large one goes), and the same with the parts of A and B exchanged for A. If nothing is left, the three best stay.
    """
    if len(masks) == 0:
        return np.zeros(0, np.int64)
    order = np.argsort(-scores, kind="stable")
    flat = masks[order].reshape(len(masks), -1).astype(np.float32)
    area = np.maximum(flat.sum(1), 1e-9)
    common = flat @ flat.T
    ratio = common / (area[:, None] + area[None] - common)
    better = np.triu(np.ones_like(ratio, bool), 1)  # [i, j]: i is better than j
    of_better, of_worse = common / area[:, None], common / area[None]
    value = 1 - of_better * of_worse
    drop = (np.where(better, ratio, 0).max(0) > iou) | (scores[order] <= score)
    small_in_better = better & (of_better < 0.5) & (of_worse >= 0.85) & (value > 1 - inner)
    better_in_large = better & (of_better >= 0.85) & (of_worse < 0.5) & (value > 1 - inner)
    drop |= small_in_better.any(0) | better_in_large.any(1)
    kept = order[~drop]
    return kept if len(kept) else order[:3]


def paint(masks: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Labels [L, h, w] int32 of masks [M_l, h, w] bool at each level, numbered through; small ones lie on top."""
    labels = np.full((len(masks), *size), -1, np.int32)
    start = 0
    for level, found in enumerate(masks):
        for number in np.argsort(-found.reshape(len(found), -1).sum(1), kind="stable"):
            labels[level][found[number]] = start + number
        start += len(found)
    return numbered(labels)


def numbered(labels: np.ndarray) -> np.ndarray:
    """The same labels without gaps in their numbers, from 0; -1 stays."""
    values, inverse = np.unique(labels, return_inverse=True)
    shift = int(len(values) > 0 and values[0] < 0)
    return (inverse.reshape(labels.shape) - shift).astype(np.int32)
