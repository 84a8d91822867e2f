"""A COLMAP sparse model with exact poses and points as structure from motion would have found them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splat.files import atomic_path
from tools.demo_world.cameras import View
from tools.demo_world.mesh import normalized

PINHOLE = 1  # COLMAP's model id: fx, fy, cx, cy


@dataclass(frozen=True)
class SparseModel:
    """Triangulated points and the pixels that saw them."""

    xyz: np.ndarray  # [P, 3] float64
    rgb: np.ndarray  # [P, 3] uint8
    error: np.ndarray  # [P] float64, mean reprojection error in pixels
    point: np.ndarray  # [O] index of the observed point
    view: np.ndarray  # [O] index of the observing view
    xy: np.ndarray  # [O, 2] float64, where it was seen, pixels


def sparse_points(
    views: list[View],
    images: list[np.ndarray],
    depths: list[np.ndarray],
    seed: int,
    corners_per_view: int = 320,
    noise_px: float = 0.5,
    outliers: float = 0.015,
) -> SparseModel:
    """Find corners in the images, track them through the views that see them, and triangulate the noisy tracks.

    Args:
        images: [H, W, 3] uint8 RGB; depths: [H, W] metres along the axis, of the same views.
        noise_px: standard deviation of an observation in each direction, pixels.
        outliers: share of points whose track is a mismatch, so that the point lies in front of or behind the surface.
    """
    rng = np.random.default_rng(seed)
    truth, color, source = _corner_points(views, images, depths, corners_per_view)
    wrong = rng.random(len(truth)) < outliers
    centres = np.stack([view.position for view in views])
    away = truth - centres[source]
    stretch = np.where(wrong, np.exp(rng.uniform(0.05, 0.25, len(truth)) * rng.choice([-1, 1], len(truth))), 1.0)
    seen_as = centres[source] + away * stretch[:, None]
    point, view, xy = _tracks(views, depths, truth, seen_as, source, wrong, rng)
    xy = xy + rng.normal(0, noise_px, xy.shape)
    xyz = _triangulate(views, point, view, xy, len(truth))
    residual = np.empty(len(point))
    for k, camera in enumerate(views):
        chosen = view == k
        residual[chosen] = np.linalg.norm(camera.project(xyz[point[chosen]])[0] - xy[chosen], axis=1)
    length = np.bincount(point, minlength=len(truth))
    worst = np.zeros(len(truth))
    np.maximum.at(worst, point, residual)
    keep = (length >= 3) & (worst < 4.0) & np.isfinite(xyz).all(1)  # COLMAP's filter: four pixels
    number = np.cumsum(keep) - 1
    of_kept = keep[point]
    error = np.bincount(point, residual, len(truth)) / np.maximum(length, 1)
    return SparseModel(xyz[keep], color[keep], error[keep], number[point[of_kept]], view[of_kept], xy[of_kept])


def _corner_points(
    views: list[View], images: list[np.ndarray], depths: list[np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points under strong corners of each image, one for each cell of 5 mm; colours; the view that found them."""
    import cv2

    points, colors, source = [], [], []
    for number, (view, image, depth) in enumerate(zip(views, images, depths)):
        found = cv2.goodFeaturesToTrack(_even_contrast(image), count, 0.01, 4)
        if found is None:
            continue
        pixel = np.round(found.reshape(-1, 2)).astype(int)
        low, high = cv2.erode(depth, np.ones((5, 5))), cv2.dilate(depth, np.ones((5, 5)))
        at = pixel[:, 1], pixel[:, 0]
        steady = (high[at] < 1.04 * low[at]) & (low[at] > 0)  # corners across an outline move with the view
        pixel = pixel[steady]
        points.append(view.unproject(pixel + 0.5, depth[pixel[:, 1], pixel[:, 0]].astype(np.float64)))
        colors.append(image[pixel[:, 1], pixel[:, 0]])
        source.append(np.full(len(pixel), number))
    xyz = np.concatenate(points)
    _, first = np.unique(np.floor(xyz / 0.005).astype(np.int64), axis=0, return_index=True)
    first.sort()
    return xyz[first], np.concatenate(colors)[first], np.concatenate(source)[first]


def _even_contrast(image: np.ndarray) -> np.ndarray:
    """Grey values [H, W] float32 relative to their surroundings, so that faint patterns count too, as for SIFT."""
    import cv2

    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    mean = cv2.GaussianBlur(gray, (0, 0), 12)
    deviation = np.sqrt(np.maximum(cv2.GaussianBlur(gray**2, (0, 0), 12) - mean**2, 0))
    return (gray - mean) / (deviation + 8)


