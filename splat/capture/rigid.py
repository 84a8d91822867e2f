"""Poses as other programs write them, as world-to-camera matrices with OpenCV axes (x right, y down, z forward)."""

from __future__ import annotations

import numpy as np

from splat.capture.types import FARTHEST


def viewmat_of_camera(rotation: np.ndarray, centre: np.ndarray) -> np.ndarray | None:
    """[4, 4] float64 world to camera, from where a camera stands and how it is turned.

    Args:
        rotation: [3, 3] whose columns are the camera's right, down and forward in the world; a scale is removed.
        centre: [3] of the camera, in the world.

    Returns:
        None where a value is missing, not finite or absurdly far out, or the rotation is singular or mirrored.
    """
    turned = nearest_rotation(rotation)
    if turned is None or not (np.abs(centre) < FARTHEST).all():  # false for NaN
        return None
    viewmat = np.eye(4)
    viewmat[:3, :3] = turned.T
    viewmat[:3, 3] = -turned.T @ centre
    return viewmat


def viewmat_of_world(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray | None:
    """[4, 4] float64 from a world-to-camera rotation [3, 3] and translation [3]; None as above."""
    turned = nearest_rotation(rotation)
    if turned is None or not (np.abs(translation) < FARTHEST).all():
        return None
    viewmat = np.eye(4)
    viewmat[:3, :3] = turned
    viewmat[:3, 3] = translation
    return viewmat


def nearest_rotation(matrix: np.ndarray) -> np.ndarray | None:
    """The rotation nearest to a matrix [3, 3], which may be scaled; None where it is singular, mirrored or NaN."""
    if not (np.abs(matrix) < FARTHEST).all():
        return None
    with np.errstate(all="ignore"):
        determinant = np.linalg.det(matrix)
    if not (np.isfinite(determinant) and determinant > 1e-12):
        return None
    if np.abs(matrix.T @ matrix - np.eye(3)).max() <= 1e-6:  # as it was written
        return matrix
    try:
        U, _, Vt = np.linalg.svd(matrix)
    except np.linalg.LinAlgError:
        return None
    rotation: np.ndarray = U @ Vt
    return rotation


def quaternion_matrix(w: float, x: float, y: float, z: float) -> np.ndarray:
    """[3, 3] rotation of a quaternion of any length; NaN where it is none."""
    quaternion = np.array([w, x, y, z], np.float64)
    with np.errstate(all="ignore"):
        length = np.linalg.norm(quaternion)
        if not (np.isfinite(length) and length > 0):
            return np.full((3, 3), np.nan)
        w, x, y, z = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
