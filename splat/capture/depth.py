"""Depth maps: 16-bit pictures, floating-point TIFF, .npy and OpenEXR."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from splat.errors import SplatError
from splat.files import NPY_DAMAGE, is_file

EXR = ".exr"
ADVICE = "EXR depth maps need OpenEXR: pip install 'splat[depth]'"
DEPTH_CHANNELS = ("Z", "depth", "Depth", "V", "Y")  # of which one is depth where a file has several
SHAPE = 0.03  # relative difference of a map's aspect ratio from its photo's
MOST_DEFLATED = 1100  # times smaller than its pixels a file can be
DAMAGED: tuple[type[Exception], ...] = (*NPY_DAMAGE, RuntimeError, cv2.error)  # what reading a damaged one raises


def is_depth_map(path: Path) -> bool:
    """Whether a file has one channel of more than 8 bits; only its header is read, of .npy and EXR only the name."""
    if path.suffix.lower() in (".npy", EXR):
        return True
    try:
        with Image.open(path) as picture:
            return str(picture.mode).startswith(("I", "F"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def not_readable(path: Path) -> str | None:
    """Why a depth map cannot be read on this machine, and what helps; None where its kind can."""
    missing = path.suffix.lower() == EXR and importlib.util.find_spec("OpenEXR") is None
    return ADVICE if missing else None


def read_depth(path: Path) -> np.ndarray:
    """[h, w] float32 in the file's own unit, 0 where it is unknown.

    Raises:
        SplatError: a file that is missing, no depth map, or of a kind that cannot be read on this machine.
    """
    if not is_file(path):
        raise SplatError(f"the depth map {path} is missing")
    if reason := not_readable(path):
        raise SplatError(f"cannot read {path}: {reason}")
    try:
        depth = _decoded(path)
    except DAMAGED as error:
        raise SplatError(f"cannot read the depth map {path}; it is damaged or no image") from error
    if depth is None or depth.squeeze().ndim != 2 or depth.dtype.kind not in "fui" or depth.dtype == np.uint8:
        raise SplatError(f"{path} is no depth map (one channel of 16 bits or of floats)")
    depth = depth.squeeze().astype(np.float32)
    return np.where(np.isfinite(depth) & (depth > 0), depth, 0.0).astype(np.float32)


def depth_of_photo(path: Path, width: int, height: int) -> np.ndarray:
    """As `read_depth`, of a photo whose picture has that size in pixels; the map may have another of the same shape.

    Raises:
        SplatError: as `read_depth`, and where its shape is another.
    """
    depth = read_depth(path)
    h, w = depth.shape
    if abs(w / h * height / width - 1) > SHAPE:
        raise SplatError(
            f"{path} is {w}x{h}, which has not the shape of its photo ({width}x{height}); depth maps must belong to"
            " the undistorted photos"
        )
    return depth


def _decoded(path: Path) -> np.ndarray | None:
    """What the file holds, of its own type; None where it is no image."""
    if path.suffix.lower() == ".npy":
        array: np.ndarray = np.load(path, allow_pickle=False)
        return array
    if path.suffix.lower() == EXR:
        return _read_exr(path)
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)


def _read_exr(path: Path) -> np.ndarray | None:
    """The channel that is depth; None where no one channel is.

    Raises:
        ValueError: the file is damaged, or announces more pixels than it can hold.
    """
    import OpenEXR

    low, high = OpenEXR.File(str(path), header_only=True).header()["dataWindow"]
    width, height = (int(side) for side in np.asarray(high, np.int64) - np.asarray(low, np.int64) + 1)
    if not 0 < 2 * width * height <= MOST_DEFLATED * path.stat().st_size:
        raise ValueError("announces more pixels than it can hold")
    channels: dict[str, Any] = OpenEXR.File(str(path), separate_channels=True).channels()
    name = next((name for name in DEPTH_CHANNELS if name in channels), None)
    if name is None:
        if len(channels) != 1:
            return None
        name = next(iter(channels))
    pixels = channels[name].pixels
    if pixels is None or pixels.shape != (height, width):
        raise ValueError("pixels are missing")
    result: np.ndarray = pixels
    return result
