"""Which photos of a large, unordered set look alike, so that not every pair must be matched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splat.capture.sfm.colmap import quiet_colmap

WORDS = 64
SAMPLE = 50_000  # descriptors that the words are learnt from
PER_PHOTO = 1000  # descriptors that describe a photo
ROUNDS = 10


def similar_pairs(database: Path, names: Sequence[str], neighbours: int = 20, seed: int = 0) -> list[tuple[str, str]]:
    """Pairs of each photo with the `neighbours` that look most like it, by the features in the database.

    Each photo becomes one vector: the residuals of its descriptors to a vocabulary learnt from the photos themselves
    (VLAD, Jégou et al. 2010, with the square root and whitening-free normalisation of Arandjelović and Zisserman
    2013). No vocabulary file is needed.
    """
    rng = np.random.default_rng(seed)
    described = _descriptors(database, names, rng)
    sample = np.concatenate([rows[: max(1, SAMPLE // len(names))] for rows in described])
    words = k_means(sample, min(WORDS, len(sample)), rng)
    vectors = np.stack([vlad(rows, words) for rows in described])
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : min(neighbours, len(names) - 1)]
    pairs = {(min(i, int(j)), max(i, int(j))) for i in range(len(names)) for j in nearest[i]}
    return [(names[i], names[j]) for i, j in sorted(pairs)]


def vlad(descriptors: np.ndarray, words: np.ndarray) -> np.ndarray:
    """[K * D] unit vector of descriptors [N, D] over words [K, D]; zeros where there are no descriptors."""
    residuals = np.zeros_like(words)
    if len(descriptors):
        nearest = _nearest(descriptors, words)
        np.add.at(residuals, nearest, descriptors - words[nearest])
    residuals /= np.maximum(np.linalg.norm(residuals, axis=1, keepdims=True), 1e-12)
    vector = residuals.ravel()
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def k_means(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count, D] centres of points [N, D] by Lloyd's algorithm from random points."""
    centres = points[rng.choice(len(points), count, replace=False)]
    for _ in range(ROUNDS):
        nearest = _nearest(points, centres)
        members = np.bincount(nearest, minlength=count)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        centres = np.where(members[:, None] > 0, sums / np.maximum(members, 1)[:, None], centres).astype(points.dtype)
    return centres


def _descriptors(database: Path, names: Sequence[str], rng: np.random.Generator) -> list[np.ndarray]:
    """[N, 128] float32 root-SIFT descriptors of each photo, at most PER_PHOTO drawn at random."""
    pycolmap = quiet_colmap()
    result = []
    with pycolmap.Database.open(str(database)) as opened:
        ids = {image.name: image.image_id for image in opened.read_all_images()}
        for name in names:
            rows = np.zeros((0, 128), np.uint8)
            if name in ids and opened.exists_descriptors(ids[name]):
                rows = np.asarray(opened.read_descriptors(ids[name]).data)
            drawn = rng.permutation(len(rows))[:PER_PHOTO]
            result.append(rows[drawn].astype(np.float32) / 512.0)  # COLMAP stores the square roots times 512
    return result


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """[N] index of the centre nearest to each point."""
    return np.argmin((centres**2).sum(axis=1)[None] - 2.0 * points @ centres.T, axis=1)
