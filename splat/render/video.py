"""Videos that play everywhere: H.264 in mp4, through imageio and PyAV."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from splat.errors import SplatError
from splat.files import atomic_path


class Video:
    """An open video; made by `open_video`."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._size: tuple[int, int] | None = None  # height, width

    def add(self, frame: np.ndarray) -> None:
        """Append a picture [H, W, 3] uint8 RGB; the first one sets the size, others are fitted into it."""
        if self._size is None:
            self._size = frame.shape[0] + frame.shape[0] % 2, frame.shape[1] + frame.shape[1] % 2
        self._file.write_frame(fitted(frame, *self._size))


@contextlib.contextmanager
def open_video(path: str | Path, fps: float = 30) -> Iterator[Video]:
    """Write an mp4 (H.264, yuv420p, even sides); it appears at `path` when all went well.

    Args:
        path: the file, ending in .mp4.
        fps: frames per second, over 0.

    Raises:
        SplatError: when there is no encoder or the file cannot be written.
    """
    if fps <= 0:
        raise SplatError(f"fps={fps:g}: a video needs more than 0 frames per second")
    try:
        import imageio.v3 as iio
    except ImportError as error:
        raise SplatError("videos need imageio and av: pip install imageio av, or video=false") from error
    # The encoder writes to memory (some megabytes a minute), because its failures on a full disk name no reason.
    content = io.BytesIO()
    try:
        file = iio.imopen(content, "w", plugin="pyav", extension=".mp4")
        file.init_video_stream("libx264", fps=float(fps), pixel_format="yuv420p")
    except Exception as error:
        raise SplatError(f"no H.264 encoder for {path} ({error}): pip install --force-reinstall av") from error
    with file:
        yield Video(file)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def fitted(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture [H, W, 3] in another size: a missing row or column is repeated, else it is scaled with margins."""
    if frame.shape[:2] == (height, width):
        return frame
    if 0 <= height - frame.shape[0] <= 1 and 0 <= width - frame.shape[1] <= 1:
        return np.pad(frame, ((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)), mode="edge")
    scale = min(height / frame.shape[0], width / frame.shape[1])
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return canvas
