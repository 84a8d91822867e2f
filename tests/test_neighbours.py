import numpy as np
import pytest
from scipy.spatial import cKDTree

from splat.neighbours import nearest

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
