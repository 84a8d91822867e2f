"""Videos decode to the frames that went in."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from splat.errors import SplatError
from splat.render.video import fitted, open_video


def frames(count: int, height: int, width: int) -> list[np.ndarray]:
    """Grey ramps that get brighter from frame to frame."""
    ramp = np.linspace(0, 60, width)[None, :, None] + np.zeros((height, 1, 3))
    return [(ramp + 180 * index / count).astype(np.uint8) for index in range(count)]


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63)])
def test_video_has_every_frame_in_order(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "my video.mp4"
    written = frames(12, height, width)
    with open_video(path, fps=12) as video:
        for frame in written:
            video.add(frame)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (64, 48) and float(stream.average_rate) == 12
        decoded = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    assert len(decoded) == 12
    for before, after in zip(written, decoded):
        assert np.abs(after[:height, :width].astype(int) - before).mean() < 3


def test_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), open_video(tmp_path / "a.mp4") as video:
        video.add(frames(1, 8, 8)[0])
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_speed_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="fps=0"), open_video(tmp_path / "a.mp4", fps=0):
        pass


def test_other_sizes_are_fitted_with_margins() -> None:
    picture = np.full((10, 20, 3), 200, np.uint8)
    out = fitted(picture, 40, 40)
    assert out.shape == (40, 40, 3)
    assert (out[10:30] == 200).all() and (out[:10] == 0).all() and (out[30:] == 0).all()
    np.testing.assert_array_equal(fitted(picture, 10, 20), picture)
