"""Few values that stand for many: a codebook for numbers, a palette for vectors; always the same for the same input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from splat.console import progress

Array = npt.NDArray[Any]

LEVELS = 256
_KNOTS = 1 << 16
_SEED = 0
_BLOCK = 1 << 16  # rows that are compared with centres at once, by at most …
_MOST_DISTANCES = 1 << 24  # … that many distances
_SAMPLE = 64  # rows for each centre that training looks at
_ROUNDS = 30  # of numbers, which take no time
_VECTOR_ROUNDS = 6
_NEAR_CELLS = 4  # whose centres a vector may take
_LONG = 100_000  # vectors from which a bar is shown


def codebook(values: Array) -> Array:
    """[256] float32, ascending: values that `values` are close to.

    Exact where there are no more than 256 different ones. Else Lloyd's algorithm on sorted numbers, from places whose
    density is the cube root of the values' (Panter and Dite 1951), so that few values far out get their share; codes
    that no value takes go where errors are largest.
    """
    ordered = np.sort(values.astype(np.float32), axis=None)
    distinct = ordered[np.concatenate([[True], np.diff(ordered) > 0])] if len(ordered) else np.zeros(1, np.float32)
    if len(distinct) <= LEVELS:
        return np.concatenate([distinct, np.full(LEVELS - len(distinct), distinct[-1])]).astype(np.float32)
    knots = ordered[np.linspace(0, len(ordered) - 1, min(_KNOTS, len(ordered))).astype(np.int64)].astype(np.float64)
    shares = np.concatenate([[0], np.cumsum(np.diff(knots) ** (2 / 3))])
    codes = np.interp((np.arange(LEVELS) + 0.5) / LEVELS * shares[-1], shares, knots)
    sums = [np.concatenate([[0], np.cumsum(ordered.astype(np.float64) ** power)]) for power in (1, 2)]
    for _ in range(_ROUNDS):
        ends = np.concatenate([[0], np.searchsorted(ordered, (codes[1:] + codes[:-1]) / 2), [len(ordered)]])
        counts, (first, second) = np.diff(ends), (np.diff(total[ends]) for total in sums)
        codes = np.where(counts > 0, first / np.maximum(counts, 1), codes)
        errors = np.maximum(second - first * codes, 0)
        idle = np.flatnonzero(counts == 0)
        worst = np.argsort(-errors, kind="stable")[: len(idle)]  # two codes each
        spread = np.sqrt(errors[worst] / np.maximum(counts[worst], 1))
        codes[idle], codes[worst] = codes[worst] + spread, codes[worst] - spread
        codes.sort()
    found: Array = codes.astype(np.float32)
    return found


def nearest_codes(values: Array, codes: Array) -> npt.NDArray[np.uint8]:
    """Which of the ascending `codes` is nearest to each value; same shape, uint8."""
    ordered = codes.astype(np.float64)
    return np.searchsorted((ordered[1:] + ordered[:-1]) / 2, values).astype(np.uint8)


def palette(points: Array, count: int) -> tuple[Array, Array]:
    """Vectors that `points` are close to, and which of them each point takes.

    k-means in two steps, because comparing a million points with 65,536 centres takes minutes a round: points are
    parted into about sqrt(count) cells, each cell gets centres by its share of the squared distances, and in the end a
    point takes the nearest centre of its own and the cells around.

    Args:
        points: [N, D] float32.
        count: how many vectors, at most N.

    Returns:
        [count, D] float32, zeros where fewer are needed; [N] int64.
    """
    rng = np.random.default_rng(_SEED)
    centres = np.zeros((count, points.shape[1]), np.float32)
    _, first, labels = np.unique(_fingerprints(points, rng), return_index=True, return_inverse=True)
    if len(first) <= count:
        centres[: len(first)] = points[first]
        return centres, labels
    cells = max(1, round(count**0.5))
    middles = _k_means(points, cells, rng)
    cell_of, distances = _nearest(points, middles)
    members = np.bincount(cell_of, minlength=cells)
    shares = _shares(np.bincount(cell_of, distances, minlength=cells), members, count)
    order = np.argsort(cell_of, kind="stable")
    starts = np.concatenate([[0], np.cumsum(members)])
    firsts = np.concatenate([[0], np.cumsum(shares)])
    with _bar(len(points), 3 * cells) as advance:
        for cell in range(cells):
            rows = points[order[starts[cell] : starts[cell + 1]]]
            centres[firsts[cell] : firsts[cell + 1]] = _k_means(rows, int(shares[cell]), rng)
            advance()
        around = np.argsort(_distances(middles, middles), axis=1, kind="stable")[:, :_NEAR_CELLS]
        labels = np.zeros(len(points), np.int64)
        for last in (False, True):
            for cell in range(cells):
                rows = order[starts[cell] : starts[cell + 1]]
                near = np.concatenate([np.arange(firsts[other], firsts[other + 1]) for other in around[cell]])
                labels[rows] = near[_nearest(points[rows], centres[near])[0]] if len(rows) else 0
                advance()
            if not last:
                centres = _means(points, labels, centres)
    return centres, labels


def _fingerprints(points: Array, rng: np.random.Generator) -> Array:
    """[N] float64 that are equal where rows are, and hardly ever elsewhere."""
    return points.astype(np.float64) @ rng.standard_normal(points.shape[1])


def _shares(errors: Array, members: Array, count: int) -> Array:
    """[C] how many of `count` centres each cell gets: by its squared distances, one at least, no more than members."""
    shares = np.minimum(members, 1)
    for _ in range(20):
        weights = np.where(shares < members, errors, 0.0)
        spare = count - int(shares.sum())
        if spare <= 0 or weights.sum() <= 0:
            break
        more = np.floor(spare * weights / weights.sum()).astype(np.int64)
        if not more.any():
            more[np.argsort(-weights, kind="stable")[:spare]] = 1
        shares = np.minimum(shares + more, members)
    return shares


def _k_means(points: Array, count: int, rng: np.random.Generator) -> Array:
    """[count, D] centres of points [N, D] by Lloyd's algorithm from random points; `count` is at most N."""
    if count >= len(points):
        return points[:count]
    if len(points) > _SAMPLE * count:
        points = points[np.sort(rng.choice(len(points), _SAMPLE * count, replace=False))]
    centres = points[rng.choice(len(points), count, replace=False)]
    for _ in range(_VECTOR_ROUNDS):
        centres = _means(points, _nearest(points, centres)[0], centres)
    return centres


