"""Writing a COLMAP model of photos whose cameras are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from splat.capture.reader_result import PosedPhoto
from splat.capture.types import Points


def write_colmap(folder: Path, photos: Mapping[str, PosedPhoto], points: Points | None = None) -> None:
    """Write cameras.bin, images.bin and points3D.bin; points come without the photos that see them.

    Args:
        folder: is made.
        photos: by the names that they have in the model.
        points: in the same frame.
    """
    import pycolmap

    model = pycolmap.Reconstruction()
    numbers: dict[object, int] = {}
    for number, (name, photo) in enumerate(photos.items(), start=1):
        if photo.lens not in numbers:
            numbers[photo.lens] = len(numbers) + 1
            model.add_camera_with_trivial_rig(photo.lens.colmap(numbers[photo.lens]))
        image = pycolmap.Image(name=name, camera_id=numbers[photo.lens], image_id=number)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(np.ascontiguousarray(photo.viewmat[:3])))
    if points is not None:
        for xyz, rgb in zip(points.xyz, points.rgb):
            model.add_point3D(xyz, pycolmap.Track(), rgb)
    folder.mkdir(parents=True, exist_ok=True)
    model.write_binary(str(folder))
