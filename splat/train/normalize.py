"""Training works in a frame where the cameras span about 1; everything written out is in the capture's own frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.errors import SplatError
from splat.gaussians import Gaussians

FARTHEST = 1e15  # units between cameras

if TYPE_CHECKING:
    from splat.render.config import RenderOptions
    from splat.run import Run


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
        if not cameras:
            raise SplatError("there are no cameras; is cameras.json damaged?")
        positions = torch.stack([camera.position for camera in cameras])
        center = positions.mean(dim=0)
        radius = float((positions - center).norm(dim=1).max())
        if not radius < FARTHEST:
            raise SplatError(
                f"the cameras lie {radius:.3g} units apart, farther than numbers can hold; are they damaged?"
            )
        return cls(center, 1.0 / radius if radius > 1e-9 else 1.0)

    def camera(self, camera: Camera) -> Camera:
        """The camera in the training frame: same pixels, depths times `scale`."""
        viewmat = camera.viewmat.clone()
        viewmat[:3, 3] = (viewmat[:3, :3] @ self.center + viewmat[:3, 3]) * self.scale
        return dataclasses.replace(camera, viewmat=viewmat)

    def points(self, xyz: Tensor) -> Tensor:
        """[P, 3] points of the capture, in the training frame (float64)."""
        return (xyz.to(torch.float64) - self.center) * self.scale

    def to_capture(self, gaussians: Gaussians) -> Gaussians:
        """Gaussians of the training frame, in the capture's frame."""
        transform = torch.eye(4, dtype=torch.float64)
        transform[:3, :3] /= self.scale
        transform[:3, 3] = self.center
        return gaussians.transformed(transform)


def capture_options(run: Run, backend: str = "auto") -> RenderOptions:
    """How the scene of a run was drawn in training, in the capture's own units, on this machine.

    The planes are set in units of the training frame; with a capture of tiny units (kilometres, say) the nearest one
    taken as it is would cut the whole scene away.
    """
    unit = 1 / Normalization.from_cameras(run.cameras("train") or run.cameras()).scale
    return dataclasses.replace(run.render_options().scaled(unit), backend=backend)
