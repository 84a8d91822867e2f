"""Where what is unusual becomes suspicious: small made-up models on both sides of each limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from splat.capture.colmap.tracks import Tracks
from splat.capture.examine.errors import photos_with_large_errors
from splat.capture.examine.sharing import (
    look_at_the_same,
    photos_among_strangers,
    photos_apart,
    photos_with_few_points,
    shared_points,
)
from splat.capture.examine.space import photos_inside
from splat.capture.examine.steps import scale_jumps
from splat.capture.examine.suspicion import Suspicion

SIDE = 1000  # pixels


def model(places: Sequence[Sequence[float]], xyz: np.ndarray, seen: Sequence[Sequence[int]]) -> Tracks:
    """Cameras at these places that look along z, with no errors, and the points [P, 3] that each sees."""
    viewmats = np.tile(np.eye(4), (len(places), 1, 1))
    viewmats[:, :3, 3] = -np.asarray(places, float)
    photo = np.concatenate([np.full(len(rows), index) for index, rows in enumerate(seen)]).astype(np.int32)
    point = np.concatenate([np.sort(np.asarray(rows, np.int32)) for rows in seen]).astype(np.int32)
    local = xyz[point] + viewmats[photo, :3, 3]
    plane = (local[:, :2] / local[:, 2:]).astype(np.float32)
    names = tuple(str(index) for index in range(len(places)))
    sides = np.full(len(places), SIDE)
    return Tracks(names, viewmats, sides, xyz, photo, point, plane, np.zeros(len(photo), np.float32))


def named(found: Sequence[Suspicion]) -> tuple[str, ...]:
    return tuple(name for each in found for name in each.photos)


def before_a_wall(count: int, seed: int = 0, half: float = 0.3, depth: float = 10.0, x: float = 0.0) -> np.ndarray:
    """[count, 3] points of a square that stands across z."""
    xy = np.random.default_rng(seed).uniform(-half, half, (count, 2)) + np.array([x, 0.0])
    return np.column_stack([xy, np.full(count, depth)])


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0, 2.9), ""),
        ((1.0, 1.0, 1.0, 1.0, 3.1), "4"),  # three times the usual one
        ((0.1, 0.1, 0.1, 0.1, 0.9), ""),  # a thousandth of the side is no error
        ((0.1, 0.1, 0.1, 1.1, 0.1), "3"),
        ((3.9, 3.9, 3.9, 3.9, 3.9), ""),
        ((4.1, 4.1, 4.1, 4.1, 4.1), "01234"),  # four thousandths: the whole model
        ((1.0, 1.0, 1.0, 1.0, np.inf), "4"),
    ],
)
def test_errors(errors: tuple[float, ...], expected: str) -> None:
    tracks = model(np.zeros((6, 3)), before_a_wall(6), [range(3)] * 5 + [[]])  # the last photo sees nothing
    tracks.error[:] = np.repeat(errors, 3)
    tracks.error[::3] *= 0.5  # the median of a photo counts
    found = photos_with_large_errors(tracks)
    assert named(found) == (tracks.names if len(expected) == 5 else tuple(expected))
    assert ("behind the camera" in "".join(each.reason for each in found)) == (errors[-1] == np.inf)


@pytest.mark.parametrize(("points", "few"), [(24, True), (25, False)])
def test_few_points(points: int, few: bool) -> None:
    tracks = model(np.zeros((3, 3)), before_a_wall(100), [range(100), range(points), range(100)])
    assert named(photos_with_few_points(tracks)) == (("1",) if few else ())


@pytest.mark.parametrize(("common", "apart"), [(4, True), (5, False)])
def test_shared_points(common: int, apart: bool) -> None:
    """Two photos of one place, three of another; `common` points hold them together."""
    here, there = range(40), range(40 - common, 80)
    tracks = model(np.zeros((6, 3)), before_a_wall(120), [here, here, there, there, there, range(100, 110)])
    assert named(photos_apart(tracks, shared_points(tracks))) == (("0", "1") if apart else ())


@pytest.mark.parametrize(
    ("place", "x", "alike"),
    [
        ((np.tan(np.radians(14)) * 10, 0, 0), 0.0, True),
        ((np.tan(np.radians(16.5)) * 10, 0, 0), 0.0, False),  # more than 15 degrees
        ((0, 0, -3.8), 0.0, True),
        ((0, 0, -4.3), 0.0, False),  # more than 1.4 times as far
        ((0, 0, 3.0), 0.0, False),  # or as near
        ((0, 0, 0), 0.1, True),
        ((0, 0, 0), 0.4, False),  # less than half of what the other shows
        ((0, 0, 20), 0.0, False),  # it is behind the camera
    ],
)
def test_views_that_are_alike(place: tuple[float, float, float], x: float, alike: bool) -> None:
    xyz = np.concatenate([before_a_wall(200, 1), before_a_wall(200, 2, x=x)])
    tracks = model([(0, 0, 0), place], xyz, [range(200), range(200, 400)])
    assert look_at_the_same(tracks).tolist() == [[False, alike], [False, False]]
    few = model([(0, 0, 0), place], xyz, [range(200), range(200, 224)])
    assert not look_at_the_same(few).any()


@pytest.mark.parametrize(("common", "strangers"), [(3, True), (5, False)])  # of 200: 2 % are 4
def test_strangers(common: int, strangers: bool) -> None:
    xyz = before_a_wall(400)
    tracks = model(np.zeros((2, 3)), xyz, [range(200), range(200 - common, 400 - common)])
    shared = shared_points(tracks)
    assert named(photos_among_strangers(tracks, shared)) == (("0", "1") if strangers else ())
    assert photos_among_strangers(tracks, shared, without=("1",)) == []


def test_of_strangers_those_are_named_that_agree_with_nobody_even_if_they_are_more() -> None:
    """All stand in one place; the first two see the same points, each of the others its own."""
    tracks = model(
        np.zeros((5, 3)),
        before_a_wall(800),
        [range(200 * max(index - 1, 0), 200 * max(index, 1)) for index in range(5)],
    )
    assert named(photos_among_strangers(tracks, shared_points(tracks))) == ("2", "3", "4")


@pytest.mark.parametrize(("before", "depth", "inside"), [(6, 5.9, True), (5, 5.9, False), (6, 6.1, False)])
def test_points_before_the_lens(before: int, depth: float, inside: bool) -> None:
    """More than 5 % of all points in the picture, nearer than 0.6 times the nearest thing."""
    xyz = np.concatenate([before_a_wall(100), before_a_wall(before, half=0.1, depth=depth)])
    assert bool(photos_inside(model(np.zeros((1, 3)), xyz, [range(100)]))) == inside
    assert photos_inside(model(np.zeros((1, 3)), xyz, [range(24)])) == []  # too few of its own to say anything


@pytest.mark.parametrize(
    ("factor", "step", "shared", "jumps"),
    [
        (1.2, 0.5, 20, False),
        (1.3, 0.5, 20, True),
        (1 / 1.2, 0.5, 20, False),
        (1 / 1.3, 0.5, 20, True),
        (2.0, 0.5, 9, False),  # ten points must be shared
        (2.0, 0.5, 10, True),
        (2.0, 0.15, 20, False),  # their angle is under a degree: their distance is a guess
    ],
)
def test_jumps_of_scale(factor: float, step: float, shared: int, jumps: bool) -> None:
    places = np.array([[step * index, 0.0, 0.0] for index in range(5)])
    tracks = model(places, before_a_wall(30), [range(shared)] * 5)
    moved = places.copy()
    moved[3:, 0] = places[2, 0] + factor * (places[3:, 0] - places[2, 0])
    tracks.viewmats[:, :3, 3] = -moved
    found = scale_jumps(tracks)
    assert named(found) == (("1", "2", "3") if jumps else ())
    assert scale_jumps(tracks, without=("2",)) == []
    if jumps:
        assert f"by a factor of {max(factor, 1 / factor):.2g} " in found[0].reason
