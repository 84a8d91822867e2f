"""Pictures of a scene: colours and depth as arrays that can be written."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from splat.cameras import Camera, stack_cameras
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions


class SceneRenderer:
    """Renders one scene from any camera; the Gaussians are moved to the renderer's device once."""

    def __init__(self, gaussians: Gaussians, options: RenderOptions, background: tuple[float, float, float]) -> None:
        """
        Args:
            gaussians: the scene.
            options: how it is rendered.
            background: RGB from 0 to 1, behind the scene.

        Raises:
            SplatError: when the backend that is asked for is not there.
        """
        from splat.render import select_backend

        self.backend = select_backend(options.backend)
        self.device = self.backend.device
        self.scene = gaussians.detach().to(self.device)
        self.background = torch.tensor(background, dtype=torch.float32, device=self.device)
        self.options: dict[str, Any] = {**options.arguments(), "backend": self.backend.name}  # of `rasterize`

    @torch.no_grad()
    def render(self, camera: Camera, depth: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """The picture [H, W, 3] uint8 RGB and, if asked for, the expected depth [H, W] float32 in world units.

        The depth is 0 where nothing is seen.
        """
        from splat.render import render_gaussians

        viewmats, Ks = stack_cameras([camera], self.device)
        renders, alphas, _ = render_gaussians(
            self.scene,
            viewmats,
            Ks,
            camera.width,
            camera.height,
            sh_degree=self.scene.sh_degree,
            backgrounds=self.background[None],
            render_mode="RGB+ED" if depth else "RGB",
            **self.options,
        )
        colour = (renders[0, ..., :3].clamp(0, 1) * 255).round().byte().cpu().numpy()
        if not depth:
            return colour, None
        seen = alphas[0, ..., 0] > 0.5
        return colour, torch.where(seen, renders[0, ..., 3], 0.0).cpu().numpy()


def typical_depth(gaussians: Gaussians, cameras: list[Camera]) -> float | None:
    """Median distance along the view, in world units, of the solid Gaussians that the cameras see; None if none are."""
    means = gaussians.means[torch.sigmoid(gaussians.opacities) > 0.3].double().cpu()
    means = means[:: max(1, len(means) // 5000)]
    medians = []
    for camera in cameras[:: max(1, len(cameras) // 20)]:
        local = means @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = local @ camera.K.T
        x, y, z = pixels[:, 0] / pixels[:, 2], pixels[:, 1] / pixels[:, 2], local[:, 2]
        z = z[(z > 0) & (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)]
        if len(z):
            medians.append(float(z.median()))
    return float(np.median(medians)) if medians else None


def depth_picture(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depth [H, W] in colours [H, W, 3] uint8 RGB: `near` red, `far` blue, evenly in 1/depth; black where it is 0."""
    import cv2

    seen = depth > 0
    inverse = 1 / np.where(seen, depth, far)
    levels = np.clip((inverse - 1 / far) / max(1 / near - 1 / far, 1e-12), 0, 1)
    picture = cv2.cvtColor(cv2.applyColorMap((levels * 255).round().astype(np.uint8), cv2.COLORMAP_TURBO), 4)
    picture[~seen] = 0
    return picture
