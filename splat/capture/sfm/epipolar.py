"""How well known poses fit the matches between their photos, before any point is made of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from splat.capture.sfm.colmap import quiet_colmap
from splat.capture.types import PoseFit

SAMPLE = 200  # matches of a pair that count
FEWEST = 50  # matches that make a measurement


def matches_fit(database: Path, model: Any) -> PoseFit | None:
    """The median distance of matches from their epipolar lines (Sampson's), by the poses of a model; None: too few.

    Matches are those that fit one motion between their two photos, whatever it is, so nothing of the poses is in them.

    Args:
        database: with features and verified matches.
        model: a pycolmap.Reconstruction with lenses and poses, whose images have the database's numbers.
    """
    pycolmap = quiet_colmap()
    rays: dict[int, np.ndarray] = {}
    errors = []
    with pycolmap.Database.open(str(database)) as opened:
        pairs, geometries = opened.read_two_view_geometries()
        for pair, geometry in zip(pairs, geometries):
            one, two = pycolmap.pair_id_to_image_pair(pair)
            matches = geometry.inlier_matches
            if len(matches) == 0:
                continue
            for number in (one, two):
                if number not in rays:
                    rays[number] = _rays(model, number, opened.read_keypoints(number))
            some = matches[:: max(1, len(matches) // SAMPLE)]
            focal = np.mean([model.camera(model.image(number).camera_id).mean_focal_length() for number in (one, two)])
            errors.append(focal * _sampson(model, one, two, rays[one][some[:, 0]], rays[two][some[:, 1]]))
    found = np.concatenate(errors) if errors else np.zeros(0)
    found = found[np.isfinite(found)]
    if len(found) < FEWEST:
        return None
    sides = [max(camera.width, camera.height) for camera in model.cameras.values()]
    return PoseFit(float(np.median(found)), int(np.median(sides)), 2.0)


def _rays(model: Any, number: int, keypoints: np.ndarray) -> np.ndarray:
    """[K, 3] directions of depth 1 in the camera's frame."""
    camera = model.camera(model.image(number).camera_id)
    plane = np.asarray(camera.cam_from_img(np.ascontiguousarray(keypoints[:, :2], np.float64)), np.float64)
    return np.concatenate([plane[:, :2], np.ones((len(plane), 1))], axis=1)


def _sampson(model: Any, one: int, two: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[M] Sampson's distances of matched rays [M, 3] at depth 1 (Hartley and Zisserman, section 11.4.3)."""
    motion = model.image(two).cam_from_world() * model.image(one).cam_from_world().inverse()
    x, y, z = motion.translation
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ motion.rotation.matrix()
    lines, back = first @ essential.T, second @ essential
    size = np.sqrt((lines[:, :2] ** 2).sum(1) + (back[:, :2] ** 2).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        distances: np.ndarray = np.abs((second * lines).sum(1)) / size
    return distances
