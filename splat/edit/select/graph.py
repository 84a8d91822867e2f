"""Which Gaussians are neighbours: pieces that hang together, and values smoothed along likeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from splat import neighbours

NEIGHBOURS = 10


@dataclass(frozen=True)
class Graph:
    """Links from each of N points to its nearest others."""

    count: int  # N
    first: np.ndarray  # [E] int64
    second: np.ndarray  # [E] int64
    length: np.ndarray  # [E] float64

    def within(self, mask: np.ndarray) -> np.ndarray:
        """[E] bool: links with both ends in `mask` [N]."""
        return np.asarray(mask[self.first] & mask[self.second])

    def across(self, mask: np.ndarray) -> np.ndarray:
        """[E] bool: links with one end in `mask` [N]."""
        return np.asarray(mask[self.first] != mask[self.second])

    def usual(self, mask: np.ndarray) -> float:
        """The usual length (median) of the links within `mask`; of all where it has none."""
        own = self.length[self.within(mask)]
        return float(np.median(own if len(own) else self.length)) if len(self.length) else 0.0


def neighbour_graph(points: np.ndarray, count: int = NEIGHBOURS) -> Graph:
    """Links of points [N, 3] with the `count` nearest others."""
    count = min(count, len(points) - 1)
    if count < 1:
        return Graph(len(points), *(np.zeros(0, kind) for kind in (np.int64, np.int64, np.float64)))
    distance, near = cKDTree(points).query(points, k=count + 1)
    first = np.repeat(np.arange(len(points)), count)
    return Graph(len(points), first, near[:, 1:].ravel().astype(np.int64), distance[:, 1:].ravel())


def pieces(graph: Graph, mask: np.ndarray, reach: float) -> np.ndarray:
    """[N] int64 number of the piece that each point of `mask` is in, by links up to `reach`; -1 outside of `mask`."""
    own = np.flatnonzero(mask)
    place = np.full(graph.count, -1, np.int64)
    place[own] = np.arange(len(own))
    linked = graph.within(mask) & (graph.length <= reach)
    a, b = place[graph.first[linked]], place[graph.second[linked]]
    numbers = np.full(graph.count, -1, np.int64)
    numbers[own] = neighbours.pieces(a, b, len(own))
    return numbers


def joined_to(graph: Graph, mask: np.ndarray, seeds: np.ndarray, reach: float, share: float = 0.05) -> np.ndarray:
    """[N] bool: the pieces of `mask` that hold at least `share` of the `seeds` [N] each."""
    numbers = pieces(graph, mask, reach)
    own = numbers[seeds & mask]
    if not len(own):
        return np.zeros(graph.count, bool)
    hit = np.bincount(own, minlength=int(numbers.max()) + 1)
    return np.asarray(mask & (hit >= max(1.0, share * seeds.sum()))[numbers])


def smoothed(graph: Graph, likeness: np.ndarray, values: np.ndarray, strength: float) -> np.ndarray:
    """[N] x that minimises sum_i (x_i - v_i)^2 + strength sum_ij w_ij (x_i - x_j)^2 over the links.

    A symmetric, positive definite and sparse system (a random walker with priors, Grady 2005), by conjugate gradients.

    Args:
        likeness: [E] w, 0 to 1; links count in both directions.
    """
    shape = (graph.count, graph.count)
    one_way: Any = coo_matrix((likeness, (graph.first, graph.second)), shape=shape).tocsr()
    both = 0.5 * strength * (one_way + one_way.T)
    diagonal = 1 + np.asarray(both.sum(axis=1)).ravel()
    found, _ = cg(diags(diagonal) - both, values, x0=values, rtol=1e-3, maxiter=60, M=diags(1 / diagonal))
    return np.asarray(found)
