"""Depth of a view from its neighbours by a plane sweep (Collins, A space-sweep approach, CVPR 1996)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from splat.cameras import Camera

TRUNCATED = 0.15  # differences of brightness beyond this count as this: weather and what only one view sees
WINDOW = 9  # pixels over which differences are averaged
LOCAL = 31  # pixels whose mean brightness is taken off first: exposure and light differ between photos


@dataclass(frozen=True)
class SweepView:
    """One picture with its camera, at the working size."""

    picture: np.ndarray  # [h, w] float32 0..1 brightness
    camera: Camera

    @property
    def K(self) -> np.ndarray:
        """[3, 3]."""
        return self.camera.K.numpy()

    @property
    def viewmat(self) -> np.ndarray:
        """[4, 4] world to camera."""
        return self.camera.viewmat.numpy()

    def without_mean(self) -> np.ndarray:
        """The picture less its local mean."""
        return self.picture - cv2.blur(self.picture, (LOCAL, LOCAL))


def neighbour_order(viewmats: np.ndarray, index: int) -> np.ndarray:
    """The other views [C - 1], those that see most of the same first: near and looking the same way."""
    rotations = viewmats[:, :3, :3]
    positions = -np.einsum("cji,cj->ci", rotations, viewmats[:, :3, 3])
    distances = np.linalg.norm(positions - positions[index], axis=1)
    spread = np.median(np.linalg.norm(positions[:, None] - positions[None], axis=2))
    turns = np.arccos(np.clip(rotations[:, 2] @ rotations[index, 2], -1.0, 1.0))
    cost = distances / max(float(spread), 1e-12) + turns / np.pi * 4.0
    cost[turns > np.radians(60)] = np.inf
    order = np.argsort(cost, kind="stable")
    return order[(order != index) & np.isfinite(cost[order])]


def depth_range(view: SweepView, points: np.ndarray | None, others: list[SweepView]) -> tuple[float, float]:
    """Nearest and farthest depth to try: of the points [P, 3] that it shows, else from the distance between cameras."""
    if points is not None and len(points):
        pixels, depth = view.camera.project(torch.from_numpy(points))
        seen = depth[(depth > 0) & view.camera.contains(pixels)]
        if len(seen) >= 8:
            near, far = np.percentile(seen.numpy(), (1, 99))
            return 0.75 * float(near), 1.5 * float(far)
    steps = [float((other.camera.position - view.camera.position).norm()) for other in others]
    step = float(np.median(steps)) or 1.0
    return step, 200.0 * step


def plane_homography(view: SweepView, other: SweepView, depth: float) -> np.ndarray:
    """[3, 3] from pixels of `view` to those of `other` for points at that depth (pixel centres at index + 0.5)."""
    relative = other.viewmat @ np.linalg.inv(view.viewmat)
    rotation, shift = relative[:3, :3], relative[:3, 3]
    normal = np.array([0.0, 0.0, 1.0])
    homography = other.K @ (rotation + np.outer(shift, normal) / depth) @ np.linalg.inv(view.K)
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    return np.linalg.inv(half) @ homography @ half  # between pixel indices, as OpenCV counts


def sweep(view: SweepView, others: list[SweepView], near: float, far: float, planes: int) -> np.ndarray:
    """[h, w] float32 depth: at each pixel that plane at which the better half of the neighbours fits best.

    Planes are evenly spaced in 1 / depth, which is even in pixels.
    """
    own = view.without_mean()
    pictures = [other.without_mean() for other in others]
    size = own.shape[1::-1]
    best = np.full(own.shape, np.inf, np.float32)
    inverse = np.zeros(own.shape, np.float32)
    half = max(1, (len(others) + 1) // 2)
    for value in np.linspace(1 / near, 1 / far, planes):
        costs = []
        for other, picture in zip(others, pictures):
            homography = plane_homography(view, other, 1 / value)
            warped = cv2.warpPerspective(
                picture, homography, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=10.0
            )
            costs.append(cv2.blur(np.minimum(np.abs(warped - own), TRUNCATED), (WINDOW, WINDOW)))
        cost = np.sort(np.stack(costs), axis=0)[:half].mean(axis=0)
        better = cost < best
        best[better], inverse[better] = cost[better], value
    return 1.0 / cv2.medianBlur(inverse, 5)


def pixel_maps(view: SweepView, other: SweepView, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the pixels of `view` at their depth [h, w] lie in `other`.

    Returns:
        x and y [h, w] float32 as shares of the other picture's width and height, and their depth there [h, w].
    """
    height, width = depth.shape
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(view.K).T
    relative = other.viewmat @ np.linalg.inv(view.viewmat)
    there = (rays * depth[..., None]) @ relative[:3, :3].T + relative[:3, 3]
    pixels = there @ other.K.T
    z = np.where(there[..., 2] > 1e-9, there[..., 2], np.nan)
    rows, columns = other.picture.shape
    x, y = pixels[..., 0] / z / columns, pixels[..., 1] / z / rows
    return np.nan_to_num(x, nan=-9.0).astype(np.float32), np.nan_to_num(y, nan=-9.0).astype(np.float32), z
