"""OpenSfM's reconstruction.json, which OpenDroneMap writes too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from splat import console
from splat.capture.brown import Brown, brown_lens
from splat.capture.colmap.model import finite_points
from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import UNPOSED, ListedPhoto, PhotoList, listed_capture, photo_places
from splat.capture.names import printable
from splat.capture.numbers import floats, number, sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import viewmat_of_world
from splat.capture.types import Points
from splat.errors import SplatError
from splat.files import read_json

FILE = "reconstruction.json"
FOLDERS = (".", "opensfm")  # the second: OpenDroneMap's
PERSPECTIVE = ("perspective", "simple_radial", "radial", "brown")


def opensfm_file(root: Path) -> Path | None:
    """The reconstruction of a folder, or None."""
    return next((root / name / FILE for name in FOLDERS if (root / name / FILE).is_file()), None)


def read_opensfm(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read a reconstruction.json, or that of a folder; its world is east, north, up in metres where it has GPS.

    Raises:
        SplatError: no such file, a damaged one, or no photo with a pose.
    """
    file = path if path.is_file() else opensfm_file(path)
    if file is None:
        raise SplatError(f"{path} holds no {FILE} of OpenSfM")
    root = file.parent if path.is_file() else path
    notes: list[str] = []
    content = _largest(read_json(file), file, notes)
    cameras, shots = (_mapping(content, key, file) for key in ("cameras", "shots"))
    lenses: dict[str, tuple[Lens | None, str]] = {}
    photos = []
    for name in shots:
        where = f"shot {name[:80]} of {file}"
        entry = _mapping(shots, name, file)
        camera = str(entry.get("camera"))
        if camera not in lenses:
            lenses[camera] = _lens(_mapping(cameras, camera, file), f"camera {camera[:80]} of {file}")
        rotation, translation = (floats(entry.get(key), 3, f"{key} of {where}") for key in ("rotation", "translation"))
        viewmat = viewmat_of_world(cv2.Rodrigues(rotation)[0], translation)
        photos.append(ListedPhoto(name, viewmat, lenses[camera][0], lenses[camera][1] or UNPOSED))
    points = _points(content, file, notes) if options.points != "none" else None
    notes += _reference(content)
    places = photo_places(root, file.parent, file.parent.parent)
    return listed_capture(root, PhotoList("opensfm", file, photos, places, points, notes), options)


def _largest(content: Any, file: Path, notes: list[str]) -> Mapping[str, Any]:
    """The reconstruction with the most shots; others are noted."""
    listed = content if isinstance(content, list) else []
    listed = [each for each in listed if isinstance(each, dict) and isinstance(each.get("shots"), dict)]
    if not listed:
        raise SplatError(f"{file} lists no reconstruction with shots; it is no {FILE} of OpenSfM")
    best: Mapping[str, Any] = max(listed, key=lambda each: len(each["shots"]))
    if len(listed) > 1:
        notes.append(
            f"{file.name} holds {len(listed)} reconstructions, which do not fit together; the largest is used"
            f" ({len(best['shots'])} photos)"
        )
        console.warn(notes[-1])
    if best.get("pano_shots"):
        notes.append(f"pano_shots of {file.name} are not read ({len(best['pano_shots'])})")
    return best


def _mapping(source: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    found = source.get(key)
    if not isinstance(found, dict):
        raise SplatError(f"{file} has no usable entry {ascii(key)[:80]}; run OpenSfM again")
    return found


def _lens(camera: Mapping[str, Any], where: str) -> tuple[Lens | None, str]:
    """A lens; its values are in units of the longer side, from the middle; None and the reason where it is not read."""
    kind = str(camera.get("projection_type", "perspective"))
    width, height = number(camera, "width", where), number(camera, "height", where)
    unit = max(width, height)
    both = number(camera, "focal", where, 0.0)
    fx, fy = number(camera, "focal_x", where, both) * unit, number(camera, "focal_y", where, both) * unit
    cx, cy = number(camera, "c_x", where, 0.0) * unit + width / 2, number(camera, "c_y", where, 0.0) * unit + height / 2
    k1, k2, k3, k4, p1, p2 = (number(camera, key, where, 0.0) for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    if kind in PERSPECTIVE:
        brown = Brown(width, height, fx, fy, cx, cy, k1, k2, k3, p1=p1, p2=p2)
        return brown_lens(brown, where, {}), ""
    if kind in ("fisheye", "fisheye_opencv"):
        return sized_lens("OPENCV_FISHEYE", (fx, fy, cx, cy, k1, k2, k3, k4), width, height, where), ""
    return None, f"of a {printable(kind)[:40]} camera, which cannot be read: undistort the photos with OpenSfM,"


def _points(content: Mapping[str, Any], file: Path, notes: list[str]) -> Points | None:
    points = content.get("points") or {}
    if not isinstance(points, dict) or not all(isinstance(point, dict) for point in points.values()):
        raise SplatError(f"points of {file} are none; run OpenSfM again")
    where = f"of a point of {file}"
    xyz = [floats(point.get("coordinates"), 3, f"coordinates {where}") for point in points.values()]
    rgb = [floats(point.get("color"), 3, f"color {where}") for point in points.values()]
    if not xyz:
        return None
    colors = np.nan_to_num(np.array(rgb)).clip(0, 255).astype(np.uint8)
    return finite_points(np.array(xyz), colors, file, notes)


def _reference(content: Mapping[str, Any]) -> list[str]:
    reference = content.get("reference_lla")
    if not isinstance(reference, dict):
        return []
    where = "reference_lla"
    latitude, longitude, altitude = (
        number(reference, key, where, 0.0) for key in ("latitude", "longitude", "altitude")
    )
    return [
        f"its frame is east, north, up in metres from latitude {latitude:g}, longitude {longitude:g}, {altitude:g} m"
    ]
