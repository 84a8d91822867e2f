"""Points with colours from a .ply file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import plyfile

from splat.capture.types import FARTHEST, Points
from splat.errors import SplatError
from splat.files import atomic_path
from splat.sh import SH_C0

HEADER_BYTES = 65_536  # in which a header is looked for
SH0 = ("f_dc_0", "f_dc_1", "f_dc_2")  # colours of a scene of Gaussians
ORIGIN = "points: "  # comment of the files that runs hold


def write_ply_points(path: Path, points: Points) -> None:
    """Write points as a binary .ply with coordinates in 64 bits, so that they come back as they are.

    Raises:
        SplatError: when the disk refuses.
    """
    kinds = [*((axis, "<f8") for axis in "xyz"), *((color, "u1") for color in ("red", "green", "blue"))]
    rows = np.empty(len(points.xyz), kinds)
    for column, (name, _) in enumerate(kinds):
        rows[name] = points.xyz[:, column] if column < 3 else points.rgb[:, column - 3]
    element = plyfile.PlyElement.describe(rows, "vertex", comments=[ORIGIN + points.origin])
    with atomic_path(path) as temporary:
        plyfile.PlyData([element], byte_order="<").write(str(temporary))


def recorded_points(path: Path) -> Points | None:
    """What `write_ply_points` wrote, with where the points came from; None where there is no file.

    Raises:
        SplatError: when it is damaged.
    """
    if not path.is_file() or (points := read_ply_points(path)) is None:
        return None
    comments = plyfile.PlyData.read(str(path))["vertex"].comments
    triangulated = f"{ORIGIN}triangulated" in comments
    return Points(points.xyz, points.rgb, "triangulated" if triangulated else "capture")


def read_ply_points(path: Path, notes: list[str] | None = None) -> Points | None:
    """Points of a .ply; mid-grey where it has no colours; None where it has no finite point.

    Args:
        path: the file.
        notes: gets what is to be said about it.

    Raises:
        SplatError: not a readable .ply with x, y, z.
    """
    _check_counts(path)
    try:
        vertex = plyfile.PlyData.read(str(path))["vertex"]
        xyz = np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], axis=1)
        names = {prop.name for prop in vertex.properties}
    except (OSError, ValueError, KeyError, OverflowError, IndexError, plyfile.PlyParseError) as error:
        raise SplatError(f"cannot read the points {path}; they must be a .ply with x, y, z") from error
    finite = (np.abs(xyz) < FARTHEST).all(axis=1)  # false for NaN
    if not finite.any():
        return None
    if notes is not None and not finite.all():
        notes.append(f"{(~finite).sum():,} of {len(xyz):,} points of {path.name} have no finite place and are left out")
    for colors in (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue")):
        if names.issuperset(colors):
            return Points(xyz[finite], _eight_bits(np.stack([vertex[color] for color in colors], axis=1)[finite]))
    if names.issuperset(SH0):  # a scene of Gaussians
        sh0 = np.stack([np.asarray(vertex[name], np.float64) for name in SH0], axis=1)[finite]
        return Points(xyz[finite], _eight_bits(np.nan_to_num(sh0) * SH_C0 + 0.5, top=1.0))
    if notes is not None:
        notes.append(f"the points of {path.name} have no colours and begin mid-grey")
    return Points(xyz[finite], np.full((int(finite.sum()), 3), 128, np.uint8))


def _eight_bits(colors: np.ndarray, top: float | None = None) -> np.ndarray:
    """[P, 3] uint8 of colours that reach to `top`: where that is not known, to 1 (floats), 255 or, if beyond, 65535."""
    values = np.nan_to_num(colors.astype(np.float64))
    if top is None:
        most = values.max(initial=0.0)
        top = 1.0 if colors.dtype.kind == "f" and most <= 1.001 else 255.0 if most <= 255.5 else 65535.0
    return np.clip(np.rint(values * (255.0 / top)), 0, 255).astype(np.uint8)


def _check_counts(path: Path) -> None:
    """Refuse a file whose header announces more entries than it has bytes: memory for all of them is taken first.

    Raises:
        SplatError: naming the file.
    """
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES).partition(b"end_header")[0]
            size = path.stat().st_size
    except OSError as error:
        raise SplatError(f"cannot read the points {path}: {error.strerror}") from error
    for count in re.findall(rb"^element\s+\S+\s+(\d+)", header, re.MULTILINE):
        if len(count) > 18 or int(count) > size:
            raise SplatError(f"{path} is damaged: it announces {count[:20].decode()} entries, more than it has bytes")
