"""Frames of a video of which nothing new or nothing sharp is to be had are left out."""

import cv2
import numpy as np
import pytest
from capture_scenes import room_photo, room_poses
from test_video import K, write_video

from splat.capture.frames import useful_frames
from splat.capture.readers.video import _frames

W, H = 640, 480
KS = np.diag([2.0, 2.0, 1.0]) @ K


def walk(count: int) -> list[np.ndarray]:
    """Photos of the room from a camera that goes along an arc."""
    return [room_photo(pose, KS, W, H) for pose in room_poses(count)]


def frames_of(tmp_path, pictures):
    """The pictures as the frames of a video, that is through a codec, and then JPEG."""
    files = []
    for index, (_, frame) in enumerate(_frames(write_video(tmp_path / "v.mp4", pictures), 1)):
        files.append(tmp_path / f"frame_{index:05d}.jpg")
        assert cv2.imwrite(str(files[-1]), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 97])
    return files


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_frames_of_a_camera_that_stands_still_are_left_out(tmp_path, noise):
    rng = np.random.default_rng(0)
    moving = walk(30)
    pictures = [*moving[:10], *[moving[10]] * 8, *moving[11:]]
    grain = [noise * rng.normal(size=picture.shape) for picture in pictures]
    pictures = [np.clip(picture + more, 0, 255).astype(np.uint8) for picture, more in zip(pictures, grain)]
    files = frames_of(tmp_path, pictures)
    assert len(files) == len(pictures)
    kept, notes = useful_frames(files)
    assert kept == [*files[:11], *files[18:]]
    assert notes[0].startswith(f"of {len(files)} frames these are left out: 7 that show what the one before shows")


def test_a_slow_walk_keeps_frames_as_soon_as_it_has_gone_far_enough(tmp_path):
    files = frames_of(tmp_path, [picture for pose in walk(6) for picture in [pose] * 3])
    kept, _ = useful_frames(files)
    assert kept == files[::3]


def test_blurred_frames_are_left_out_and_a_video_that_is_soft_throughout_is_kept(tmp_path):
    pictures = walk(12)
    pictures[5] = cv2.GaussianBlur(pictures[5], (0, 0), 6)
    (tmp_path / "one").mkdir()
    files = frames_of(tmp_path / "one", pictures)
    kept, notes = useful_frames(files)
    assert kept == [*files[:5], *files[6:]] and "1 that are far less sharp" in notes[0]
    (tmp_path / "all").mkdir()
    soft = frames_of(tmp_path / "all", [cv2.GaussianBlur(picture, (0, 0), 6) for picture in walk(12)])
    assert useful_frames(soft) == (soft, [])


def test_what_cannot_be_decoded_is_left_to_others(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert useful_frames([tmp_path / "a.jpg"]) == ([tmp_path / "a.jpg"], [])
