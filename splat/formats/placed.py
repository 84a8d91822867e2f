"""Gaussians that lie in parts, each moved by a similarity: what glTF's nodes and USD's prims have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splat.errors import SplatError
from splat.formats.common import gaussians_from_numpy
from splat.formats.positions import near_zero
from splat.formats.scene_file import Origin, Up
from splat.gaussians import Gaussians

HALF_TURN = np.diag([1.0, -1.0, -1.0, 1.0])  # about x: from y up, z back to PLY's y down, z front, and back
_FROM_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
_EVEN = 1e-3  # relative: how far a scale may be from uniform


@dataclass(frozen=True)
class Part:
    """Some Gaussians and where they stand."""

    where: str  # the file and the place in it, for messages
    matrix: np.ndarray  # [4, 4] float64, x' = matrix @ x, into PLY's axes
    means: np.ndarray  # [N, 3]
    quats: np.ndarray  # [N, 4] wxyz, of any length
    scales: np.ndarray  # [N, 3] logarithms
    opacities: np.ndarray  # [N] logits
    sh0: np.ndarray  # [N, 3]
    shN: np.ndarray  # [N, K-1, 3]


def assemble(parts: Sequence[Part]) -> tuple[Gaussians, Origin, list[str]]:
    """One scene of the parts, at least one, in their order; colours turn along.

    Returns:
        The Gaussians; the origin that float32 makes necessary (see `positions.near_zero`); remarks for people.

    Raises:
        SplatError: when a matrix is no similarity.
    """
    for part in parts:
        _check_similarity(part)
    whole = Gaussians.cat([_turned(part) for part in parts])
    means = np.concatenate([_means(part) for part in parts])
    if (means == means.astype(np.float32)).all():
        means = means.astype(np.float32)
    means, origin, remarks = near_zero(means, whole.scales.numpy())
    return whole.replace(means=torch.from_numpy(np.ascontiguousarray(means))), origin, remarks


def to_y_up(up: Up) -> np.ndarray:
    """[4, 4] float64: the rotation of a scene into y up, z back."""
    return _FROM_Z_UP if up == "z" else HALF_TURN


def turned_origin(origin: Origin, matrix: np.ndarray) -> Origin:
    """An origin after a rotation [4, 4]."""
    x, y, z = (matrix[:3, :3] @ np.array(origin) + 0.0).tolist()  # no -0
    return (x, y, z)


def _check_similarity(part: Part) -> None:
    """
    Raises:
        SplatError: unless the matrix is a rotation, one scale above zero and a translation.
    """
    upper = part.matrix[:3, :3]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        size = np.cbrt(np.linalg.det(upper)) if np.isfinite(part.matrix).all() else np.nan
        even = bool(size > 0 and np.abs(upper.T @ upper / size**2 - np.eye(3)).max() <= _EVEN)
    if not even or not 1e-30 < size < 1e30 or np.abs(part.matrix[3] - [0, 0, 0, 1]).max() > 1e-9:
        raise SplatError(
            f"{part.where} is stretched unevenly, mirrored or has no size, which Gaussians cannot follow with their "
            "colours; apply the transform in the program that made the file"
        )


def _turned(part: Part) -> Gaussians:
    """Turned and scaled; where they stand is `_means`'s."""
    local = gaussians_from_numpy(part.means, part.quats, part.scales, part.opacities, part.sh0, part.shN)
    matrix = part.matrix.copy()
    matrix[:3, 3] = 0
    return local.transformed(torch.from_numpy(matrix))


def _means(part: Part) -> np.ndarray:
    """[N, 3] float64."""
    with np.errstate(invalid="ignore", over="ignore"):
        means: np.ndarray = part.means.astype(np.float64) @ part.matrix[:3, :3].T + part.matrix[:3, 3]
    return means
