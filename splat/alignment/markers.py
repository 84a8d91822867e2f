"""The length of ArUco markers in a scene, from the photos that show them."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from splat.cameras import Camera
from splat.console import count, info, progress
from splat.errors import SplatError
from splat.frame import Agreement
from splat.options import wrong_choice
from splat.run import Run

MISSED = 2.0  # pixels that a corner may lie beside its image, the root mean square over the photos
NARROW = 1e-3  # least over largest eigenvalue of the rays' normals: below it they are nearly parallel


def units_of_markers(run: Run, dictionary: str, length: float) -> tuple[float, Agreement]:
    """Length of the sides of the markers in units of the scene, the median; and how it fits, in metres.

    Args:
        run: with its photos.
        dictionary: OpenCV's name, DICT_4X4_50 for example.
        length: of a side, in metres.

    Raises:
        SplatError: no such dictionary, or no marker that two photos show well.
    """
    corners = _seen_corners(run, dictionary)
    sides, names = [], []
    for marker, views in sorted(corners.items()):
        found = triangulated(views) if len(views) > 1 else None
        if found is None:
            continue
        sides += np.linalg.norm(found - np.roll(found, 1, axis=0), axis=1).tolist()
        names += [f"marker {marker}, side {number}" for number in range(1, 5)]
    if not sides:
        raise SplatError(
            f"no marker of {dictionary} is seen well in two photos ({count(len(corners), 'marker')} seen at all); is it"
            " that dictionary=?"
        )
    if 4 * len(corners) > len(sides):
        info(f"{len(corners) - len(sides) // 4} of {count(len(corners), 'marker')} seen too rarely or poorly, not used")
    units = float(np.median(sides))
    distances = np.abs(np.array(sides) / units - 1) * length
    return units, Agreement.of_distances("sides of markers", distances, np.ones(len(sides), bool), names)


def _seen_corners(run: Run, dictionary: str) -> dict[int, list[tuple[Camera, np.ndarray]]]:
    """Corners [4, 2] in pixels of every marker in every photo that shows it."""
    known = [name for name in dir(cv2.aruco) if name.startswith("DICT_")]
    if dictionary not in known:
        raise SplatError(wrong_choice("dictionary", dictionary, known))
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary)), _precise())
    capture = run.capture()
    found: dict[int, list[tuple[Camera, np.ndarray]]] = {}
    with progress("Looking for markers", len(capture.frames), unit="photo") as bar:
        for index, frame in enumerate(capture.frames):
            corners, numbers, _ = detector.detectMarkers(cv2.cvtColor(capture.images.image(index), cv2.COLOR_RGB2GRAY))
            for number, places in zip([] if numbers is None else numbers.ravel().tolist(), corners):
                found.setdefault(number, []).append((frame.camera, places.reshape(4, 2) + 0.5))  # centres of pixels
            bar.advance()
    return found


def _precise() -> cv2.aruco.DetectorParameters:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return parameters


def triangulated(views: list[tuple[Camera, np.ndarray]]) -> np.ndarray | None:
    """[4, 3] float64 the points nearest to the rays through pixels [4, 2] of several cameras.

    None where the rays are nearly parallel or pass each other by.
    """
    corners = []
    for corner in range(4):
        normal, right = np.zeros((3, 3)), np.zeros(3)
        for camera, pixels in views:
            ray = camera.rays(torch.from_numpy(pixels[corner : corner + 1].astype(np.float64)))[0].numpy()
            across = np.eye(3) - np.outer(ray, ray) / (ray @ ray)
            normal += across
            right += across @ camera.position.numpy()
        values = np.linalg.eigvalsh(normal)
        if values[0] < NARROW * values[2]:
            return None
        corners.append(np.linalg.solve(normal, right))
    points = np.stack(corners)
    missed = [camera.project(torch.from_numpy(points))[0].numpy() - pixels for camera, pixels in views]
    return points if np.sqrt((np.stack(missed) ** 2).sum(axis=-1).mean()) <= MISSED else None
