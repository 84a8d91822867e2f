"""A video: its sharpest frames, evenly spread, then structure from motion."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from splat import console
from splat.capture.cache import cache_folder, cache_key
from splat.capture.config import CaptureOptions
from splat.capture.frames import sharpness, useful_frames
from splat.capture.reader_result import ReaderResult
from splat.capture.sfm.colmap_workspace import remove_tree
from splat.capture.sfm.features import threads
from splat.capture.sfm.solve import UnposedPhoto, solve_cameras
from splat.capture.suffixes import VIDEO_SUFFIXES
from splat.capture.walk import files_in
from splat.errors import SplatError


def videos_in(folder: Path) -> list[Path]:
    """The videos directly in a folder."""
    return files_in(folder, VIDEO_SUFFIXES)


def read_video(path: Path, options: CaptureOptions) -> ReaderResult:
    """Take sharp frames from a video (or the one video in a folder) and find their cameras.

    Raises:
        SplatError: no readable video, or its frames do not fit together.
    """
    path = one_video(path)
    frames = video_frames(path, options)
    files, left_out = useful_frames(sorted(frames.glob("*.jpg")))
    for note in left_out:
        console.info(note)
    photos = [UnposedPhoto(file.name, file) for file in files]
    solved = solve_cameras(photos, options, ordered=True)
    notes = [f"{len(photos)} frames of {path.name}", *left_out, *solved.notes]
    return ReaderResult("video", path, solved.posed, solved.points, notes, tracks=solved.tracks)


def one_video(path: Path) -> Path:
    """The video itself, or the one video in a folder.

    Raises:
        SplatError: there are several, or none.
    """
    if not path.is_dir():
        return path
    videos = videos_in(path)
    if len(videos) != 1:
        raise SplatError(f"{path} holds {len(videos)} videos; give the one to use")
    return videos[0]


def video_frames(path: Path, options: CaptureOptions) -> Path:
    """The folder of a video's sharp frames: in the cache, where they are taken again if it was emptied.

    Raises:
        SplatError: no readable video.
    """
    if not path.is_file():
        raise SplatError(f"there is no video at {path}")
    settings = {"kind": "frames", "fps": options.fps, "max_frames": options.max_frames}
    with cache_folder(options.cache_dir, "frames", cache_key([path], settings)) as folder:
        frames = folder / "frames"
        if not frames.is_dir():
            work = folder / "work"
            remove_tree(work)
            work.mkdir()
            try:
                extract_frames(path, work, options)
                work.rename(frames)
            finally:
                remove_tree(work)
    return frames


def extract_frames(video: Path, folder: Path, options: CaptureOptions) -> list[Path]:
    """Write the sharpest frame of each of `count` equal stretches of time as frame_00001.jpg, ….

    `count` is `fps` times the length, at most `max_frames`.

    Raises:
        SplatError: no readable video.
    """
    length = _seconds(video)
    count = options.max_frames if options.fps is None else min(options.max_frames, max(1, round(options.fps * length)))
    written: list[Path] = []
    best: tuple[float, np.ndarray | None] = (-1.0, None)
    current = 0

    def keep() -> None:
        if best[1] is not None:
            target = folder / f"frame_{len(written) + 1:05d}.jpg"
            ok, data = cv2.imencode(".jpg", cv2.cvtColor(best[1], cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 97])
            if not ok:
                raise SplatError(f"cannot write {target}")
            data.tofile(target)
            written.append(target)

    with console.progress(f"Taking frames from {video.name}", count, "frame") as bar:
        for moment, frame in _frames(video, threads(options)):
            stretch = min(int(moment / length * count), count - 1)
            if stretch != current:
                keep()
                bar.advance(stretch - current)
                best, current = (-1.0, None), stretch
            score = sharpness(frame)
            if score > best[0]:
                best = (score, frame)
        keep()
        bar.total = len(written)  # a file's own length is an estimate, and not every stretch holds a frame
        bar.advance(len(written) - bar.completed)
    if not written:
        raise SplatError(f"{video} holds no readable frame; convert it to mp4 (ffmpeg -i {video.name} video.mp4)")
    return written


def _seconds(video: Path) -> float:
    """The length of a video, from its first frame on; counted by decoding where the file does not say.

    Where the stream has no length of its own its packets tell: the file's may count from zero though the first frame
    comes later, as in clips that were cut out of others.
    """
    with _opened(video) as container:
        stream = container.streams.video[0]
        if stream.duration and stream.time_base:
            return max(float(stream.duration * stream.time_base), 1e-3)
        if length := _packets_seconds(container, stream):
            return max(length, 1e-3)
    return max(1e-3, max((moment for moment, _ in _frames(video, 1)), default=0.0))


def _packets_seconds(container: Any, stream: Any) -> float:
    """Seconds from the first packet of a stream to the end of the last; 0 where they have no times."""
    import av

    first, end = math.inf, -math.inf
    with contextlib.suppress(av.FFmpegError):  # a damaged end, of which decoding warns
        for packet in container.demux(stream):
            if packet.pts is not None:
                first, end = min(first, packet.pts), max(end, packet.pts + (packet.duration or 0))
    return (end - first) * float(stream.time_base) if end > first else 0.0


def _frames(video: Path, num_threads: int) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds from the start, [H, W, 3] uint8 upright) of every frame; a damaged end is left out."""
    import av

    with _opened(video) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = num_threads
        first: float | None = None
        index = 0
        rate = float(stream.average_rate or 30)
        stretched = float(stream.sample_aspect_ratio or 1)  # width over height of a pixel as it is shown
        try:
            for frame in container.decode(stream):
                moment = frame.time if frame.time is not None else index / rate
                first = moment if first is None else first
                index += 1
                pixels = _square(frame.to_ndarray(format="rgb24"), stretched)
                turns = round(getattr(frame, "rotation", 0) / 90) % 4  # the display matrix, counter-clockwise
                yield moment - first, np.ascontiguousarray(np.rot90(pixels, turns))
        except av.FFmpegError as error:
            if first is None:
                raise SplatError(f"cannot read the video {video} ({error}); convert it to mp4") from error
            console.warn(f"{video} is damaged after {index} frames; going on with those")


def _square(pixels: np.ndarray, stretched: float) -> np.ndarray:
    """A picture [H, W, 3] with square pixels; camcorders store 1440x1080 of 1920x1080."""
    width = round(pixels.shape[1] * stretched)
    if width == pixels.shape[1] or not 0.2 < stretched < 5:
        return pixels
    return cv2.resize(
        pixels, (width, pixels.shape[0]), interpolation=cv2.INTER_AREA if stretched < 1 else cv2.INTER_CUBIC
    )


def _opened(video: Path) -> Any:
    import av

    try:
        container = av.open(str(video))
    except (OSError, av.FFmpegError) as error:
        raise SplatError(f"cannot open the video {video} ({error}); convert it to mp4") from error
    if not container.streams.video:
        container.close()
        raise SplatError(f"{video} has no picture; give a video with one")
    return container
