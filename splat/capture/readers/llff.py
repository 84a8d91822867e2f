"""LLFF: poses_bounds.npy, whose rows belong to the photos in name order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.capture.beside import companions
from splat.capture.config import CaptureOptions
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture
from splat.capture.numbers import sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import viewmat_of_camera
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.walk import files_in
from splat.errors import SplatError
from splat.files import NPY_DAMAGE

FILE = "poses_bounds.npy"
COLUMNS = 17  # 3x5 row by row: rotation, place, (height, width, focal length); then the nearest and farthest depth


def read_llff(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read poses_bounds.npy, or that of a folder, with the photos of images/ (or of a reduced copy, or beside it).

    Raises:
        SplatError: a damaged file, or another number of photos than of rows.
    """
    file = path if path.is_file() else path / FILE
    root = file.parent
    rows = _rows(file)
    folder, names = _photos(root)
    if len(names) != len(rows):
        raise SplatError(
            f"{file} has {len(rows):,} rows but {folder} holds {len(names):,} photos, and rows belong to photos in name"
            " order; put the photos back that were there, or remove the others"
        )
    photos = [_photo(name, row, file) for name, row in zip(names, rows)]
    notes = [f"{FILE}: one focal length and no distortion; its depth bounds are not used"]
    return listed_capture(root, PhotoList("llff", file, photos, [folder], notes=notes), options)


def _rows(file: Path) -> np.ndarray:
    """[N, 17] float64.

    Raises:
        SplatError: the file cannot be read, is cut, or holds something else.
    """
    try:  # mapped: a header that announces more than the file holds takes no memory
        rows = np.load(file, mmap_mode="r", allow_pickle=False)
    except NPY_DAMAGE as error:
        raise SplatError(f"{file} is cut short or no array of numbers; copy it again") from error
    if (
        not isinstance(rows, np.ndarray)
        or rows.shape[1:] != (COLUMNS,)
        or not len(rows)
        or rows.dtype.kind not in "fiu"
    ):
        raise SplatError(
            f"{file} must hold N x {COLUMNS} numbers, not something else; it is no poses_bounds.npy of LLFF"
        )
    return np.array(rows, np.float64)


def _photos(root: Path) -> tuple[Path, list[str]]:
    """The folder of the photos and their names in order: images/, else its least reduced copy, else beside the file."""
    copies = [path for path in root.glob("images_*") if path.is_dir() and path.name[7:].isdecimal()]
    for folder in (root / "images", *sorted(copies, key=lambda path: int(path.name[7:])), root):
        pictures = files_in(folder, PHOTO_SUFFIXES)
        made = companions(pictures)
        if names := [path.name for path in pictures if path not in made]:
            return folder, names
    raise SplatError(f"no photos beside {root / FILE}; put them into images/")


def _photo(name: str, row: np.ndarray, file: Path) -> ListedPhoto:
    matrix = row[:15].reshape(3, 5)
    height, width, focal = matrix[:, 4]
    down, right, back = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    viewmat = viewmat_of_camera(np.stack([right, down, -back], axis=1), matrix[:, 3])
    if viewmat is None:
        return ListedPhoto(name, None, None)
    params = (focal, focal, width / 2, height / 2)
    return ListedPhoto(name, viewmat, sized_lens("PINHOLE", params, width, height, f"{name} in {file}"))
