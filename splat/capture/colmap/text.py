"""COLMAP's text files, as COLMAP and the programs that imitate it write them.

They are read here instead of by pycolmap, which cuts names at the first space.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from splat import console
from splat.capture.colmap.model import ModelImage, add_image, add_lens, finite_points, model_lens, pose_matrix
from splat.capture.lens import MODELS, Lens
from splat.capture.types import Points
from splat.errors import SplatError

PARAMETERS = dict(MODELS.values())  # how many each model has
MOST_POINTS = 2.0**63  # numbers of points fit into 64 bits
ANNOUNCED = re.compile(rb"#\s*Number of \w+:\s*(\d+)")


def read_cameras(path: Path) -> dict[int, Lens]:
    """The lenses of a cameras.txt by their number.

    Raises:
        SplatError: a line that is no camera; says which.
    """
    cameras: dict[int, Lens] = {}
    for number, line in _lines(path):
        if not line:
            continue
        fields = line.split()
        where = f"{path}, line {number}"
        try:
            camera_id, model = int(fields[0]), fields[1].decode()
            width, height = _whole(fields[2]), _whole(fields[3])
            params = tuple(float(value) for value in fields[4:])
        except (ValueError, IndexError) as error:
            raise SplatError(f"{where}, is no camera (CAMERA_ID MODEL WIDTH HEIGHT PARAMS); fix the file") from error
        if model not in PARAMETERS:
            raise SplatError(f"{where}: {model[:40]!a} is no camera model of COLMAP; fix the file")
        if len(params) != PARAMETERS[model]:
            raise SplatError(f"{where}: {model} has {PARAMETERS[model]} parameters, not {len(params)}; fix the file")
        add_lens(cameras, camera_id, model_lens(model, width, height, params, where), where)
    return cameras


def _whole(word: bytes) -> int:
    """A whole number, also as 640.0, which programs without integers write; raises ValueError."""
    value = float(word)
    if not value.is_integer():
        raise ValueError
    return int(value)


def read_images(path: Path, notes: list[str]) -> dict[int, ModelImage]:
    """The images of an images.txt by their number; lines that are none are counted in one warning.

    Behind each image follows the line of its keypoints, which may be empty; programs without keypoints leave it out.

    Raises:
        SplatError: no line of it can be read.
    """
    images: dict[int, ModelImage] = {}
    bad: list[int] = []
    keypoints_due = False
    for number, line in _lines(path):
        if keypoints_due and _is_keypoints(line):
            keypoints_due = False
        elif (found := _image(line)) is not None:
            add_image(images, *found)
            keypoints_due = True
        elif line:
            bad.append(number)
            keypoints_due = False
    _report(path, bad, len(images), notes)
    return images


def read_points(path: Path, notes: list[str]) -> Points | None:
    """The points of a points3D.txt in the order of their numbers; lines that are none are counted in one warning.

    Raises:
        SplatError: no line of it can be read.
    """
    rows: list[tuple[float, ...]] = []
    bad: list[int] = []
    for number, line in _lines(path):
        if not line:
            continue
        try:
            fields = line.split(maxsplit=8)[:8]
            point, x, y, z, red, green, blue, *_ = (int(fields[0]), *(float(value) for value in fields[1:]))
            rows.append((point, x, y, z, int(red), int(green), int(blue)))
        except (ValueError, OverflowError):
            bad.append(number)
    _report(path, bad, len(rows), notes)
    if not rows:
        return None
    rows.sort(key=lambda row: row[0])
    values = np.array([row[1:] for row in rows], np.float64)
    return finite_points(values[:, :3], np.clip(values[:, 3:], 0, 255).astype(np.uint8), path, notes)


def read_keypoints(path: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Places [K, 2] in pixels and numbers [K] int64 of the points that are seen in each image, by its number.

    An image whose line of keypoints is damaged has none.
    """
    seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    number: int | None = None
    for _, line in _lines(path):
        if number is not None and _is_keypoints(line):
            with contextlib.suppress(ValueError):  # damage between the first and the last of them
                rows = np.array(line.split(), np.float64).reshape(-1, 3)
                rows = rows[(rows[:, 2] >= 0) & (rows[:, 2] < MOST_POINTS) & np.isfinite(rows).all(axis=1)]
                seen[number] = rows[:, :2], rows[:, 2].astype(np.int64)
            number = None
        elif (found := _image(line)) is not None:
            number = found[0]
    return seen


def read_places(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Numbers [P] int64 and places [P, 3] of the points of a points3D.txt; lines that are none are left out."""
    ids, xyz = [], []
    for _, line in _lines(path):
        with contextlib.suppress(ValueError, IndexError):
            fields = line.split(maxsplit=4)
            place = [float(fields[1]), float(fields[2]), float(fields[3])]
            point = int(fields[0])
            if abs(point) < MOST_POINTS:
                ids.append(point)
                xyz.append(place)
    return np.array(ids, np.int64), np.array(xyz, np.float64).reshape(-1, 3)


def _image(line: bytes) -> tuple[int, ModelImage] | None:
    """Number and image of a line IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME; None where it is no such line.

    The name is all that is left, spaces too.
    """
    fields = line.split(maxsplit=9)
    if len(fields) < 10:
        return None
    try:
        pose = tuple(float(value) for value in fields[1:8])
        return int(fields[0]), ModelImage(fields[9], int(fields[8]), pose_matrix(pose[:4], pose[4:]))
    except ValueError:
        return None


def _is_keypoints(line: bytes) -> bool:
    """Whether a line is a list of X Y POINT3D_ID: threes of numbers, which no line of an image is."""
    fields = line.split()
    if len(fields) % 3:
        return False
    try:
        return all(math.isfinite(float(value)) for value in (*fields[:9], *fields[-3:]))
    except ValueError:
        return False


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers, from 1, and texts of the lines that are no comments; empty ones are among them."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if number == 1:
                    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                        raise SplatError(f"{path} is in UTF-16; save it as UTF-8")
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if not line.startswith(b"#"):
                    yield number, line.strip()
    except OSError as error:
        raise SplatError(f"cannot read {path}: {error.strerror}") from error


def _report(path: Path, bad: list[int], good: int, notes: list[str]) -> None:
    """One warning that counts the lines that cannot be read, one where a file lists less than it announces.

    Raises:
        SplatError: when no line can be read.
    """
    if bad and not good:
        raise SplatError(
            f"no line of {path} can be read (first: line {bad[0]}); copy the model again or compute it anew"
        )
    if bad:
        notes.append(f"{console.count(len(bad), 'line')} of {path} cannot be read (first: line {bad[0]})")
        console.warn(notes[-1])
    announced = _announced(path)
    if announced is not None and good < announced:
        notes.append(f"{path} announces {announced:,} entries but {good:,} can be read; it may be cut short")
        console.warn(notes[-1])


def _announced(path: Path) -> int | None:
    """How many entries COLMAP's comments at the top of a file speak of."""
    with path.open("rb") as file:
        found = next((match for line in itertools.islice(file, 10) if (match := ANNOUNCED.match(line))), None)
    return int(found[1]) if found and len(found[1]) < 19 else None
