"""Polycam's raw export: keyframes/images with a JSON file of each photo's camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.capture.config import CaptureOptions
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture
from splat.capture.numbers import number, sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import viewmat_of_camera
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.walk import files_in
from splat.errors import SplatError
from splat.files import read_json

KEYFRAMES = "keyframes"
JSON = (".json",)
PAIRS = (("corrected_cameras", "corrected_images"), ("cameras", "images"))  # the first: after the app's optimisation


def polycam_folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of the cameras and of the photos, corrected ones where there are any; None where it is no export."""
    for base in (root / KEYFRAMES, root):
        for cameras, images in PAIRS:
            if files_in(base / images, PHOTO_SUFFIXES) and files_in(base / cameras, JSON):
                return base / cameras, base / images
    return None


def read_polycam(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read a raw export; its world is ARKit's: y up, in metres.

    Raises:
        SplatError: no such export, or a value that cannot be read.
    """
    folders = polycam_folders(root)
    if folders is None:
        raise SplatError(f"{root} is no raw export of Polycam; expected keyframes/cameras beside keyframes/images")
    cameras, images = folders
    files = files_in(cameras, JSON)
    photos = [_photo(file) for file in files]
    notes = [f"cameras and photos of {cameras.name} and {images.name}"]
    uncorrected = cameras.with_name("cameras")
    if cameras != uncorrected and uncorrected.is_dir():
        more = {file.stem for file in files_in(uncorrected, JSON)} - {file.stem for file in files}
        notes += [f"{len(more)} keyframes that Polycam has not corrected are left out"] if more else []
    listed = PhotoList(
        "polycam",
        cameras,
        photos,
        [images],
        notes=notes,
        read=files,
        sides=[cameras.parent],
        anywhere=False,  # a photo of the same name in the other folder has another lens
    )
    return listed_capture(root, listed, options)


def _photo(file: Path) -> ListedPhoto:
    entry = read_json(file)
    if not isinstance(entry, dict):
        raise SplatError(f"{file} is no camera of Polycam; export again")
    where = str(file)
    pose = np.array([[number(entry, f"t_{row}{column}", where) for column in range(4)] for row in range(3)])
    viewmat = viewmat_of_camera(pose[:, :3] * np.array([1.0, -1.0, -1.0]), pose[:, 3])  # axes as OpenGL's
    params = [number(entry, key, where) for key in ("fx", "fy", "cx", "cy")]
    lens = sized_lens("PINHOLE", params, number(entry, "width", where), number(entry, "height", where), where)
    return ListedPhoto(file.stem, viewmat, lens)
