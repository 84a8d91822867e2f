"""RealityCapture's and RealityScan's camera parameters as CSV, with angles or, OpenCV-compliant, with matrices."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from splat import console
from splat.capture.brown import Brown, brown_lens
from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture, photo_places
from splat.capture.numbers import number
from splat.capture.reader_result import ReaderResult
from splat.capture.readers.reality_xmp import FILM, read_reality_xmp, xmp_folder
from splat.capture.rigid import viewmat_of_camera, viewmat_of_world
from splat.errors import SplatError
from splat.files import read_head, read_text

SEPARATORS = (",", ";", "\t")  # a spreadsheet that has saved the file writes its own
HEAD = 4096  # bytes in which the line of columns is looked for
MIDDLE = 0.25  # of an image: a principal point lies at least so far from its edges
DEGREES = 0.1  # no capture is larger, and none in metres so small and so far from zero
NEWER = {"yaw": "heading", "f_35mm": "f", "px_norm": "px", "py_norm": "py"}  # names in RealityScan's files
ANGLES = frozenset({"x", "y", "alt", "heading", "pitch", "roll", "f"})
MATRICES = frozenset({"tx", "ty", "tz", *(f"r{row}{column}" for row in range(3) for column in range(3)), "f_pix"})


def reality_file(root: Path) -> Path | None:
    """The file of camera parameters in a folder, or None."""
    return next((path for path in sorted(root.glob("*.csv")) if _head_columns(path)), None)


def read_reality(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read a file of camera parameters, or that of a folder; where it has none, the XMP files beside its photos.

    Raises:
        SplatError: no such file, a damaged one, a lens that no model here describes, or none of the photos.
    """
    file = path if path.is_file() else reality_file(path)
    if file is None and xmp_folder(path) is not None:
        return read_reality_xmp(path, options)
    if file is None:
        raise SplatError(f"{path} holds no camera parameters of RealityCapture; export them as CSV or XMP")
    rows = _rows(file)
    off: dict[str, float] = {}
    notes = _geographic(rows, file)
    photos = [_photo(row, f"{row['name'][:80]} of {file}", off) for row in rows]
    root = file.parent
    return listed_capture(
        root, PhotoList("realitycapture", file, photos, photo_places(root), notes=notes, off=off), options
    )


def _geographic(rows: list[dict[str, str]], file: Path) -> list[str]:
    """A warning where x and y look like longitude and latitude, with which no camera fits another."""
    if not rows or "x" not in rows[0]:
        return []
    places = np.array([[number(row, key, str(file)) for key in ("x", "y")] for row in rows])
    spread, most = float(np.ptp(places, axis=0).max()), np.abs(places).max(axis=0)
    if not (0 < spread < DEGREES and most[0] <= 180 and most[1] <= 90 and most.max() > 100 * spread):
        return []
    note = (
        f"x and y of {file.name} look like longitude and latitude: all lie within {spread:.2g} of each other; export it"
        " in local Euclidean coordinates"
    )
    console.warn(note)
    return [note]


def _head_columns(path: Path) -> list[str] | None:
    """The columns of a file, if it is one of camera parameters; only its beginning is read."""
    lines = read_head(path, HEAD).splitlines()
    return next((found for line in lines for separator in SEPARATORS if (found := _columns(line, separator))), None)


def _columns(line: str, separator: str) -> list[str] | None:
    names = [name.strip().strip('"').lower() for name in line.lstrip("# \ufeff").split(separator)]
    names = [NEWER.get(name, name) for name in names]
    return names if names[0] == "name" and (set(names) >= ANGLES or set(names) >= MATRICES) else None


def _rows(file: Path) -> list[dict[str, str]]:
    """The rows by their columns.

    Raises:
        SplatError: no line of columns, or a row of another length.
    """
    lines = read_text(file).splitlines()
    starts = (
        (i, mark, found) for i, text in enumerate(lines) for mark in SEPARATORS if (found := _columns(text, mark))
    )
    start, separator, columns = next(starts, (0, "", []))
    if not columns:
        raise SplatError(f"{file} has no line of columns that begins with #name; it is no file of camera parameters")
    try:
        table = [line for line in csv.reader(lines[start + 1 :], delimiter=separator) if any(line)]
    except csv.Error as error:
        raise SplatError(f"{file} is no table ({error}); export it again") from error
    for line in table:
        if len(line) != len(columns):
            raise SplatError(f"{file} has {len(columns)} columns, but a row of {len(line)}; export it again")
    return [dict(zip(columns, (_point(value.strip(), separator) for value in line))) for line in table]


def _point(value: str, separator: str) -> str:
    """A decimal comma, which a spreadsheet writes beside semicolons, as a point; names stay."""
    return (
        value.replace(",", ".") if separator != "," and re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", value) else value
    )


def _photo(row: Mapping[str, str], where: str, off: dict[str, float]) -> ListedPhoto:
    if "f_pix" in row:
        R = np.array([[number(row, f"r{i}{j}", where) for j in range(3)] for i in range(3)])
        t = np.array([number(row, key, where) for key in ("tx", "ty", "tz")])
        viewmat = viewmat_of_world(R, t)
    else:
        place = np.array([number(row, key, where) for key in ("x", "y", "alt")])
        angles = [np.radians(number(row, key, where)) for key in ("heading", "pitch", "roll")]
        viewmat = viewmat_of_camera(_rotation(*angles) * np.array([1.0, -1.0, -1.0]), place)
    return ListedPhoto(row["name"], viewmat, functools.partial(_lens, dict(row), where, off))


def _rotation(heading: float, pitch: float, roll: float) -> np.ndarray:
    """[3, 3] from the camera, with OpenGL's axes, to the world, whose z is up: Rz(-heading) Rx(pitch) Ry(roll)."""
    c, s = np.cos(-heading), np.sin(-heading)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    c, s = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    result: np.ndarray = about_z @ about_x @ about_y
    return result


def _lens(row: Mapping[str, str], where: str, off: dict[str, float], width: int, height: int) -> Lens:
    """The lens for a photo of that size in pixels."""
    if "f_pix" in row:
        f, cx, cy = (number(row, key, where) for key in ("f_pix", "px_pix", "py_pix"))
        if not (MIDDLE < cx / width < 1 - MIDDLE and MIDDLE < cy / height < 1 - MIDDLE):
            raise SplatError(
                f"px_pix, py_pix of {where} are {cx:g}, {cy:g}, which is not in the middle of {width}x{height} pixels;"
                " use the photos that the file was exported with"
            )
    else:
        side = max(width, height)
        f = number(row, "f", where) * side / FILM
        cx, cy = number(row, "px", where, 0.0) * side + width / 2, number(row, "py", where, 0.0) * side + height / 2
    k1, k2, k3, k4, t1, t2 = (number(row, key, where, 0.0) for key in ("k1", "k2", "k3", "k4", "t1", "t2"))
    # Its t1 is OpenCV's p2: the OpenCV-compliant file has k1, k2, t2, t1, k3 in OpenCV's order
    return brown_lens(Brown(width, height, f, f, cx, cy, k1, k2, k3, k4, p1=t2, p2=t1), where, off)