def _tracks(
    views: list[View],
    depths: list[np.ndarray],
    truth: np.ndarray,
    seen_as: np.ndarray,
    source: np.ndarray,
    wrong: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observations (point, view, pixel): views that see the point from within 40 degrees, most of them, at most 7."""
    centres = np.stack([view.position for view in views])
    direction = normalized(truth[:, None] - centres[None])  # [P, V, 3]
    aligned = np.einsum("pvk,pk->pv", direction, direction[np.arange(len(truth)), source])
    visible = np.zeros((len(truth), len(views)), bool)
    where = np.zeros((len(truth), len(views), 2))
    for k, (view, depth) in enumerate(zip(views, depths)):
        xy, z = view.project(truth)
        inside = (z > 0.1) & (xy > 1).all(1) & (xy < np.array([view.width - 1, view.height - 1])).all(1)
        column, row = np.floor(np.where(inside[:, None], xy, 0)).astype(int).T
        visible[:, k] = inside & (np.abs(depth[row, column] - z) < 0.02 * z)
        where[:, k] = view.project(seen_as)[0]
    limit = np.cos(np.radians(np.where(wrong, 12.0, 40.0)))[:, None]
    chance = rng.random(visible.shape) + 0.5 * (1 - aligned)
    candidates = visible & (aligned > limit) & (chance < 0.75)
    candidates[np.arange(len(truth)), source] = True
    chance[np.arange(len(truth)), source] = -1.0
    order = np.argsort(np.where(candidates, chance, 9.0), axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(views))[None].repeat(len(truth), 0), 1)
    most = np.where(wrong, 3, 7)[:, None]
    point, view_index = np.nonzero(candidates & (rank < most))
    return point, view_index, where[point, view_index]


def _triangulate(views: list[View], point: np.ndarray, view: np.ndarray, xy: np.ndarray, count: int) -> np.ndarray:
    """[count, 3] points nearest to their viewing rays in the least-squares sense, rays weighted by 1/distance^2."""
    rays = np.empty((len(point), 3))
    for k, camera in enumerate(views):
        chosen = view == k
        rays[chosen] = normalized(camera.unproject(xy[chosen], np.ones(int(chosen.sum()))) - camera.position)
    centres = np.stack([camera.position for camera in views])[view]
    projector = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    weight = np.ones(len(point))
    xyz: np.ndarray = np.zeros((count, 3))
    for _ in range(2):  # the second round weighs by the distance found in the first
        A, b = np.zeros((count, 3, 3)), np.zeros((count, 3))
        np.add.at(A, point, weight[:, None, None] * projector)
        np.add.at(b, point, weight[:, None] * np.einsum("oij,oj->oi", projector, centres))
        short = np.bincount(point, minlength=count) < 2
        A[short] = np.eye(3)
        xyz = np.linalg.solve(A, b[..., None])[..., 0]
        weight = 1 / np.maximum(((xyz[point] - centres) ** 2).sum(1), 1e-4)
    return xyz


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """[4] wxyz of a rotation matrix, w >= 0."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    return np.array([w, x, y, z]) * (1.0 if w >= 0 else -1.0)


def write_model(folder: Path, views: list[View], names: list[str], model: SparseModel) -> None:
    """Write cameras.bin, images.bin and points3D.bin (COLMAP's binary format; ids count from 1)."""
    first = views[0]
    with atomic_path(folder / "cameras.bin") as path:
        intrinsics = (first.focal, first.focal, first.width / 2, first.height / 2)
        path.write_bytes(
            struct.pack("<Q", 1) + struct.pack("<iiQQ4d", 1, PINHOLE, first.width, first.height, *intrinsics)
        )
    order = np.lexsort((model.point, model.view))
    slot = np.empty(len(order), np.int64)  # place of each observation in its image's list
    chunks = [struct.pack("<Q", len(views))]
    for k, (view, name) in enumerate(zip(views, names)):
        mine = order[model.view[order] == k]
        slot[mine] = np.arange(len(mine))
        chunks.append(struct.pack("<I7dI", k + 1, *quaternion(view.rotation), *view.translation, 1))
        chunks.append(name.encode() + b"\0" + struct.pack("<Q", len(mine)))
        seen = np.zeros(len(mine), np.dtype([("xy", "<f8", 2), ("point", "<i8")]))
        seen["xy"], seen["point"] = model.xy[mine], model.point[mine] + 1
        chunks.append(seen.tobytes())
    with atomic_path(folder / "images.bin") as path:
        path.write_bytes(b"".join(chunks))
    by_point = np.lexsort((model.view, model.point))
    starts = np.searchsorted(model.point[by_point], np.arange(len(model.xyz) + 1))
    pairs = np.stack([model.view[by_point] + 1, slot[by_point]], 1).astype("<u4")
    chunks = [struct.pack("<Q", len(model.xyz))]
    for p in range(len(model.xyz)):
        track = pairs[starts[p] : starts[p + 1]]
        chunks.append(struct.pack("<Q3d3BdQ", p + 1, *model.xyz[p], *model.rgb[p].tolist(), model.error[p], len(track)))
        chunks.append(track.tobytes())
    with atomic_path(folder / "points3D.bin") as path:
        path.write_bytes(b"".join(chunks))
