"""COLMAP's binary files (its documentation, "Output Format").

They are walked here instead of by pycolmap, because COLMAP's own reader trusts the numbers in a file: it reads cut
files as if they were whole, or allocates until nothing is left.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from splat.capture.colmap.model import ModelImage, add_image, add_lens, finite_points, model_lens, pose_matrix
from splat.capture.lens import MODELS, Lens
from splat.capture.types import Points
from splat.errors import SplatError

COUNT = struct.Struct("<Q")
CAMERA = struct.Struct("<IiQQ")  # id, model, width, height; parameters follow
IMAGE = struct.Struct("<I7dI")  # id, w x y z, translation, camera; name and keypoints follow
POINT_BYTES = 43  # id, x y z, r g b, error; the length of the track and the track follow
KEYPOINT = np.dtype([("xy", "<f8", 2), ("point", "<i8")])
KEYPOINT_BYTES, TRACK_BYTES = KEYPOINT.itemsize, 8
LONGEST_NAME = 4096  # bytes
CHUNK = 1_000_000  # points gathered at a time


class Records:
    """The entries of one file: its number of them, then one after another."""

    def __init__(self, path: Path, data: mmap.mmap | bytes, smallest: int) -> None:
        self.path, self.data, self.size = path, data, len(data)
        self.at = 0
        self.entry = 0
        self.began = 0  # the byte at which the entry begins
        self.count = 0
        (self.count,) = self.take(COUNT)
        if self.count * smallest > self.size - COUNT.size:
            raise self.damaged(f"its {self.size:,} bytes cannot hold the {self.count:,} entries that it announces")

    def __iter__(self) -> Iterator[int]:
        """The numbers of the entries, from 1; nothing may follow the last one."""
        for entry in range(1, self.count + 1):
            self.entry, self.began = entry, self.at
            yield entry
        if self.at != self.size:
            raise self.damaged(f"{self.size - self.at:,} bytes follow its {self.count:,} entries at byte {self.at:,}")

    def take(self, form: struct.Struct) -> tuple:
        """The next values."""
        start = self.at
        self.skip(form.size)
        return form.unpack_from(self.data, start)

    def skip(self, size: int) -> None:
        """Go on by so many bytes."""
        if size > self.size - self.at:
            raise self.cut()
        self.at += size

    def name(self) -> bytes:
        """The next text, which ends with a zero."""
        end = self.data.find(b"\0", self.at, self.at + LONGEST_NAME)
        if end < 0:
            raise self.cut()
        start, self.at = self.at, end + 1
        return self.data[start:end]

    def cut(self) -> SplatError:
        """The error of a file that ends too early."""
        place = f"in entry {self.entry:,} of {self.count:,}, which begins at byte {self.began:,}"
        return self.damaged(
            f"cut short: it ends at byte {self.size:,} {place if self.entry else 'before its first entry'}"
        )

    def damaged(self, how: str) -> SplatError:
        """The error of a damaged file."""
        return SplatError(
            f"{self.path} is damaged ({how}); copy the model again or compute it again, with capture.format=photos"
        )


def read_cameras(path: Path) -> dict[int, Lens]:
    """The lenses of a cameras.bin by their number.

    Raises:
        SplatError: a damaged file; says where.
    """
    cameras: dict[int, Lens] = {}
    with _records(path, CAMERA.size) as records:
        for _ in records:
            start = records.at
            camera_id, number, width, height = records.take(CAMERA)
            if number not in MODELS:
                raise records.damaged(f"the camera at byte {start:,} has the unknown model {number}")
            model, parameters = MODELS[number]
            params = records.take(struct.Struct(f"<{parameters}d"))
            where = f"{path} at byte {start:,}"
            add_lens(cameras, camera_id, model_lens(model, width, height, params, where), where)
    return cameras


def read_images(path: Path) -> dict[int, ModelImage]:
    """The images of an images.bin by their number.

    Raises:
        SplatError: a damaged file; says where.
    """
    images: dict[int, ModelImage] = {}
    with _records(path, IMAGE.size + 1 + COUNT.size) as records:
        for _ in records:
            image_id, *pose, camera_id = records.take(IMAGE)
            name = records.name()
            (keypoints,) = records.take(COUNT)
            records.skip(keypoints * KEYPOINT_BYTES)
            image = ModelImage(name, camera_id, pose_matrix(tuple(pose[:4]), tuple(pose[4:])))
            add_image(images, image_id, image)
    return images


def read_keypoints(path: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Places [K, 2] in pixels and numbers [K] int64 of the points that are seen in each image, by its number.

    Raises:
        SplatError: a damaged file; says where.
    """
    seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    with _records(path, IMAGE.size + 1 + COUNT.size) as records:
        for _ in records:
            image_id = records.take(IMAGE)[0]
            records.name()
            (count,) = records.take(COUNT)
            start = records.at
            records.skip(count * KEYPOINT_BYTES)
            rows = np.frombuffer(records.data[start : records.at], KEYPOINT)
            known = rows["point"] != -1
            seen[image_id] = rows["xy"][known].astype(np.float64), rows["point"][known].astype(np.int64)
    return seen


def read_places(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Numbers [P] int64 and places [P, 3] of the points of a points3D.bin.

    Raises:
        SplatError: a damaged file; says where.
    """
    ids, xyz, _ = _point_rows(path)
    return ids.astype(np.int64), xyz


def read_points(path: Path, notes: list[str]) -> Points | None:
    """The points of a points3D.bin in the order of their numbers.

    Raises:
        SplatError: a damaged file; says where.
    """
    ids, xyz, rgb = _point_rows(path)
    order = np.argsort(ids, kind="stable")
    return finite_points(xyz[order], rgb[order], path, notes)


def _point_rows(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers [P], places [P, 3] and colours [P, 3] in the order of the file."""
    with _records(path, POINT_BYTES + COUNT.size) as records:
        starts = np.empty(records.count, np.int64)
        for index, _ in enumerate(records):
            starts[index] = records.at
            records.skip(POINT_BYTES)
            (track,) = records.take(COUNT)
            records.skip(track * TRACK_BYTES)
        return _gathered(records.data, starts)


def _gathered(data: mmap.mmap | bytes, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers [P], places [P, 3] and colours [P, 3] of the points that begin at `starts`."""
    ids, xyz = np.empty(len(starts), np.uint64), np.empty((len(starts), 3), np.float64)
    rgb = np.empty((len(starts), 3), np.uint8)
    source = np.frombuffer(data, np.uint8)
    for first in range(0, len(starts), CHUNK):
        part = slice(first, first + CHUNK)
        rows = source[starts[part, None] + np.arange(POINT_BYTES - 8)]
        ids[part] = np.ascontiguousarray(rows[:, :8]).view("<u8")[:, 0]
        xyz[part] = np.ascontiguousarray(rows[:, 8:32]).view("<f8")
        rgb[part] = rows[:, 32:35]
    del source  # it would keep the file open
    return ids, xyz, rgb


@contextlib.contextmanager
def _records(path: Path, smallest: int) -> Iterator[Records]:
    """The entries of a file, which have at least `smallest` bytes; the file is not read into memory as a whole."""
    try:
        with path.open("rb") as file:
            empty = path.stat().st_size == 0
            data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise SplatError(f"cannot read {path}: {error.strerror}") from error
    yield Records(path, data, smallest)
    if isinstance(data, mmap.mmap):
        data.close()
