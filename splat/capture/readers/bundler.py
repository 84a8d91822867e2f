"""Bundler v0.3: bundle.out with list.txt, which many programs write."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splat.capture.colmap.model import finite_points
from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture, photo_places
from splat.capture.numbers import floats, sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import viewmat_of_world
from splat.capture.types import Points
from splat.errors import SplatError
from splat.files import read_text

FILES = ("bundle.out", "bundle/bundle.out", "bundle.rd.out")
MARK = "# Bundle file"
BESIDE = 2.0  # pixels beside the photo that a keypoint may lie
FLIP = np.array([1.0, -1.0, -1.0])  # from a camera whose y is up and that looks along -z


def bundler_file(root: Path) -> Path | None:
    """The bundle file of a folder, or None."""
    return next((root / name for name in FILES if (root / name).is_file()), None)


def read_bundler(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read a bundle file, or that of a folder, with the list of its photos.

    Raises:
        SplatError: no such file, a damaged one, or no list of the photos.
    """
    file = path if path.is_file() else bundler_file(path)
    if file is None:
        raise SplatError(f"{path} holds no bundle.out")
    root = file.parent if path.is_file() else path
    lines = [line for line in read_text(file).splitlines() if line.strip()]
    if not lines or not lines[0].startswith(MARK):
        raise SplatError(f"{file} does not begin with '{MARK}'; it is no bundle file")
    cameras, points = _counts(lines, file)
    names, list_file = _names(root, file)
    if len(names) != cameras:
        raise SplatError(f"{file} has {cameras:,} cameras but {list_file} lists {len(names):,} photos; export again")
    tail = lines[2 + 5 * cameras :]
    reach = _reach(tail[2 : 3 * points : 3], cameras, file)
    photos = [
        _photo(name, lines[2 + 5 * index : 7 + 5 * index], reach[index], f"camera {index} of {file}")
        for index, name in enumerate(names)
    ]
    notes: list[str] = []
    known = _points(tail, points, file, notes) if options.points != "none" else None
    places = photo_places(list_file.parent, root, file.parent)
    listed = PhotoList("bundler", file, photos, places, known, notes, read=[list_file])
    return listed_capture(root, listed, options)


def _counts(lines: Sequence[str], file: Path) -> tuple[int, int]:
    """How many cameras and points the file announces, and has the lines for."""
    words = lines[1].split() if len(lines) > 1 else []
    if len(words) != 2 or not all(re.fullmatch(r"\d{1,18}", word, re.ASCII) for word in words):
        raise SplatError(f"{file} does not say how many cameras and points it has; export it again")
    cameras, points = (int(word) for word in words)
    if len(lines) < 2 + 5 * cameras + 3 * points:
        raise SplatError(
            f"{file} announces {cameras:,} cameras and {points:,} points, but ends after {len(lines):,} lines;"
            " it is cut short: copy it again"
        )
    return cameras, points


def _names(root: Path, file: Path) -> tuple[list[str], Path]:
    """The photos in the cameras' order, and the file that lists them: a name a line, with or without more behind it."""
    usual = ("list.txt", f"{file.stem}.list.txt", f"{file.stem}_list.txt", "list.rd.txt")
    places = dict.fromkeys((file.parent, root, file.parent.parent))
    found = next((place / name for place in places for name in usual if (place / name).is_file()), None)
    if found is None:
        raise SplatError(f"no list.txt beside {file}: nothing says which photos its cameras are; put it there")
    lines = [line.strip() for line in read_text(found).splitlines() if line.strip()]
    return [re.sub(r"\s+0\s+[\d.eE+-]+$", "", line) for line in lines], found


def _reach(lines: Sequence[str], cameras: int, file: Path) -> np.ndarray:
    """[cameras, 2] pixels from the middle at which each camera sees points at most, across and down, to both sides.

    To both, because zeros and coordinates from a corner, which some programs write, say nothing.

    Args:
        lines: how often each point is seen, then camera, keypoint, x and y of each time.
    """
    rows = [line.split() for line in lines]
    views = [value for row in rows if len(row) % 4 == 1 for value in row[1:]]
    index, _, x, y = floats(views, len(views), f"the views of the points of {file}").reshape(-1, 4).T
    fits = (index >= 0) & (index < cameras) & np.isfinite(x) & np.isfinite(y)
    xy = np.stack([x, y], axis=1)[fits]
    reach = np.zeros((cameras, 2, 2))
    np.maximum.at(reach, index[fits].astype(np.int64), np.stack([xy, -xy], axis=1))
    least: np.ndarray = reach.min(axis=1)
    return least


def _photo(name: str, lines: Sequence[str], reach: np.ndarray, where: str) -> ListedPhoto:
    f, k1, k2 = floats(lines[0], 3, where)
    R = np.stack([floats(line, 3, where) for line in lines[1:4]])
    t = floats(lines[4], 3, where)
    viewmat = viewmat_of_world(FLIP[:, None] * R, FLIP * t) if f else None  # no focal length: it was not placed
    return ListedPhoto(name, viewmat, functools.partial(_lens, float(f), float(k1), float(k2), reach, where))


def _lens(f: float, k1: float, k2: float, reach: np.ndarray, where: str, width: int, height: int) -> Lens:
    """The lens for a photo of that size in pixels: the principal point is in its middle.

    Raises:
        SplatError: points are seen outside of it, so the file, which names no sizes, is of larger or turned photos.
    """
    if (reach > np.array([width, height]) * 0.5 + BESIDE).any():
        raise SplatError(
            f"{where} sees points up to {reach[0]:.0f} and {reach[1]:.0f} pixels from the middle, but its photo is"
            f" {width}x{height} pixels: use the photos that the cameras were computed from"
        )
    return sized_lens("RADIAL", (f, width / 2, height / 2, k1, k2), width, height, where)


def _points(lines: Sequence[str], count: int, file: Path, notes: list[str]) -> Points | None:
    """The points: three lines each, of which the last says who sees it."""
    if not count:
        return None
    where = f"a point of {file}"
    xyz = np.stack([floats(line, 3, where) for line in lines[0 : 3 * count : 3]])
    rgb = np.stack([floats(line, 3, where) for line in lines[1 : 3 * count : 3]])
    return finite_points(xyz, np.nan_to_num(rgb).clip(0, 255).astype(np.uint8), file, notes)
