"""Faults made in the demo's model are found, with the names of the photos; the model itself has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from examine_faults import around, demo_tracks, indices, moved, torn, turn, used, with_errors

from splat.capture.colmap.tracks import Tracks
from splat.capture.examine.examination import suspicious_tracks
from splat.capture.examine.sharing import look_at_the_same, photos_with_few_points
from splat.capture.examine.suspicion import Suspicion


@pytest.fixture(scope="module")
def demo() -> Tracks:
    return demo_tracks()


def found(tracks: Tracks) -> dict[str, Suspicion]:
    return {each.kind: each for each in suspicious_tracks(with_errors(used(tracks)))}


def test_nothing_is_wrong_with_the_demo(demo: Tracks) -> None:
    assert suspicious_tracks(demo) == []
    np.testing.assert_allclose(with_errors(demo).error, demo.error, atol=1e-3)


@pytest.mark.parametrize("name", ["0000.jpg", "0030.jpg", "0071.jpg"])
def test_one_wrong_pose(demo: Tracks, name: str) -> None:
    _, centre, up = around(demo)
    one = indices(demo, [name])
    matrix = turn(up, 25.0)
    suspicions = found(moved(demo, one, np.zeros(len(demo.xyz), bool), matrix, centre - matrix @ centre))
    assert suspicions["error"].photos == (name,)
    assert {photo for each in suspicions.values() for photo in each.photos} == {name}


def test_one_photo_placed_by_its_own_points_elsewhere(demo: Tracks) -> None:
    """No error tells of it: its points were moved with it."""
    _, centre, up = around(demo)
    one = indices(demo, ["0030.jpg"])
    tracks, own = torn(demo, one, keep=np.arange(len(demo.photo)) % 10 == 0)  # a tenth hold it to the others
    matrix = turn(up, 25.0)
    suspicions = found(moved(tracks, one, own, matrix, centre - matrix @ centre))
    assert suspicions["astray"].photos == ("0030.jpg",) and set(suspicions) == {"astray"}


@pytest.mark.parametrize("how", ["mirrored", "turned"])
def test_a_walk_that_is_folded_over_itself(demo: Tracks, how: str) -> None:
    azimuths, centre, up = around(demo)
    right = azimuths < 0
    near = np.abs(azimuths) < 6  # where the fold is: these photos still share points with the other half
    wrong = np.arange(len(demo.photo)) % 20 == 0  # a twentieth of the matches link the halves all the same
    tracks, own = torn(demo, right, keep=near[demo.photo] | wrong)
    if how == "mirrored":
        middle = np.array([pose[2, :3] for pose in demo.viewmats]).mean(axis=0)
        normal = np.cross(up, middle)
        normal /= np.linalg.norm(normal)
        matrix = np.eye(3) - 2 * np.outer(normal, normal)
    else:
        matrix = turn(up, 34.0)
    folded = right & ~near
    suspicions = found(moved(tracks, folded, own, matrix, centre - matrix @ centre))
    names = {name for name, inside in zip(demo.names, folded) if inside}
    others = {name for name, azimuth in zip(demo.names, azimuths) if azimuth > 0}
    named = set(suspicions["astray"].photos)
    assert (named <= names or named <= others) and len(named) > 0.7 * min(len(names), len(others))
    assert "the same view from about the same place as" in suspicions["astray"].reason
    assert "apart" not in suspicions


def test_of_two_strangers_that_agree_with_nobody_both_are_named(demo: Tracks) -> None:
    _, centre, up = around(demo)
    one = indices(demo, ["0030.jpg"])
    tracks, own = torn(demo, one, keep=np.arange(len(demo.photo)) % 10 == 0)
    matrix = turn(up, 25.0)
    placed = moved(tracks, one, own, matrix, centre - matrix @ centre)
    strangers = look_at_the_same(placed)
    pair = one.copy()
    pair[np.flatnonzero(strangers[30] | strangers[:, 30])[0]] = True
    kept = pair[placed.photo]
    two = replace(
        placed,
        names=tuple(np.array(placed.names)[pair].tolist()),
        viewmats=placed.viewmats[pair],
        sides=placed.sides[pair],
        photo=(np.cumsum(pair) - 1)[placed.photo[kept]].astype(np.int32),
        point=placed.point[kept],
        plane=placed.plane[kept],
        error=placed.error[kept],
    )
    astray = next(each for each in suspicious_tracks(used(two)) if each.kind == "astray")
    assert astray.photos == two.names


def test_two_models_that_were_put_together(demo: Tracks) -> None:
    second = np.arange(len(demo.names)) >= 50
    tracks, own = torn(demo, second)
    suspicions = found(moved(tracks, second, own, np.eye(3), np.array([30.0, 0, 0])))
    assert suspicions["apart"].photos == demo.names[50:]
    assert set(suspicions) == {"apart"}


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_scale_that_jumps(demo: Tracks, factor: float) -> None:
    at = 40
    later = np.arange(len(demo.names)) > at
    place = -demo.viewmats[at, :3, :3].T @ demo.viewmats[at, :3, 3]
    tracks, own = torn(demo, later, keep=np.isin(demo.point, demo.point[demo.of(at)]))
    matrix = factor * np.eye(3)
    suspicions = {
        each.kind: each for each in suspicious_tracks(used(moved(tracks, later, own, matrix, place - matrix @ place)))
    }
    assert suspicions["scale"].photos == demo.names[at - 1 : at + 2]
    assert "by a factor of 2" in suspicions["scale"].reason


def test_a_camera_inside_of_things(demo: Tracks) -> None:
    """It went forward with its own points, so that errors say nothing."""
    one = indices(demo, ["0020.jpg"])
    look = demo.viewmats[20, 2, :3]
    depth = np.median(demo.xyz[demo.point[demo.of(20)]] @ look + demo.viewmats[20, 2, 3])
    tracks, own = torn(demo, one, keep=np.arange(len(demo.photo)) % 10 == 0)
    suspicions = found(moved(tracks, one, own, np.eye(3), 0.9 * depth * look))
    assert suspicions["inside"].photos == ("0020.jpg",)


def test_photos_with_few_points(demo: Tracks) -> None:
    two = indices(demo, ["0010.jpg", "0011.jpg"])
    kept = ~two[demo.photo]
    for index in (10, 11):
        kept[demo.of(index).start : demo.of(index).start + 12] = True
    thinned = replace(demo, **{name: getattr(demo, name)[kept] for name in ("photo", "point", "plane", "error")})
    suspicions = found(thinned)
    assert suspicions["few"].photos == ("0010.jpg", "0011.jpg") and set(suspicions) == {"few"}
    assert "as few as 12" in suspicions["few"].reason


def test_few_points_that_came_after_the_poses_may_be_all_that_a_photo_shows(demo: Tracks) -> None:
    for seen, named in ((12, ()), (4, ("0010.jpg",))):  # usual are about 190
        kept = np.arange(len(demo.photo)) % 3 == 0
        kept[demo.of(10)] = False
        kept[demo.of(10).start : demo.of(10).start + seen] = True
        thinned = replace(demo, **{name: getattr(demo, name)[kept] for name in ("photo", "point", "plane", "error")})
        assert [each.photos for each in photos_with_few_points(thinned)] == [("0010.jpg",)]
        assert [each.photos for each in photos_with_few_points(thinned, poses_given=True)] == ([named] if named else [])
