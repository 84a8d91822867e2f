"""Points with colours from a .ply file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.capture.types import Points
from splat.errors import SplatError


def read_ply_points(path: Path) -> Points | None:
    """Points of a .ply; mid-grey where it has no colours; None where it has no finite point.

    Raises:
        SplatError: not a readable .ply with x, y, z.
    """
    import plyfile

    try:
        vertex = plyfile.PlyData.read(str(path))["vertex"]
        xyz = np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], axis=1)
        names = {prop.name for prop in vertex.properties}
    except (OSError, ValueError, KeyError, plyfile.PlyParseError) as error:
        raise SplatError(f"cannot read the points {path}; they must be a .ply with x, y, z") from error
    finite = np.isfinite(xyz).all(axis=1)
    if not finite.any():
        return None
    rgb = np.full(xyz.shape, 128, np.uint8)
    for colours in (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue")):
        if names.issuperset(colours):
            values = np.stack([np.asarray(vertex[colour]) for colour in colours], axis=1)
            if values.dtype.kind == "f":  # Open3D-style 0..1
                values = np.clip(np.rint(values * (255.0 if values.max(initial=0.0) <= 1.0 else 1.0)), 0, 255)
            rgb = values.astype(np.uint8)
            break
    return Points(xyz[finite], rgb[finite])
