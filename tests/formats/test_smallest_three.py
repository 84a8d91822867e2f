"""Three components and the number of the fourth are a rotation again."""

from __future__ import annotations

import numpy as np

from splat.formats.smallest_three import others, restored, smallest


def test_by_hand() -> None:
    largest, small = smallest(np.array([[0.0, 0, -2, 0], [1, 1, 1, 1], [0.6, 0, 0, -0.8]]))
    assert largest.tolist() == [2, 0, 3]
    assert np.allclose(small, [[0, 0, 0], [0.5, 0.5, 0.5], [-0.6, 0, 0]])
    assert others(largest).tolist() == [[0, 1, 3], [1, 2, 3], [0, 1, 2]]


def test_there_and_back_is_the_same_rotation() -> None:
    quats = np.random.default_rng(0).standard_normal((500, 4))
    largest, small = smallest(quats)
    assert np.abs(small).max() <= np.sqrt(0.5) + 1e-12
    unit = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    signs = np.sign(unit[np.arange(500), largest])[:, None]
    assert np.allclose(restored(small, largest), unit * signs, atol=1e-12)


def test_what_rounding_made_too_long_has_no_fourth() -> None:
    assert restored(np.array([[0.7, 0.7, 0.7]]), np.array([1])).tolist() == [[0.7, 0, 0.7, 0.7]]
