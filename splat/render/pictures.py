"""Pictures of a scene: colours and depth as arrays that can be written."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.images import to_bytes
from splat.render.scene import SURFACE, SceneRenderer

Look = Callable[[Tensor], Tensor]  # a picture [H, W, 3] in the colours of the scene -> in those of one photo


def picture(
    renderer: SceneRenderer, camera: Camera, depth: bool = False, look: Look | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture [H, W, 3] uint8 RGB and, if asked for, the mean depth [H, W] float32 in world units.

    The depth is 0 where no surface is seen. `look` changes the colours first.
    """
    with torch.no_grad():
        image, alpha, _ = renderer.render(camera, "RGB+ED" if depth else "RGB")
        colors = image[..., :3] if look is None else look(image[..., :3])
    if not depth:
        return to_bytes(colors), None
    return to_bytes(colors), torch.where(alpha > SURFACE, image[..., 3], 0.0).cpu().numpy()


def typical_depth(gaussians: Gaussians, cameras: list[Camera]) -> float | None:
    """Median distance along the view, in world units, of the solid Gaussians that the cameras see; None if none are."""
    means = gaussians.means[torch.sigmoid(gaussians.opacities) > 0.3].double().cpu()
    means = means[:: max(1, len(means) // 5000)]
    medians = []
    for camera in cameras[:: max(1, len(cameras) // 20)]:
        pixels, depth = camera.project(means)
        depth = depth[(depth > 0) & camera.contains(pixels)]
        if len(depth):
            medians.append(float(depth.median()))
    return float(np.median(medians)) if medians else None


def depth_picture(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depth [H, W] in colours [H, W, 3] uint8 RGB: `near` red, `far` blue, evenly in 1/depth; black where it is 0."""
    seen = depth > 0
    inverse = 1 / np.where(seen, depth, far)
    levels = np.clip((inverse - 1 / far) / max(1 / near - 1 / far, 1e-12), 0, 1)
    picture = cv2.cvtColor(cv2.applyColorMap((levels * 255).round().astype(np.uint8), cv2.COLORMAP_TURBO), 4)
    picture[~seen] = 0
    return picture
