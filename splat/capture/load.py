"""`load_capture`: look at what the user has and read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splat.capture.assemble import build_capture, largest_size, reduced_folder
from splat.capture.config import CaptureOptions
from splat.capture.origin import near_zero
from splat.capture.reader_result import ReaderResult
from splat.capture.readers.registry import READERS, capture_format, file_format
from splat.capture.readers.video import one_video
from splat.capture.sfm.triangulate import triangulated
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.options import check


def load_capture(path: str | Path, options: CaptureOptions | None = None, **changes: Any) -> Capture:
    """Read a capture: what COLMAP, nerfstudio, instant-ngp, Blender and other programs write, photos, or a video.

    Args:
        path: the folder or file.
        options: how to read it; the defaults where None.
        changes: single options by name, for example `data_factor=4, test_every=0`.

    Raises:
        SplatError: nothing there, nothing recognised, or nothing usable left.
    """
    options = dataclasses.replace(options or CaptureOptions(), **changes)
    check(options)
    return _built(_found(Path(path), options), options)


def load_planned(path: str | Path, options: CaptureOptions, factor: Callable[[int, int], float]) -> Capture:
    """As `load_capture`, with a data_factor that depends on the size of the photos.

    The folder is read once; again only where another program has left photos of that very size beside the others.

    Args:
        path: the folder or file.
        options: how to read it; their data_factor does not count.
        factor: gives the data_factor for the width and height in pixels of the largest photo.

    Raises:
        SplatError: as `load_capture`.
    """
    options = dataclasses.replace(options, data_factor=1.0)
    check(options)
    found = _found(Path(path), options)
    options = dataclasses.replace(options, data_factor=factor(*largest_size(found)))
    folders = {folder for photo in found.posed for folder in photo.path.parents if folder.name}
    if any(reduced_folder(folder, options.data_factor) is not None for folder in folders):
        found = _found(Path(path), options)
    return _built(found, options)


def _found(path: Path, options: CaptureOptions) -> ReaderResult:
    """What the reader for a capture finds, with coordinates near zero."""
    path = path.expanduser()
    if not path.exists():
        raise SplatError(f"no such capture: {path}; give a folder of photos, a capture folder or a video")
    own = file_format(path, options.format) if path.is_file() else None  # which wins over another kind asked for
    kind = own or (capture_format(path) if options.format == "auto" else options.format)
    return near_zero(READERS[kind].read(path, options), options.origin)


def _built(found: ReaderResult, options: CaptureOptions) -> Capture:
    """The capture, with triangulated points where it has none of its own and they are asked for."""
    capture = build_capture(found, capture_name(found.root), options)
    if capture.points is None and options.points == "auto":
        training = {frame.camera.name for frame in capture.frames if frame.split == "train"}
        posed = sorted((photo for photo in found.posed if photo.name in training), key=lambda photo: photo.name)
        found_here = triangulated(posed, options)
        capture.points, capture.tracks = found_here.points, found_here.tracks or capture.tracks
    return capture


def capture_root(path: Path) -> Path:
    """What the photos' paths are relative to: the folder (that of a file which lists photos), or that one file."""
    path = path.expanduser()
    if path.is_file():
        kind = file_format(path)
        return path if kind and READERS[kind].unpack else path.parent
    return one_video(path) if path.is_dir() and capture_format(path) == "video" else path


def capture_name(root: Path) -> str:
    """The name of the capture with that root, which names its runs."""
    root = root.resolve()
    return (root.stem if root.is_file() else root.name) or "capture"
