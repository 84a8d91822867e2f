"""One tab that watches a training. Everything but `moved` and `close` happens in the thread that trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from splat.cameras import Camera
from splat.images import to_bytes
from splat.render.scene import SceneRenderer
from splat.view.live.turns import TabTurns
from splat.view.placing import Placing, scene_camera
from splat.view.standing import lines_of, pose_of, stand
from splat.view.walking import WalkingSplats

if TYPE_CHECKING:
    import viser


class LiveTab:
    """What a tab has been given, and what it looks at."""

    def __init__(self, client: viser.ClientHandle) -> None:
        self.client = client
        self.turns = TabTurns()
        self.closed = False
        self.sent = False  # whether it has the scene for walking
        self._splats: viser.GaussianSplatHandle | None = None
        self._pictured = False
        client.camera.on_update(lambda camera: self.moved())

    @property
    def behind(self) -> bool:
        """Whether the last picture still waits to be sent: a slow line gets fewer pictures, not late ones."""
        connection = self.client._websock_connection  # viser has no other word for it
        return bool(connection.get_message_buffer().message_from_id)

    def moved(self) -> None:
        """The camera moves: until it rests, the browser draws."""
        self.turns.touch(time.monotonic())
        self._walk(True)

    def stand(self, camera: Camera, placing: Placing, depth: float) -> None:
        """Look from a camera of the scene; see `standing.stand`."""
        stand(self.client, camera, placing, depth)

    def send(self, splats: WalkingSplats) -> None:
        """Give the browser the scene as it is now, to draw while one walks."""
        self._splats = self.client.scene.add_gaussian_splats(
            "/walking",
            splats.centers,
            splats.covariances,
            splats.rgbs,
            splats.opacities,
            visible=not self._pictured,
        )
        self.sent = True

    def picture(self, renderer: SceneRenderer, placing: Placing, lines: int, scale: float) -> np.ndarray:
        """[H, W, 3] uint8 RGB from where the tab looks."""
        height = min(lines, lines_of(self.client))
        camera = scene_camera(pose_of(self.client), placing, round(height * scale))
        return to_bytes(renderer.image(camera).clamp(0, 1))

    def show(self, picture: np.ndarray, stamp: int, quality: int) -> None:
        """Put an exact picture behind everything, unless the camera has moved since `stamp`."""
        if self.closed or self.turns.stamp != stamp:
            return
        self.client.scene.set_background_image(picture, format="jpeg", jpeg_quality=quality)
        self._walk(False)

    def _walk(self, walks: bool) -> None:
        if walks and self._pictured:
            self.client.scene.set_background_image(None)
        if self._splats is not None and self._splats.visible != walks:
            self._splats.visible = walks
        self._pictured = not walks
