"""The lens of a frame of a transforms.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splat import console
from splat.capture.lens import Lens
from splat.capture.photo import photo_header
from splat.errors import SplatError

LARGEST_SIDE = 1_000_000  # pixels
DISTORTED = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE", "FULL_OPENCV")
FOCAL = ("fl_x", "fl_y", "camera_angle_x", "camera_angle_y", "x_fov", "y_fov")
DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
RATIONAL = ("k4", "k5", "k6")  # the denominator of OpenCV's lens with eight coefficients
# What is read of a transforms file or one of its frames for the lens
LENS_KEYS = frozenset(
    {*DISTORTION, *RATIONAL, *FOCAL, "distortion_params", "w", "h", "cx", "cy", "camera_model", "is_fisheye"}
)
PANORAMAS = ("EQUIRECTANGULAR", "SPHERICAL")


def frame_lens(entry: Mapping[str, Any], meta: Mapping[str, Any], path: Path, name: str, reduced: int = 1) -> Lens:
    """Intrinsics of one frame.

    A value that the frame lacks is taken from the top level of the file, a size that both lack from the photo, a side
    of it from the other and the photo's shape.

    Args:
        entry: the frame.
        meta: the whole file.
        path: the photo.
        name: of the frame, for messages.
        reduced: how many times smaller the photo is than the one that the intrinsics are of.

    Raises:
        SplatError: a value that is no number, an impossible size, no focal length, or a model that is not read.
    """

    def value(key: str) -> float | None:
        found = number(entry, key, name)
        return number(meta, key, name) if found is None else found

    width, height = _size(value("w"), value("h"), path, reduced)
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise SplatError(f"frame {name} is {width:g}x{height:g} pixels large; fix w and h in the transforms file")
    fx, fy = _focal_lengths(entry, width, height, name) or _focal_lengths(meta, width, height, name) or (0.0, 0.0)
    if not (fx > 0 and fy > 0):
        raise SplatError(f"frame {name} has no usable focal length; the file needs fl_x or camera_angle_x, more than 0")
    cx, cy = value("cx"), value("cy")
    cx = width / 2 if cx is None else cx
    cy = height / 2 if cy is None else cy
    listed = _listed_distortion(entry, name) or _listed_distortion(meta, name)
    k1, k2, k3, k4, p1, p2 = listed or [value(key) or 0.0 for key in DISTORTION]
    model = entry.get("camera_model") or meta.get("camera_model") or "OPENCV"
    if not isinstance(model, str):
        raise SplatError(f"camera_model of frame {name} is no text; fix the transforms file")
    model = model.upper()
    if _is_fisheye(entry if entry.get("is_fisheye") is not None else meta, name):
        model = "OPENCV_FISHEYE"
    size = round(width), round(height)
    if model == "OPENCV_FISHEYE":
        if p1 or p2:
            console.warn(f"camera_model is {model}, which has no p1 and p2: those of the transforms file are not used")
        return Lens(model, (fx, fy, cx, cy, k1, k2, k3, k4), *size)
    if model in PANORAMAS:
        raise SplatError(
            f"frame {name} is a panorama (camera_model {model}), which cannot be trained on; cut it into perspective"
            " views first"
        )
    if model not in DISTORTED:
        raise SplatError(
            f"camera_model {model[:40]!a} of frame {name} cannot be read from a transforms.json; use OPENCV,"
            " OPENCV_FISHEYE or PINHOLE, or the COLMAP model itself"
        )
    k5, k6 = value("k5") or 0.0, value("k6") or 0.0
    distorted = any((k1, k2, k3, k4, k5, k6, p1, p2))
    if model.endswith("PINHOLE") and distorted:
        console.warn(f"camera_model is {model}, so the distortion that the transforms file has too is not used")
    if model.endswith("PINHOLE") or not distorted:
        return Lens("PINHOLE", (fx, fy, cx, cy), *size)
    if k4 and not (k5 or k6 or model == "FULL_OPENCV"):
        raise SplatError(
            f"frame {name} has k4={k4} with camera_model {model}; k4 is only defined for OPENCV_FISHEYE and FULL_OPENCV"
        )
    if k3 or k4 or k5 or k6:
        return Lens("FULL_OPENCV", (fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, k5, k6), *size)
    return Lens("OPENCV", (fx, fy, cx, cy, k1, k2, p1, p2), *size)


def _size(width: float | None, height: float | None, path: Path, reduced: int) -> tuple[float, float]:
    """The width and height that are stated; one that is not follows from the other and the photo's shape."""
    if width is not None and height is not None:
        return width, height
    header = photo_header(path)
    scale = width / header.width if width else height / header.height if height else float(reduced)
    return width or header.width * scale, height or header.height * scale


def _is_fisheye(source: Mapping[str, Any], name: str) -> bool:
    """What the frame, else the file, says of instant-ngp's is_fisheye.

    Raises:
        SplatError: neither true nor false.
    """
    value = source.get("is_fisheye") or False
    if value not in (True, False):
        raise SplatError(f"is_fisheye of frame {name} must be true or false; fix the transforms file")
    return bool(value)


def _listed_distortion(source: Mapping[str, Any], name: str) -> list[float] | None:
    """k1, k2, k3, k4, p1, p2 of nerfstudio's distortion_params, which it takes rather than the single ones."""
    values = source.get("distortion_params")
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != len(DISTORTION):
        raise SplatError(f"distortion_params of frame {name} must be 6 numbers: {', '.join(DISTORTION)}")
    return [number(dict(zip(DISTORTION, values)), key, name) or 0.0 for key in DISTORTION]


def number(source: Mapping[str, Any], key: str, name: str) -> float | None:
    """A number of a frame or of the whole file, also one that is written as text; None where there is none.

    Raises:
        SplatError: when it is none, or not finite.
    """
    value = source.get(key)
    if value is None:
        return None
    try:
        result = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        shown = f"={ascii(value)[:40]}" if isinstance(value, (str, float)) else ""
        what = "focal length " if key in FOCAL else ""
        raise SplatError(f"{what}{key}{shown} of frame {name} is impossible: it must be a finite number; fix the file")
    return result


def _focal_lengths(source: Mapping[str, Any], width: float, height: float, name: str) -> tuple[float, float] | None:
    """fx and fy in pixels as one place states them, as lengths or as angles; one of them stands for both."""
    found = []
    for side, focal, angle, degrees in (
        (width, "fl_x", "camera_angle_x", "x_fov"),
        (height, "fl_y", "camera_angle_y", "y_fov"),
    ):
        length = number(source, focal, name)
        radians = number(source, angle, name) or math.radians(number(source, degrees, name) or 0.0)
        if not length and not 0.0 <= radians < math.pi:
            raise SplatError(
                f"frame {name} has a view {radians:.6g} radians wide, which gives no focal length; {angle} is in"
                f" radians, below 3.14, {degrees} in degrees"
            )
        found.append(length or (0.5 * side / math.tan(0.5 * radians) if radians else 0.0))
    fx, fy = found[0] or found[1], found[1] or found[0]
    return (fx, fy) if fx and fy else None
