"""Record3D's export of photos: metadata.json with rgb/0.jpg, rgb/1.jpg, …"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture
from splat.capture.numbers import floats, number, sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import quaternion_matrix, viewmat_of_camera
from splat.errors import SplatError
from splat.files import read_json

FILES = ("metadata.json", "metadata")
PHOTOS = "rgb"


def record3d_file(root: Path) -> Path | None:
    """The file of an export at `root`, beside which the photos lie in rgb/; None where it is none."""
    if not (root / PHOTOS).is_dir():
        return None
    return next((root / name for name in FILES if (root / name).is_file()), None)


def read_record3d(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read an export; its world is ARKit's: y up, in metres.

    Raises:
        SplatError: no such export, or a value that cannot be read.
    """
    file = path if path.is_file() else record3d_file(path)
    if file is None:
        raise SplatError(f"{path} is no export of Record3D; expected metadata.json beside rgb/")
    root = file.parent
    meta = read_json(file)
    if not isinstance(meta, dict) or not isinstance(meta.get("poses"), list):
        raise SplatError(f"{file} has no list of poses; it is no metadata.json of Record3D")
    photos = [
        ListedPhoto(f"{index}.jpg", _viewmat(pose, f"pose {index} of {file}"), lens)
        for index, (pose, lens) in enumerate(zip(meta["poses"], _lenses(meta, len(meta["poses"]), file)))
    ]
    per_frame = bool(meta.get("perFrameIntrinsicCoeffs"))
    notes = [] if per_frame else [f"{file.name} has one calibration for all photos (that of the first)"]
    folder = root / PHOTOS
    listed = PhotoList("record3d", file, photos, [folder], notes=notes, anywhere=not folder.is_dir())
    return listed_capture(root, listed, options)


def _viewmat(pose: Any, where: str) -> np.ndarray | None:
    """From the camera's rotation as a quaternion x, y, z, w and its place; axes as OpenGL's: x right, y up, z back."""
    values = floats(pose, 7, where)
    return viewmat_of_camera(quaternion_matrix(values[3], *values[:3]) * np.array([1.0, -1.0, -1.0]), values[4:])


def _lenses(meta: Mapping[str, Any], count: int, file: Path) -> list[Lens]:
    """The lens of each photo: its own, for the principal point moves with the stabiliser, else that of all."""
    width, height = number(meta, "w", str(file)), number(meta, "h", str(file))
    own = meta.get("perFrameIntrinsicCoeffs")
    if own:
        if not isinstance(own, list) or len(own) != count:
            raise SplatError(f"perFrameIntrinsicCoeffs of {file} must have one entry a pose ({count}); export again")
        where = f"perFrameIntrinsicCoeffs of {file}"
        return [sized_lens("PINHOLE", floats(each, 4, where), width, height, where) for each in own]
    K = floats(meta.get("K"), 9, f"K of {file}")
    if K[2] or K[5] or not (0 < K[6] < width and 0 < K[7] < height):  # it is written column by column
        size = f"{width:g}x{height:g} pixels"
        raise SplatError(f"K of {file} is no calibration of {size}, column by column; fix the file or export it again")
    return [sized_lens("PINHOLE", (K[0], K[4], K[6], K[7]), width, height, f"K of {file}")] * count
