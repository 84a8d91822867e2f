"""Frames of a video: evenly spread, the sharpest of each stretch, upright."""

import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest
from capture_scenes import room_photo, room_poses

from splat.capture import load_capture
from splat.capture.config import CaptureOptions
from splat.capture.frames import sharpness
from splat.capture.readers.video import extract_frames, one_video
from splat.errors import SplatError

K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])


def write_video(path, frames, rate=10, first=0, pixel=(1, 1)):
    """A video whose first frame has the number `first`, with pixels of that width over height."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        stream.bit_rate = 8_000_000
        stream.codec_context.sample_aspect_ratio = Fraction(*pixel)
        for index, pixels in enumerate(frames, start=first):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def numbered_frames(count, sharp):
    """Noise, blurred but for the frames in `sharp`; the brightness of the left edge tells the number."""
    texture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    frames = []
    for index in range(count):
        frame = texture.copy() if index in sharp else cv2.GaussianBlur(texture, (0, 0), 4)
        frame[:, :64] = 10 * index
        frames.append(frame)
    return frames


def number(path):
    return round(float(cv2.imread(str(path))[60:180, 10:50].mean()) / 10)


def test_the_sharpest_frame_of_each_stretch_is_taken(tmp_path):
    video = write_video(tmp_path / "a.mp4", numbered_frames(20, sharp={1, 7, 12, 18}))
    written = extract_frames(video, tmp_path, CaptureOptions(max_frames=4))
    assert [path.name for path in written] == [f"frame_{index:05d}.jpg" for index in range(1, 5)]
    assert [number(path) for path in written] == [1, 7, 12, 18]


def test_frames_a_second_and_the_most_frames(tmp_path):
    video = write_video(tmp_path / "a.mp4", numbered_frames(20, sharp=set(range(20))))  # two seconds
    counts = []
    for options in (CaptureOptions(fps=3.0), CaptureOptions(fps=3.0, max_frames=5), CaptureOptions(max_frames=100)):
        folder = tmp_path / f"{len(counts)}"
        folder.mkdir()
        counts.append(len(extract_frames(video, folder, options)))
    assert counts == [6, 5, 20]


def test_a_hidden_file_is_no_second_video(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "._a.mp4").touch()
    assert one_video(tmp_path) == tmp_path / "a.mp4"


def test_a_clip_whose_times_begin_late_gives_as_many_frames(tmp_path):
    video = write_video(tmp_path / "a.mkv", numbered_frames(20, sharp={1, 7, 12, 18}), first=500)  # 50 seconds in
    written = extract_frames(video, tmp_path, CaptureOptions(max_frames=4))
    assert [number(path) for path in written] == [1, 7, 12, 18]


@pytest.mark.parametrize(("pixel", "width"), [((4, 3), 1280), ((3, 4), 720), ((1, 1), 960)])
def test_pixels_that_are_not_square_are_shown_as_wide_as_they_are(tmp_path, pixel, width):
    frame = np.zeros((72, 960, 3), np.uint8)
    frame[:, 480:] = 255
    written = extract_frames(write_video(tmp_path / "a.mp4", [frame] * 2, pixel=pixel), tmp_path, CaptureOptions())
    shown = cv2.imread(str(written[0]), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (72, width)
    assert np.median(shown[:, : width // 2 - 8]) < 15 and np.median(shown[:, width // 2 + 8 :]) > 240


def test_a_video_held_upright_comes_out_upright(tmp_path):
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:, 64:] = 255  # white on the right
    video = write_video(tmp_path / "a.mp4", [frame] * 5)
    data = bytearray(video.read_bytes())
    # The track header's matrix: (x, y) -> (64 - y, x), a quarter turn clockwise, as phones write it.
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)
    start = data.index(b"tkhd") + 4 + 40
    data[start : start + 36] = matrix
    video.write_bytes(data)
    written = extract_frames(video, tmp_path, CaptureOptions(max_frames=1))
    upright = cv2.imread(str(written[0]))
    assert upright.shape == (96, 64, 3)
    assert upright[70:].mean() > 240 and upright[:60].mean() < 15  # the right went down


def test_sharpness_falls_with_blur():
    texture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    scores = [sharpness(cv2.GaussianBlur(texture, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert scores == sorted(scores, reverse=True)


def test_a_video_becomes_a_capture(tmp_path):
    frames = [room_photo(pose, K, 320, 240) for pose in room_poses(24)]
    video = write_video(tmp_path / "walk.mp4", frames)
    capture = load_capture(video, max_frames=8, num_threads=2)
    assert (capture.kind, capture.name) == ("video", "walk")
    assert len(capture.frames) >= 7
    assert capture.images.image(0).shape == (240, 320, 3)
    assert load_capture(tmp_path, max_frames=8).kind == "video"  # a folder that holds one video


@pytest.mark.parametrize("content", [b"", b"not a video"])
def test_an_unreadable_video_is_an_error_of_one_line(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(SplatError, match="convert it to mp4") as caught:
        load_capture(tmp_path / "a.mp4")
    assert "\n" not in str(caught.value)


def test_progress_ends_complete_whatever_the_file_says(tmp_path, capsys):
    video = write_video(tmp_path / "a.mp4", numbered_frames(20, sharp={3}))
    written = extract_frames(video, tmp_path, CaptureOptions(max_frames=33))  # more than there are
    assert len(written) == 20
    assert "20/20" in capsys.readouterr().err
