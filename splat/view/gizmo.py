"""A handle at the middle of what is selected, and a ghost of it: dragged in the browser, before anything changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from splat.edit.operations.base import pivot_of
from splat.view.placing import Placing
from splat.view.walking import walking_splats

if TYPE_CHECKING:
    from splat.view.page import Page

NAME = "/gizmo"
SPLATS = 50_000  # of the ghost, at most
SIZE = 0.6  # of the handle, in units of the page


@dataclass(frozen=True)
class Movement:
    """A turn about a point that stays, then a move."""

    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in the scene's units
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)  # unit vector, in the scene's frame
    degrees: float = 0.0  # right-handed, 0 to 180

    @classmethod
    def dragged(cls, start: np.ndarray, position: np.ndarray, wxyz: np.ndarray, placing: Placing) -> Movement:
        """What a handle says that stood at `start` [3] unturned; all in the page's frame."""
        x, y, z = ((position - start) / placing.scale).tolist()
        real, turn = float(wxyz[0]), np.asarray(wxyz[1:], float)
        size = float(np.linalg.norm(turn))
        degrees = math.degrees(2 * math.atan2(size, abs(real)))
        if size < 1e-9:
            return cls((x, y, z))
        a, b, c = (math.copysign(1.0, real) * turn / size).tolist()
        return cls((x, y, z), (a, b, c), degrees)

    @property
    def wxyz(self) -> tuple[float, float, float, float]:
        """The turn as a unit quaternion."""
        axis = np.asarray(self.axis, float)
        half = math.radians(self.degrees) / 2
        x, y, z = (math.sin(half) * axis / max(float(np.linalg.norm(axis)), 1e-12)).tolist()
        return math.cos(half), x, y, z


class Gizmo:
    """The handle of one tab."""

    def __init__(self, page: Page, moved: Callable[[Movement], None], let_go: Callable[[], None]) -> None:
        """
        Args:
            page: with something selected while the handle is shown.
            moved: called while it is dragged.
            let_go: called when a drag ends.
        """
        self.page, self._moved, self._let_go = page, moved, let_go
        self._handle: Any = None
        self._ghost: Any = None
        self._start = np.zeros(3)

    def show(self, moves: bool, turns: bool) -> None:
        """Put it at the middle of the selection, which is the pivot of all operations."""
        self.hide()
        page, chosen = self.page, self.page.selection
        if chosen is None:
            return
        scene, placing = page.scene.renderer.scene, page.app.placing
        middle = pivot_of(scene, chosen.hard(), None).numpy()
        self._start = placing.to_page(middle)
        about = Placing(middle, placing.scale, placing.up)
        splats = walking_splats(scene[chosen.mask], about, SPLATS)
        with page.client.atomic():
            self._handle = page.client.scene.add_transform_controls(
                NAME,
                scale=SIZE,
                disable_axes=not moves,
                disable_sliders=not moves,
                disable_rotations=not turns,
                depth_test=False,
                position=tuple(self._start.tolist()),
            )
            self._ghost = page.client.scene.add_gaussian_splats(
                f"{NAME}/ghost", splats.centers, splats.covariances, splats.rgbs, 0.8 * splats.opacities
            )
        self._handle.on_update(page.answering(self._dragged))
        self._handle.on_drag_end(page.answering(lambda event: self._let_go()))

    def hide(self) -> None:
        """Take it away."""
        if self._handle is not None:
            self._handle.remove()
        self._handle = self._ghost = None

    def ghost(self, visible: bool) -> None:
        """Show the ghost, or not, where an exact preview shows more."""
        if self._ghost is not None and self._ghost.visible != visible:
            self._ghost.visible = visible

    def place(self, offset: Sequence[float], axis: Sequence[float], degrees: float) -> None:
        """Put it where somebody typed that it should be."""
        if self._handle is None:
            return
        position = self._start + self.page.app.placing.scale * np.asarray(offset, float)
        x, y, z = axis
        self._handle.position = tuple(position.tolist())
        self._handle.wxyz = Movement(axis=(x, y, z), degrees=degrees).wxyz

    def _dragged(self, event: Any) -> None:
        if event.client is None:  # placed from here
            return
        handle = self._handle
        if handle is not None:
            self.ghost(True)
            moved = Movement.dragged(
                self._start, np.array(handle.position), np.array(handle.wxyz), self.page.app.placing
            )
            self._moved(moved)
