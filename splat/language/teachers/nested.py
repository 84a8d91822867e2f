"""Nested regions judged together: what a fragment is said to be leans on the larger regions around it."""

from __future__ import annotations

import numpy as np

from splat.language.types import ViewFeatures


def merged_levels(labels: np.ndarray, vectors: np.ndarray) -> ViewFeatures:
    """One level from several: each finest region gets the direction of the mean of its own vector and of those of the
    regions around it.

    Args:
        labels: [L, h, w] int32 from the finest to the coarsest, each region inside one of the next level; -1 where
            the finest level has nothing.
        vectors: [M, D] float32, unit length.
    """
    finest, first, inverse = np.unique(labels[0], return_index=True, return_inverse=True)
    start = int(len(finest) > 0 and finest[0] < 0)
    chain = labels.reshape(len(labels), -1)[:, first[start:]]  # [L, P] regions that hold each finest one
    found = np.where((chain >= 0)[..., None], vectors[chain], 0).sum(0)
    found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return ViewFeatures((inverse.reshape(1, *labels.shape[1:]) - start).astype(np.int32), found.astype(np.float32))
