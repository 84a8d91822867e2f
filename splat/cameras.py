"""Pinhole cameras in the OpenCV convention: x right, y down, z forward."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """One undistorted pinhole camera.

    Pixel centres lie at index + 0.5, as in gsplat and COLMAP.
    """

    viewmat: Tensor  # [4, 4] float64, world to camera
    K: Tensor  # [3, 3] float64, in pixels
    width: int
    height: int
    name: str = ""

    @property
    def camtoworld(self) -> Tensor:
        """[4, 4] float64, camera to world."""
        return torch.linalg.inv(self.viewmat)

    @property
    def position(self) -> Tensor:
        """[3] float64, the camera's centre in the world."""
        return -self.viewmat[:3, :3].T @ self.viewmat[:3, 3]

    def resized(self, width: int, height: int) -> Camera:
        """The same camera with an image of another size (pixels, each at least 1)."""
        scale = torch.tensor([width / self.width, height / self.height, 1.0], dtype=self.K.dtype)
        return dataclasses.replace(self, K=self.K * scale[:, None], width=width, height=height)


def stack_cameras(cameras: list[Camera], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """viewmats [C, 4, 4] and Ks [C, 3, 3] in float32, as `rasterize` takes them; C may be 0."""
    if not cameras:
        return torch.empty(0, 4, 4, device=device), torch.empty(0, 3, 3, device=device)
    viewmats = torch.stack([camera.viewmat for camera in cameras])
    Ks = torch.stack([camera.K for camera in cameras])
    return viewmats.to(device, torch.float32), Ks.to(device, torch.float32)
