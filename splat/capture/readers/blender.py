"""Blender captures (NeRF's synthetic scenes): transforms_train.json and transforms_test.json, RGBA renders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat import console
from splat.capture.config import CaptureOptions
from splat.capture.ply import read_ply_points
from splat.capture.reader_result import ReaderResult
from splat.capture.readers.transforms import TransformsFrames, named_points, read_frames, read_meta
from splat.capture.types import Points, Split

POINT_FILES = ("points3d.ply", "points3D.ply")  # where 3DGS looks, and where it writes random ones if there are none
RANDOM_POINTS, RANDOM_REACH = 100_000, 1.3


def read_blender(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read the official split: train from transforms_train.json, test from transforms_test.json (else ..._val.json).

    Raises:
        SplatError: a missing or wrong file, or no photo left.
    """
    frames = TransformsFrames()
    test_file = root / "transforms_test.json"
    if not test_file.is_file():
        test_file = root / "transforms_val.json"
        if test_file.is_file():
            frames.notes.append("no transforms_test.json: the validation views are the test views")
    points: Points | None = None
    read: list[Path] = []
    sides: tuple[tuple[Path, Split], ...] = ((root / "transforms_train.json", "train"), (test_file, "test"))
    for file, side in sides:
        if side == "test" and not file.is_file():
            frames.notes.append("no test views: neither transforms_test.json nor transforms_val.json")
            continue
        meta = read_meta(file)
        read_frames(meta, root, file, options, frames, side)
        read.append(file)
        if points is None:
            points, files = named_points(meta, root, options, frames.notes)
            read += files
    if points is None and options.points != "none":
        points, files = _points_beside(root, frames.notes)
        read += files
    return ReaderResult(
        "blender",
        root,
        frames.posed,
        points,
        frames.notes,
        sides=[root],
        listed=frames.listed,
        left_out=frames.left_out,
        read=read,
    )


def _points_beside(root: Path, notes: list[str]) -> tuple[Points | None, list[Path]]:
    """points3d.ply beside the files, unless it holds what 3DGS writes there: 100,000 random points in a cube."""
    file = next((root / name for name in POINT_FILES if (root / name).is_file()), None)
    if file is None:
        return None, []
    points = read_ply_points(file, notes)
    if points is not None and _is_random(points.xyz):
        notes.append(f"the points in {file} are random ones, as 3DGS writes them there, and are not used")
        console.warn(notes[-1])
        return None, [file]
    notes.append(f"points from {file}")
    return points, [file]


def _is_random(xyz: np.ndarray) -> bool:
    reach = np.abs(xyz).max(axis=0) / RANDOM_REACH
    return len(xyz) == RANDOM_POINTS and bool((reach <= 1.0001).all() and (reach > 0.99).all())
