"""How photos cover a scene, on camera layouts whose angles are known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.capture.coverage import Coverage, angles_around, common_up, measured_coverage

UP = np.array([0.0, 0.0, 1.0])


def looking(position: Sequence[float], target: Sequence[float], name: str, size: int = 100) -> Camera:
    """A level camera of about 53 degrees that looks at a point; z is up in the world."""
    place, forward = np.array(position, float), np.array(target, float) - np.array(position, float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, UP)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, :3], viewmat[:3, 3] = torch.from_numpy(rotation), torch.from_numpy(-rotation @ place)
    K = torch.tensor([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, size, size, name)


def ring(azimuths: Sequence[float], elevation: float = 0.0, centre: Sequence[float] = (5.0, -2.0, 1.0)) -> list[Camera]:
    """Cameras at distance 4 around a centre, at these degrees, named by them."""
    cameras = []
    for azimuth in azimuths:
        a, e = math.radians(azimuth), math.radians(elevation)
        offset = 4 * np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
        cameras.append(looking(np.array(centre) + offset, centre, f"{azimuth:g}"))
    return cameras


def coverage_of(cameras: list[Camera], points: np.ndarray | None = None) -> Coverage:
    return measured_coverage(cameras, points)


def test_an_even_ring_has_even_steps_and_no_gap() -> None:
    found = coverage_of(ring(range(0, 360, 30)))
    assert found.photos == 12 and found.inward and found.closed and found.level
    np.testing.assert_allclose(found.steps, 30, atol=1e-6)
    assert found.nearest == pytest.approx(30) and found.elevations == pytest.approx([0] * 12, abs=1e-6)
    assert len(found.gaps) == 3 and all(gap.degrees == pytest.approx(30) for gap in found.gaps)  # wide all around
    fine = coverage_of(ring(range(0, 360, 10)))
    assert fine.gaps == () and fine.from_where() == "from higher and lower"


def test_steps_at_a_height_are_those_across_the_sphere() -> None:
    found = coverage_of(ring(range(0, 360, 20), elevation=60))
    np.testing.assert_allclose(found.steps, 10, atol=1e-6)  # 20 degrees of azimuth, times the cosine of 60
    np.testing.assert_allclose(found.elevations, 60, atol=1e-6)


def test_a_gap_is_named_by_the_photos_beside_it() -> None:
    azimuths = [0, 10, 20, 30, 90, 100, 110, 120, 130, 140]
    found = coverage_of(ring(azimuths))
    assert not found.closed  # nothing over the other 220 degrees
    (gap,) = found.gaps
    assert {gap.first, gap.second} == {"30", "90"} and gap.degrees == pytest.approx(60)
    said = found.from_where()
    assert "between 30 and 90 (60° apart)" in said or "between 90 and 30 (60° apart)" in said
    assert {found.names[found.order[0]], found.names[found.order[-1]]} == {"0", "140"}
    assert "beyond 0 and 140, where the photos end" in said or "beyond 140 and 0, where the photos end" in said


def test_rows_of_several_heights_close_each_others_gaps() -> None:
    found = coverage_of([*ring(range(0, 360, 40)), *ring(range(20, 380, 40), elevation=30)])
    assert found.closed and not found.level and max(found.steps) < 20


def test_cameras_that_look_out_are_placed_by_where_they_look() -> None:
    """Turning on the spot, a little away from it: the centre is behind them."""
    cameras = []
    for azimuth in range(0, 360, 15):
        a = math.radians(azimuth)
        outward = np.array([math.cos(a), math.sin(a), 0.0])
        cameras.append(looking(0.2 * outward, 5 * outward, f"{azimuth}"))
    found = coverage_of(cameras)
    assert not found.inward and found.closed
    np.testing.assert_allclose(found.steps, 15, atol=1e-6)


def test_parallax_is_the_angle_between_the_outermost_views() -> None:
    """Two cameras 2 apart, points around 10 in front of their middle: 2 atan(1/10)."""
    cameras = [looking((-1, 0, 0), (-1, 10, 0), "a"), looking((1, 0, 0), (1, 10, 0), "b")]
    points = np.array([0.0, 10.0, 0.0]) + np.random.default_rng(0).normal(size=(200, 3)) * 0.01
    found = coverage_of(cameras, points)
    assert found.parallax == pytest.approx(2 * math.degrees(math.atan(0.1)), abs=0.05)
    assert found.seen_by_two == 1.0


def test_points_that_three_photos_see_are_told_from_others() -> None:
    cameras = [looking((x, 0, 0), (x, 10, 0), f"{x}") for x in (-8, -1, 0, 1)]
    middle, left = np.array([[0.0, 10.0, 0.0]] * 3), np.array([[-9.0, 10.0, 0.0]])  # seen by three, by one
    behind = np.array([[0.0, -10.0, 0.0]] * 4)
    assert coverage_of(cameras, np.concatenate([middle, left, behind])).seen_by_two == pytest.approx(1 / 4)
    assert coverage_of(cameras, behind).parallax is None and coverage_of(cameras).seen_by_two is None


def test_a_turned_world_changes_nothing() -> None:
    azimuths = [0, 25, 40, 100, 130]
    cameras = ring(azimuths, elevation=20)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = np.eye(4)
    moved[:3, :3] = turn
    turned = [dataclasses.replace(c, viewmat=c.viewmat @ torch.from_numpy(np.linalg.inv(moved))) for c in cameras]
    before, after = coverage_of(cameras), coverage_of(turned)
    np.testing.assert_allclose(after.azimuths, before.azimuths, atol=1e-5)
    np.testing.assert_allclose(after.elevations, before.elevations, atol=1e-5)
    assert after.order == before.order and after.gaps[0].first == before.gaps[0].first


def test_one_photo_and_photos_from_straight_above() -> None:
    single = coverage_of(ring([30]))
    assert single.in_words() == "1 training photo" and single.advice()[0].endswith("from anywhere else")
    assert single.photos == 1 and single.steps == () and single.gaps == () and single.nearest == 0
    up = common_up(np.stack([np.eye(3)]))
    assert np.linalg.norm(up) == pytest.approx(1)
    azimuths, elevations = angles_around(np.array([UP, UP]), UP)
    assert np.isfinite(azimuths).all() and elevations == pytest.approx([90, 90])


def test_visits() -> None:
    assert coverage_of(ring(range(0, 360, 30))).visits(600) == 50