def _means(points: Array, labels: Array, centres: Array) -> Array:
    """[K, D] the mean of the points of each label; the centre that was where there are none."""
    counts = np.bincount(labels, minlength=len(centres))
    rows = csr_array((np.ones(len(points), np.float32), (labels, np.arange(len(points)))), (len(centres), len(points)))
    return np.where(counts[:, None] > 0, (rows @ points) / np.maximum(counts, 1)[:, None], centres).astype(np.float32)


def _distances(points: Array, centres: Array) -> Array:
    """[N, K] squared distances less the points' own squares."""
    found: Array = (centres * centres).sum(axis=1)[None] - 2 * (points @ centres.T)
    return found


def _nearest(points: Array, centres: Array) -> tuple[Array, Array]:
    """[N] int64 the nearest centre of each point, and [N] its squared distance."""
    labels, distances = np.empty(len(points), np.int64), np.empty(len(points), np.float64)
    step = max(1, min(_BLOCK, _MOST_DISTANCES // len(centres)))
    for start in range(0, len(points), step):
        block = points[start : start + step]
        found = _distances(block, centres)
        labels[start : start + step] = nearest = found.argmin(axis=1)
        distances[start : start + step] = found[np.arange(len(block)), nearest] + (block * block).sum(axis=1)
    return labels, np.maximum(distances, 0)


@contextmanager
def _bar(points: int, steps: int) -> Iterator[Callable[[], None]]:
    """What to call after each of the steps; a bar is shown where they take long."""
    if points < _LONG:
        yield lambda: None
        return
    with progress("Directional colour", steps, "cell") as bar:
        yield bar.advance
