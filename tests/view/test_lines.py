"""Boxes and balls as lines."""

from __future__ import annotations

import numpy as np

from splat.view.lines import box_lines, outline, sphere_lines


def test_a_box_has_twelve_edges_along_its_axes() -> None:
    lines = box_lines((0, 0, 0), (1, 2, 3))
    lengths = np.abs(lines[:, 1] - lines[:, 0])
    assert lines.shape == (12, 2, 3) and ((lengths > 0).sum(axis=1) == 1).all()
    assert sorted(lengths.sum(axis=1).tolist()) == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    assert lines.min(axis=(0, 1)).tolist() == [0, 0, 0] and lines.max(axis=(0, 1)).tolist() == [1, 2, 3]


def test_a_ball_is_three_circles() -> None:
    lines = sphere_lines((1, 2, 3), 0.5)
    assert np.allclose(np.linalg.norm(lines - [1, 2, 3], axis=2), 0.5)
    assert lines.reshape(3, -1, 3).std(axis=1).min(axis=1).tolist() == [0, 0, 0]  # each lies in a plane
    assert np.allclose(lines.max(axis=(0, 1)) - lines.min(axis=(0, 1)), 1.0)


def test_outlines_close() -> None:
    points = np.arange(9.0).reshape(3, 3)
    assert outline(points).tolist() == [points[:2].tolist(), points[1:].tolist()]
    assert outline(points, closed=True)[-1].tolist() == [points[2].tolist(), points[0].tolist()]
