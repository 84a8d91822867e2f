"""ARKitScenes: a trajectory, a .pincam file for each photo, depth maps in millimetres."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import cv2
import numpy as np

from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture
from splat.capture.numbers import floats, sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import viewmat_of_world
from splat.capture.walk import files_in
from splat.errors import SplatError
from splat.files import read_text

TRAJECTORY = "lowres_wide.traj"
RESOLUTIONS = ("wide", "vga_wide", "lowres_wide")  # folders of photos, the largest first
NEAR = 0.005  # seconds that a pose may be from its photo; they come ten times a second


def arkitscenes_folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of the photos and of their calibrations, beside the trajectory; None where there are none."""
    if not (root / TRAJECTORY).is_file():
        return None
    pairs = ((root / name, root / f"{name}_intrinsics") for name in RESOLUTIONS)
    return next(((photos, lenses) for photos, lenses in pairs if photos.is_dir() and lenses.is_dir()), None)


def read_arkitscenes(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read the frames of a recording; its world is the trajectory's, in metres.

    Raises:
        SplatError: no such recording, a damaged file, or no photo with a pose.
    """
    folders = arkitscenes_folders(root)
    if folders is None:
        raise SplatError(f"{root} holds no {TRAJECTORY} beside lowres_wide/ and lowres_wide_intrinsics/")
    images, lenses = folders
    file = root / TRAJECTORY
    moments, poses = _trajectory(file)
    calibrations = files_in(lenses, (".pincam",))
    photos = [_photo(calibration, moments, poses) for calibration in calibrations]
    notes = [f"photos of {images.name}/; each has the pose within {NEAR * 1000:g} ms of it"]
    listed = PhotoList("arkitscenes", file, photos, [images], notes=notes, read=calibrations, anywhere=False)
    found = listed_capture(root, listed, options)
    depth = root / "lowres_depth"
    for index, photo in enumerate(found.posed):
        if (path := depth / f"{photo.path.stem}.png").is_file():
            found.posed[index] = dataclasses.replace(photo, depth_path=path)
    return found


def _trajectory(file: Path) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Moments [P] in seconds, in order, and the world-to-camera matrix of each."""
    rows = [
        floats(line, 7, f"line {number} of {file}")
        for number, line in enumerate(read_text(file).splitlines(), start=1)
        if line.strip()
    ]
    rows = sorted((row for row in rows if np.isfinite(row).all()), key=lambda row: float(row[0]))
    poses = [viewmat_of_world(cv2.Rodrigues(row[1:4])[0], row[4:]) for row in rows]
    return np.array([row[0] for row in rows]), poses


def _photo(file: Path, moments: np.ndarray, poses: list[np.ndarray | None]) -> ListedPhoto:
    """The photo of a calibration: both are called VIDEO_SECONDS."""
    match = re.fullmatch(r".*_(\d{1,12}(?:\.\d{1,9})?)", file.stem, re.ASCII)
    nearest = int(np.abs(moments - float(match[1])).argmin()) if match and len(moments) else None
    if match is None or nearest is None or abs(moments[nearest] - float(match[1])) > NEAR:
        return ListedPhoto(file.stem, None, None, "without a pose at its moment")
    return ListedPhoto(file.stem, poses[nearest], _lens(file))


def _lens(file: Path) -> Lens:
    width, height, *params = floats(read_text(file), 6, str(file)).tolist()
    return sized_lens("PINHOLE", params, width, height, str(file))
