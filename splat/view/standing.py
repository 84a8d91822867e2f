"""Where a tab's camera is, and putting it elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from splat.cameras import Camera
from splat.view.placing import Placing, Pose, page_pose

if TYPE_CHECKING:
    import viser


def pose_of(client: viser.ClientHandle) -> Pose:
    """Where a tab's camera is, in the page's frame."""
    camera = client.camera
    w, x, y, z = map(float, camera.wxyz)
    position = tuple(map(float, camera.position))
    aspect = max(1, camera.image_width) / lines_of(client)
    return Pose((w, x, y, z), position, float(camera.fov), aspect)  # type: ignore[arg-type]


def lines_of(client: viser.ClientHandle) -> int:
    """Height of a tab's picture in pixels; 1 where its window is so small that nothing is left for it."""
    return max(1, int(client.camera.image_height))


def stand(client: viser.ClientHandle, camera: Camera, placing: Placing, depth: float) -> None:
    """Let a tab look from a camera of the scene.

    Args:
        client: the tab.
        camera: in the scene's frame.
        placing: of the scene in the page.
        depth: to the point that the tab's camera orbits about, in the scene's units.
    """
    pose = page_pose(camera, placing)
    rotation = camera.viewmat[:3, :3].double().cpu().numpy()
    position = np.array(pose.position)
    with client.atomic():
        client.camera.position = pose.position
        client.camera.up_direction = tuple(_up(-rotation[1], placing.up).tolist())
        client.camera.look_at = tuple((position + placing.scale * depth * rotation[2]).tolist())
        client.camera.fov = pose.fov


def _up(own: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The scene's up where the camera is held about so, since orbiting is about it; else the camera's own."""
    return up if float(own @ up) > 0.2 else own
