"""The growing scene for all tabs: exact pictures, and now and then the scene that browsers draw while one walks."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from splat.gaussians import Gaussians
from splat.render.pictures import typical_depth
from splat.render.scene import SceneRenderer
from splat.train.state import TrainState
from splat.train.strategies.context import StrategyContext
from splat.view.live.board import Board
from splat.view.live.tab import LiveTab
from splat.view.live.turns import ANSWERS, TimeShare
from splat.view.placing import Placing, page_pose, placing_of
from splat.view.walking import walking_splats

if TYPE_CHECKING:
    import viser

SPLATS = 100_000  # Gaussians that browsers get at the most, each time
RESEND = 20.0  # seconds from one time to the next
FRUSTA = 300  # cameras that are shown at the most, evenly chosen


class Gallery:
    """What is drawn, for whom, and out of which account of time. All of it is in the training's frame, which is the
    capture's but for scale and origin, so that up is up, and the page looks as it does when the run is viewed.
    """

    def __init__(
        self, server: viser.ViserServer, board: Board, scene: StrategyContext, tabs: Callable[[], list[LiveTab]]
    ) -> None:
        self.server, self.board, self.scene, self.tabs = server, board, scene, tabs
        self.renewals, self.answers = TimeShare(board.share), TimeShare(ANSWERS)
        self.pictures = 0  # drawn so far
        self._placing: tuple[Placing, float] | None = None  # and the depth that cameras see
        self._sent: tuple[float, int] = (float("-inf"), -1)  # when the scene for walking was sent, after which step
        self._frusta: list[viser.CameraFrustumHandle] = []

    def due(self, now: float, step: int, free: bool = False) -> Callable[[TrainState], None] | None:
        """The one thing that is to be done next; None where nobody looks, or all have what there is time for.

        Args:
            now: of `time.monotonic`.
            step: training steps done.
            free: whether time is of no account, because the training waits or is over.
        """
        tabs = self.tabs()
        if not tabs:
            return None
        self.renewals.share = self.board.share
        answers, renewals = self.answers.may(now) and self.renewals.share > 0, self.renewals.may(now)
        if new := [tab for tab in tabs if not tab.sent]:
            return functools.partial(self._send, new)
        if self.board.frusta != any(handle.visible for handle in self._frusta):
            return lambda state: self._show_frusta()
        if (free or renewals) and self._sent[1] != step and now - self._sent[0] >= RESEND:
            return functools.partial(self._send, tabs)
        for tab in sorted(tabs, key=lambda tab: tab.turns.served):
            turn = tab.turns.due(now, step)
            allowed = free or (answers if turn == "answer" else renewals)
            if turn is not None and allowed and not tab.behind:
                scale, account = tab.turns.scale(turn), self.answers if turn == "answer" else self.renewals
                return functools.partial(self._draw, tab, scale, account)
        return None

    def skip(self) -> None:
        """The time since the last look was no training, of which pictures could have a share."""
        self.renewals.skip()
        self.answers.skip()

    def settle(self, state: TrainState) -> None:
        """Give every tab the last state whole."""
        tabs = self.tabs()
        if tabs:
            self._send(tabs, state)
        for tab in tabs:
            self._draw(tab, 1.0, self.renewals, state)

    def placing(self, state: TrainState) -> tuple[Placing, float]:
        """The page's frame, for good, and the depth of what cameras see."""
        if self._placing is None:
            scene, cameras = state.gaussians(), self.scene.views.cameras
            solid = dataclasses.replace(scene, opacities=torch.ones_like(scene.opacities))  # at first nothing is yet
            depth = typical_depth(solid, cameras) or 1.0
            self._placing = placing_of(solid, cameras), depth
            self.server.scene.set_up_direction(tuple(self._placing[0].up.tolist()))
        return self._placing

    def renderer(self, scene: Gaussians) -> SceneRenderer:
        """Draws the scene over the background that it is scored with."""
        background = torch.tensor(self.scene.views.capture.background())
        return SceneRenderer(scene, self.scene.render, background, self.scene.views.cameras)

    def _send(self, tabs: list[LiveTab], state: TrainState) -> None:
        began = time.monotonic()
        placing, depth = self.placing(state)
        splats = walking_splats(state.gaussians(), placing, SPLATS)
        for tab in tabs:
            if not tab.sent:
                tab.stand(self.scene.views.cameras[0], placing, depth)
            tab.send(splats)
        self._sent = began, state.step
        self.renewals.spend(time.monotonic() - began)

    def _draw(self, tab: LiveTab, scale: float, account: TimeShare, state: TrainState) -> None:
        began, stamp = time.monotonic(), tab.turns.stamp
        placing, _ = self.placing(state)
        picture = tab.picture(self.renderer(state.gaussians()), placing, self.board.lines, scale)
        tab.show(picture, stamp, 90 if scale >= 1 else 60)
        self.pictures += 1
        now = time.monotonic()
        seconds = now - began
        account.spend(seconds)
        tab.turns.drawn(now, stamp, state.step, scale, seconds)

    def _show_frusta(self) -> None:
        cameras = self.scene.views.cameras
        if not self._frusta and self._placing is not None:
            for number, camera in enumerate(cameras[:: -(-len(cameras) // FRUSTA)]):
                pose = page_pose(camera, self._placing[0])
                self._frusta.append(
                    self.server.scene.add_camera_frustum(
                        f"/cameras/{number}",
                        fov=pose.fov,
                        aspect=pose.aspect,
                        scale=0.12,
                        color=(90, 160, 255),
                        wxyz=pose.wxyz,
                        position=pose.position,
                    )
                )
        for handle in self._frusta:
            handle.visible = self.board.frusta
