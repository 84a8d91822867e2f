import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from splat.neighbours import clustered, nearest, pieces

RNG = np.random.default_rng(0)
POINTS = {
    "even": RNG.random((5000, 3)),
    "pixels": RNG.random((3000, 2)) * 1000,
    "all the same": np.ones((500, 3)),
    "on a line": np.column_stack([np.arange(700.0), np.zeros(700), np.zeros(700)]),
    "far outliers": RNG.standard_cauchy((4000, 3)),
    "two": RNG.random((2, 3)),
}


@pytest.mark.parametrize("name", POINTS)
def test_distances_are_those_of_scipys_tree(name: str) -> None:
    points = POINTS[name].astype(np.float32)
    count = min(5, len(points))
    queries = np.concatenate([points[:300], points[:300] + RNG.normal(size=points[:300].shape).astype(np.float32)])
    distances, indices = nearest(points, queries, count)
    expected = cKDTree(points).query(queries, k=count)[0]
    assert np.allclose(distances, expected, rtol=1e-5, atol=1e-6 * np.abs(points).max())
    assert np.allclose(np.linalg.norm(points[indices] - queries[:, None], axis=2), distances, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("edges", [0, 1, 300, 900, 3000])
def test_pieces_are_those_of_scipys_graph(edges: int) -> None:
    a, b = RNG.integers(0, 1000, (2, edges))
    graph = coo_matrix((np.ones(edges), (a, b)), shape=(1000, 1000))
    expected = connected_components(graph, directed=False)[1]
    found = pieces(a, b, 1000)
    assert np.array_equal(found[:, None] == found, expected[:, None] == expected)
    assert np.array_equal(np.unique(found, return_index=True)[1], np.sort(np.unique(found, return_index=True)[1]))


def test_a_long_chain_in_any_order_is_one_piece() -> None:
    order = RNG.permutation(20_000)
    assert (pieces(order[1:], order[:-1], 20_000) == 0).all()


def test_heaps_far_apart_are_pieces_and_colours_split_a_heap() -> None:
    line = np.column_stack([np.arange(60.0), np.zeros(60), np.zeros(60)])
    far = 1e5  # there float32 has few digits
    points = far + np.concatenate([line + np.array([0, 100.0 * heap, 0]) for heap in range(3)])
    order = RNG.permutation(180)
    found = clustered(points[order])
    assert all(len(set(found[order // 60 == heap])) == 1 for heap in range(3)) and len(set(found)) == 3
    colours = (np.arange(180) % 60 >= 25)[:, None] * np.array([[1.5, 0.0]])
    assert [len(set(piece)) for piece in np.split(clustered(points, apart=colours), [25, 60, 85, 120, 145])] == [1] * 6
    assert len(set(clustered(points, apart=colours))) == 6 and len(set(clustered(points, apart=colours / 2))) == 3
    assert clustered(points[:2]).tolist() == [0, 0] and clustered(np.ones((40, 3))).max() == 0
