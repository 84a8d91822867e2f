"""The page's own frame: viser keeps sizes in half precision, so scenes are brought to a size that it can hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import transform

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.render.camera_file import placed
from splat.render.paths import common_view
from splat.render.pictures import typical_depth

SIZE = 3.0  # units of the page from the cameras to what they show, or between cameras, whichever is more


@dataclass(frozen=True)
class Placing:
    """x_page = scale (x_scene - centre). Directions are the scene's own."""

    centre: np.ndarray  # [3] float64, in the scene's units
    scale: float
    up: np.ndarray  # [3] unit vector

    def to_page(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] points of the scene in the page."""
        moved: np.ndarray = self.scale * (np.asarray(points, float) - self.centre)
        return moved

    def to_scene(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] points of the page in the scene."""
        moved: np.ndarray = np.asarray(points, float) / self.scale + self.centre
        return moved


def placing_of(scene: Gaussians, cameras: Sequence[Camera], up: np.ndarray | None = None) -> Placing:
    """A frame in which the scene is a few units large.

    Args:
        scene: N Gaussians.
        cameras: that show it.
        up: [3] where it is known; None for the cameras' own.
    """
    positions = np.stack([camera.position.double().cpu().numpy() for camera in cameras])
    centre = positions.mean(axis=0)
    reach = float(np.linalg.norm(positions - centre, axis=1).max())
    depth = typical_depth(scene, list(cameras)) or reach or 1.0
    found = common_view(list(cameras)).up if up is None else np.asarray(up, float)
    return Placing(centre, SIZE / max(depth, reach), found / np.linalg.norm(found))


@dataclass(frozen=True)
class Pose:
    """A camera of the page, in the page's frame, OpenCV axes (x right, y down, z forward)."""

    wxyz: tuple[float, float, float, float]  # from the camera's axes to the page's
    position: tuple[float, float, float]
    fov: float  # vertical, radians
    aspect: float  # width over height


def scene_camera(pose: Pose, placing: Placing, height: int, name: str = "") -> Camera:
    """What a camera of the page is in the scene, with pictures of so many lines."""
    height = max(2, height)
    width = max(2, round(height * pose.aspect))
    focal = 0.5 * height / math.tan(pose.fov / 2)
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
    template = Camera(torch.eye(4, dtype=torch.float64), K, width, height, name)
    return placed(template, _matrix(pose.wxyz), placing.to_scene(np.array(pose.position)))


def page_pose(camera: Camera, placing: Placing) -> Pose:
    """Where a camera of the scene stands in the page; its principal point is taken for the middle of the picture."""
    rotation = camera.viewmat[:3, :3].double().cpu().numpy().T
    position = placing.to_page(camera.position.double().cpu().numpy())
    fov = 2 * math.atan(0.5 * camera.height / float(camera.K[1, 1]))
    x, y, z = position.tolist()
    return Pose(_quat(rotation), (x, y, z), fov, camera.width / camera.height)


def _matrix(wxyz: Sequence[float]) -> np.ndarray:
    w, x, y, z = wxyz
    matrix: np.ndarray = transform.Rotation.from_quat([x, y, z, w]).as_matrix()
    return matrix


def _quat(matrix: np.ndarray) -> tuple[float, float, float, float]:
    x, y, z, w = transform.Rotation.from_matrix(matrix).as_quat().tolist()
    return w, x, y, z
