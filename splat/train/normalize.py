"""Training works in a frame where the cameras span about 1; everything written out is in the capture's own frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from splat.cameras import Camera, radius
from splat.gaussians import Gaussians


@dataclass(frozen=True)
class Normalization:
    """x_training = (x_capture - center) * scale. No rotation, so directional colour needs no change."""

    center: Tensor  # [3] float64, in the capture's frame
    scale: float  # training units per unit of the capture

    @classmethod
    def from_cameras(cls, cameras: list[Camera]) -> Normalization:
        """Centre the cameras and bring the farthest to distance 1, as gsplat's data parser does.

        Cameras that all stand in one place leave the scale as it is: there is no parallax to measure it by.

        Raises:
            SplatError: without cameras, or where they lie farther apart than numbers can hold.
        """
        unit = radius(cameras)
        return cls(torch.stack([camera.position for camera in cameras]).mean(dim=0), 1.0 / unit)

    def camera(self, camera: Camera) -> Camera:
        """The camera in the training frame: same pixels, depths times `scale`."""
        viewmat = camera.viewmat.clone()
        viewmat[:3, 3] = (viewmat[:3, :3] @ self.center + viewmat[:3, 3]) * self.scale
        return dataclasses.replace(camera, viewmat=viewmat)

    def from_training(self, viewmat: Tensor) -> Tensor:
        """[4, 4] the viewmat in the capture's frame of a camera of the training frame."""
        found = viewmat.clone()
        found[:3, 3] = viewmat[:3, 3] / self.scale - viewmat[:3, :3] @ self.center
        return found

    def points(self, xyz: Tensor) -> Tensor:
        """[P, 3] points of the capture, in the training frame (float64)."""
        return (xyz.to(torch.float64) - self.center) * self.scale

    def to_capture(self, gaussians: Gaussians) -> Gaussians:
        """Gaussians of the training frame, in the capture's frame."""
        transform = torch.eye(4, dtype=torch.float64)
        transform[:3, :3] /= self.scale
        transform[:3, 3] = self.center
        return gaussians.transformed(transform)
