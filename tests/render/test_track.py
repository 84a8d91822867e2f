"""Camera paths through keyframes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splat.errors import SplatError
from splat.files import read_json, write_json
from splat.render.camera_file import frame_rate, from_file
from splat.render.track import MOST_KEYFRAMES, Keyframe, Track, load_track, save_track
from tests.edit.scenes import camera


def keyframes(count: int = 5) -> tuple[Keyframe, ...]:
    random = np.random.default_rng(3)
    turns = Rotation.from_rotvec(random.normal(size=(count, 3)) * 0.5).as_matrix()
    return tuple(
        Keyframe(turns[index], random.normal(size=3), 40 + 5 * index, 1 + 0.7 * index) for index in range(count)
    )


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("smoothness", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_path_goes_through_every_keyframe(count: int, smoothness: float, loop: bool) -> None:
    frames = keyframes(count)
    track = Track(frames, loop=loop, smoothness=smoothness)
    rotations, positions, fovs = track.poses(track.knots)
    np.testing.assert_allclose(rotations, [frame.rotation for frame in frames], atol=1e-9)
    np.testing.assert_allclose(positions, [frame.position for frame in frames], atol=1e-9)
    np.testing.assert_allclose(fovs, [frame.fov for frame in frames], atol=1e-9)
    if loop and count > 1:
        assert track.duration == pytest.approx(sum(frame.seconds for frame in frames))
        np.testing.assert_allclose(track.at(track.duration).position, frames[0].position, atol=1e-9)


def test_smooth_paths_have_no_corners_and_straight_ones_do() -> None:
    def jump(track: Track, time: float) -> float:
        """How much the velocity changes within a moment."""
        moment = 1e-4
        before, at, after = track.poses(np.array([time - moment, time, time + moment]))[1]
        return float(np.linalg.norm(after - 2 * at + before) / moment)

    for loop in (False, True):
        smooth, straight = (Track(keyframes(), loop=loop, smoothness=amount) for amount in (1.0, 0.0))
        corner = smooth.knots[2]
        assert jump(smooth, corner) < 0.01 < 0.3 < jump(straight, corner)
    turning = Track(keyframes(), loop=True)
    ends = turning.poses(np.array([0, 1e-4, turning.duration - 1e-4, turning.duration]))[1]
    np.testing.assert_allclose((ends[1] - ends[0]) / 1e-4, (ends[3] - ends[2]) / 1e-4, atol=0.02)  # where it closes


def test_a_straight_step_is_straight_and_even() -> None:
    track = Track(keyframes(2))
    middle = track.at(track.duration / 2)
    np.testing.assert_allclose(middle.position, (track.keyframes[0].position + track.keyframes[1].position) / 2)
    between = Rotation.from_matrix([frame.rotation for frame in track.keyframes])
    half = Rotation.from_rotvec(0.5 * (between[0].inv() * between[1]).as_rotvec())
    np.testing.assert_allclose(middle.rotation, (between[0] * half).as_matrix(), atol=1e-9)


@pytest.mark.parametrize("loop", [False, True])
def test_even_speed_makes_the_steps_equally_fast(loop: bool) -> None:
    uneven = Track(keyframes(), loop=loop)
    steps = [frame.seconds for frame in uneven._steps()]
    assert np.ptp(uneven.lengths() / steps) > 0.3
    even = uneven.with_even_speed()
    assert even.duration == pytest.approx(uneven.duration)
    speeds = even.lengths() / [frame.seconds for frame in even._steps()]
    assert np.ptp(speeds) < 0.05 * speeds.mean()


def test_a_turn_on_the_spot_keeps_its_seconds_at_even_speed() -> None:
    first, second, third = keyframes(3)
    still = dataclasses.replace(second, position=first.position)
    even = Track((first, still, third), smoothness=0.0).with_even_speed()
    assert even.keyframes[1].seconds == pytest.approx(second.seconds)


def test_editing_changes_only_what_it_says() -> None:
    track = Track(keyframes(3))
    names = {id(frame.position): number for number, frame in enumerate(track.keyframes)}

    def order(changed: Track) -> list[int]:
        return [names[id(frame.position)] for frame in changed.keyframes]

    swapped = track.with_swapped(0, 1)
    assert order(swapped) == [1, 0, 2] and np.array_equal(swapped.knots, track.knots)
    assert order(track.without(1)) == [0, 2]
    assert order(track.without(1).with_added(track.keyframes[1], 0)) == [0, 1, 2]
    assert order(track.with_added(track.keyframes[2], -1)) == [2, 0, 1, 2]
    assert track.with_changed(1, fov=20.0).keyframes[1].fov == 20 and track.keyframes[1].fov == 45
    assert track.lasting(9).duration == pytest.approx(9)
    full = Track(keyframes(1) * MOST_KEYFRAMES)
    with pytest.raises(SplatError, match="at most"):
        full.with_added(track.keyframes[0], 0)


def test_pictures_by_the_clock() -> None:
    track = Track(keyframes(3), fps=10)  # 1.7 + 2.4 s
    frames = track.frames()
    assert len(frames) == 42 and np.array_equal(frames[0].position, track.at(0).position)
    np.testing.assert_allclose(frames[-1].position, track.keyframes[-1].position, atol=1e-9)
    assert len(dataclasses.replace(track, loop=True).frames()) == 51  # and 1 s back; the first is not shown twice
    assert len(Track(keyframes(1)).frames()) == 1
    with pytest.raises(SplatError, match="make it shorter"):
        track.lasting(3000).frames()
    with pytest.raises(SplatError, match="no keyframe"):
        Track().frames()


def test_a_file_is_rendered_as_it_was_made_and_opened_again(tmp_path: Path) -> None:
    track = Track(keyframes(4), fps=12, loop=True, smoothness=0.5)
    file = tmp_path / "walk.json"
    save_track(file, track, 320, 180)
    cameras = from_file(file, camera(0))
    assert frame_rate(file) == 12 and len(cameras) == len(track.frames())
    for made, read in zip(track.frames(), cameras):
        wanted = made.camera(320, 180)
        assert (read.width, read.height) == (320, 180)
        np.testing.assert_allclose(read.viewmat, wanted.viewmat, atol=1e-9)
        np.testing.assert_allclose(read.K, wanted.K, atol=1e-9)
    opened = load_track(file)
    assert (opened.fps, opened.loop, opened.smoothness) == (12, True, 0.5)
    np.testing.assert_allclose(opened.knots, track.knots)
    for before, after in zip(track.keyframes, opened.keyframes):
        np.testing.assert_allclose(after.rotation, before.rotation, atol=1e-9)
        np.testing.assert_allclose(after.position, before.position, atol=1e-9)
        assert after.fov == pytest.approx(before.fov) and after.seconds == pytest.approx(before.seconds)


def test_a_keyframe_is_where_the_camera_was() -> None:
    stood = camera(30)
    np.testing.assert_allclose(Keyframe.of(stood).camera(stood.width, stood.height).viewmat, stood.viewmat, atol=1e-9)
    np.testing.assert_allclose(Keyframe.of(stood).camera(stood.width, stood.height).K, stood.K, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keyframes": []}, "no keyframes"),
        ({"keyframes": [{"fov": 50}]}, "no matrix"),
        ({"keyframes": [{"matrix": [1] * 16, "fov": 50}]}, "camera 0"),
        ({"keyframes": [{"matrix": [1, 2], "fov": 50}]}, "no camera path"),
        ({"fps": "fast"}, "fps"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    file = tmp_path / "walk.json"
    save_track(file, Track(keyframes(2)), 64, 48)
    write_json(file, {**read_json(file), **change})
    with pytest.raises(SplatError, match=message):
        load_track(file)
