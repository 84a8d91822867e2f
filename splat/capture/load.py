"""`load_capture`: look at what the user has and read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splat.capture.blender import read_blender
from splat.capture.colmap import model_folder, read_colmap
from splat.capture.config import CaptureOptions
from splat.capture.found import Found
from splat.capture.origin import near_zero
from splat.capture.photo import VIDEO_SUFFIXES
from splat.capture.photos import has_photos, read_photos
from splat.capture.shots import build_capture, largest_size, reduced_folder
from splat.capture.transforms import read_transforms
from splat.capture.triangulate import triangulated_points
from splat.capture.types import Capture
from splat.capture.video import one_video, read_video, videos_in
from splat.errors import SplatError
from splat.options import check

Reader = Callable[[Path, CaptureOptions], Found]

READERS: dict[str, Reader] = {
    "colmap": read_colmap,
    "transforms": read_transforms,
    "blender": read_blender,
    "photos": read_photos,
    "video": read_video,
}


def load_capture(path: str | Path, options: CaptureOptions | None = None, **changes: Any) -> Capture:
    """Read a capture: a COLMAP, nerfstudio, instant-ngp or Blender folder, a folder of photos, or a video.

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
    folders = {folder for shot in found.shots for folder in shot.path.parents if folder.name}
    if any(reduced_folder(folder, options.data_factor) is not None for folder in folders):
        found = _found(Path(path), options)
    return _built(found, options)


def _found(path: Path, options: CaptureOptions) -> Found:
    """What the reader for a capture finds, with coordinates near zero."""
    path = path.expanduser()
    if not path.exists():
        raise SplatError(f"no such capture: {path}; give a folder of photos, a capture folder or a video")
    kind = capture_format(path) if options.format == "auto" else options.format
    if path.suffix == ".json" and path.is_file():
        found = read_transforms(path.parent, options, path)
    else:
        found = READERS[kind](path, options)
    return near_zero(found, options.origin)


def _built(found: Found, options: CaptureOptions) -> Capture:
    """The capture, with triangulated points where it has none of its own and they are asked for."""
    capture = build_capture(found, capture_name(found.root), options)
    if capture.points is None and options.points == "auto":
        training = {frame.camera.name for frame in capture.frames if frame.split == "train"}
        shots = sorted((shot for shot in found.shots if shot.name in training), key=lambda shot: shot.name)
        capture.points = triangulated_points(shots, options)
    return capture


def capture_root(path: Path) -> Path:
    """What the photos' paths are relative to: the folder (that of a JSON file), or the video."""
    path = path.expanduser()
    if path.is_file():
        return path.parent if path.suffix == ".json" else path
    return one_video(path) if path.is_dir() and capture_format(path) == "video" else path


def capture_name(root: Path) -> str:
    """The name of the capture with that root, which names its runs."""
    root = root.resolve()
    return (root.stem if root.is_file() else root.name) or "capture"


def capture_format(path: Path) -> str:
    """Which reader a file or folder is for: a key of `READERS`.

    Raises:
        SplatError: nothing in it is recognised.
    """
    if path.is_file():
        if path.suffix == ".json":
            return "transforms"
        if path.suffix.lower() in VIDEO_SUFFIXES:
            return "video"
        videos = ", ".join(sorted(suffix.lstrip(".") for suffix in VIDEO_SUFFIXES))
        raise SplatError(f"{path} is no capture; give a folder of photos, a capture folder or a video ({videos})")
    if model_folder(path, ("sparse",)) is not None:
        return "colmap"
    if (path / "transforms.json").is_file():
        return "transforms"
    if (path / "transforms_train.json").is_file():
        return "blender"
    if model_folder(path) is not None:
        return "colmap"
    if has_photos(path):
        return "photos"
    if len(videos_in(path)) == 1:
        return "video"
    raise SplatError(f"{path} holds no capture: no COLMAP model, transforms.json, photos or video")
