"""How well the cameras of a COLMAP model fit its points, whoever wrote the model and whatever its error fields say."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from splat.capture.colmap import binary, text
from splat.capture.colmap.files import read_model
from splat.capture.colmap.model import ModelImage
from splat.capture.lens import Lens
from splat.capture.names import printable
from splat.capture.types import PoseFit

SAMPLE = 500  # observations of an image that are projected
FEWEST = 50  # observations that make a measurement


def model_fit(folder: Path, names: Collection[str]) -> PoseFit | None:
    """What a model says of cameras of its own; None where it has no points or no observations of them.

    Args:
        folder: of the model.
        names: of the photos whose cameras are asked about; the others are not looked at.

    Raises:
        SplatError: a missing or damaged file.
    """
    model = read_model(folder)
    kind, suffix = (binary, ".bin") if model.files[0].suffix == ".bin" else (text, ".txt")
    points = folder / f"points3D{suffix}"
    if not points.is_file():
        return None
    ids, xyz = kind.read_places(points)
    if len(ids) == 0:
        return None
    order = np.argsort(ids, kind="stable")
    ids, xyz = ids[order], xyz[order]
    errors, views, sides = [], np.zeros(len(ids), np.int64), []
    for number, (xy, seen) in kind.read_keypoints(folder / f"images{suffix}").items():
        if printable(model.images[number].name) not in names:
            continue
        rows = np.searchsorted(ids, seen).clip(max=len(ids) - 1)
        known = ids[rows] == seen
        views += np.bincount(np.unique(rows[known]), minlength=len(ids))
        image = model.images[number]
        if known.any() and image.has_pose:
            lens = model.cameras[image.camera_id]
            some = np.flatnonzero(known)[:: max(1, int(known.sum()) // SAMPLE)]
            found = pixel_errors(image, lens, xyz[rows[some]], xy[some])
            errors.append(found)
            sides.append(np.full(len(found), max(lens.width, lens.height)))
    several = views[views > 0]
    if len(several) == 0 or sum(map(len, errors)) < FEWEST:
        return None
    return PoseFit(
        float(np.median(np.concatenate(errors))),
        int(np.median(np.concatenate(sides))),
        float(several.mean()),
    )


def pixel_errors(image: ModelImage, lens: Lens, xyz: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """[M] distances in pixels between points where they are seen and should be seen; infinite behind the camera."""
    local = xyz @ image.viewmat[:3, :3].T + image.viewmat[:3, 3]
    pixels = np.full((len(local), 2), np.inf)
    front = local[:, 2] > 0
    if front.any():
        pixels[front] = lens.colmap().img_from_cam(local[front])
    with np.errstate(invalid="ignore"):
        distance = np.linalg.norm(pixels - xy, axis=1)
    return np.where(np.isfinite(distance), distance, np.inf)
