"""The demo's tracks, and what is done to them so that they are wrong in a known way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from splat.capture.colmap.files import read_views
from splat.capture.colmap.tracks import Tracks, read_tracks
from splat.capture.coverage import angles_around, common_up, focus_point

DEMO = Path(__file__).parents[3] / "data" / "demo"
MODEL = DEMO / "sparse" / "0"


def demo_tracks() -> Tracks:
    tracks = read_tracks(MODEL, {})
    assert tracks is not None
    return tracks


def positions(tracks: Tracks) -> np.ndarray:
    """[C, 3] of the cameras."""
    return -np.einsum("cji,cj->ci", tracks.viewmats[:, :3, :3], tracks.viewmats[:, :3, 3])


def around(tracks: Tracks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuths [C] in degrees of the cameras around what they look at, that centre [3] and the vertical [3]."""
    rotations = tracks.viewmats[:, :3, :3]
    up = common_up(rotations.transpose(0, 2, 1))
    centre = focus_point(positions(tracks), rotations[:, 2])
    offsets = positions(tracks) - centre
    return angles_around(offsets / np.linalg.norm(offsets, axis=1)[:, None], up)[0], centre, up


def turn(axis: np.ndarray, degrees: float) -> np.ndarray:
    """[3, 3] about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def with_errors(tracks: Tracks) -> Tracks:
    """With reprojection errors that fit poses and points; the demo's lens is a pinhole."""
    (lens,) = read_views(MODEL).cameras.values()
    viewmats = tracks.viewmats[tracks.photo]
    local = np.einsum("oij,oj->oi", viewmats[:, :3, :3], tracks.xyz[tracks.point]) + viewmats[:, :3, 3]
    K = lens.pinhole()
    assert K is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.linalg.norm(local[:, :2] / local[:, 2:] - tracks.plane, axis=1)
    return replace(tracks, error=np.where(local[:, 2] > 0, K[0, 0] * apart, np.inf).astype(np.float32))


def torn(tracks: Tracks, photos: np.ndarray, keep: np.ndarray | None = None) -> tuple[Tracks, np.ndarray]:
    """Give photos [C] bool points of their own for all that they show, and say which points [P'] bool are theirs.

    Args:
        tracks: to tear.
        photos: that get their own.
        keep: [O] bool observations that stay as they are.
    """
    theirs = photos[tracks.photo] & (True if keep is None else ~keep)
    P = len(tracks.xyz)
    point = np.where(theirs, tracks.point + P, tracks.point)
    order = np.lexsort((point, tracks.photo))
    changed = replace(
        tracks,
        xyz=np.concatenate([tracks.xyz, tracks.xyz]),
        point=point[order].astype(np.int32),
        plane=tracks.plane[order],
        error=tracks.error[order],
    )
    return changed, np.arange(2 * P) >= P


def moved(tracks: Tracks, photos: np.ndarray, points: np.ndarray, matrix: np.ndarray, shift: np.ndarray) -> Tracks:
    """Cameras [C] bool and points [P] bool under X -> matrix X + shift, scaled, turned or mirrored (pictures too)."""
    scale = abs(np.linalg.det(matrix)) ** (1 / 3)
    flip = np.diag([np.sign(np.linalg.det(matrix)), 1.0, 1.0])
    viewmats, plane, xyz = tracks.viewmats.copy(), tracks.plane.copy(), tracks.xyz.copy()
    centres = positions(tracks) @ matrix.T + shift
    for index in np.flatnonzero(photos):
        rotation = flip @ viewmats[index, :3, :3] @ matrix.T / scale
        viewmats[index, :3, :3] = rotation
        viewmats[index, :3, 3] = -rotation @ centres[index]
        plane[tracks.of(int(index)), 0] *= flip[0, 0]
    xyz[points] = xyz[points] @ matrix.T + shift
    return replace(tracks, viewmats=viewmats, plane=plane, xyz=xyz)


def used(tracks: Tracks) -> Tracks:
    """Without points that no photo shows."""
    numbers, point = np.unique(tracks.point, return_inverse=True)
    return replace(tracks, xyz=tracks.xyz[numbers], point=point.astype(np.int32))


def indices(tracks: Tracks, names: Collection[str]) -> np.ndarray:
    """[C] bool, true for the photos of these names."""
    return np.isin(tracks.names, list(names))
