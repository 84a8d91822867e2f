"""What lies under the pointer: the click of a tab as a point of the scene, and tools that wait for clicks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from splat.cameras import Camera
from splat.errors import SplatError
from splat.render.scene import SURFACE, SceneRenderer

if TYPE_CHECKING:
    import viser

Place = tuple[float, float]  # of a picture, 0 to 1 from the left and from the top


@dataclass(frozen=True)
class Tool:
    """What clicks and drawn rectangles mean while a tool is in the hand."""

    name: str
    click: Callable[[Place], None] | None = None
    rectangle: Callable[[Place, Place], None] | None = None  # its upper left and lower right corner
    dropped: Callable[[], None] | None = None  # called when it is put down, by itself or for another one


class Hand:
    """The one tool that a tab has in the hand; a drag moves the camera again once it is put down."""

    def __init__(
        self,
        scene: viser.SceneApi,
        answering: Callable[[Callable[[Any], None]], Callable[[Any], None]],
        placed: Callable[[Place], Place],
    ) -> None:
        """
        Args:
            scene: of the tab.
            answering: makes a callback of viser of a function, as `Page.answering` does.
            placed: a place of what is seen as one of the camera's picture; raises SplatError where it is none.
        """
        self.scene, self.answering, self.placed = scene, answering, placed
        self.tool: Tool | None = None

    def take(self, tool: Tool) -> None:
        """Put down what is in the hand and take this."""
        self.drop()
        self.tool = tool
        if tool.click is not None:
            self.scene.on_click()(self.answering(self._clicked))
        if tool.rectangle is not None:
            self.scene.on_rect_select()(self.answering(self._drawn))

    def drop(self, name: str | None = None) -> None:
        """Put down the tool of that name, or whichever it is."""
        tool = self.tool
        if tool is None or (name is not None and tool.name != name):
            return
        self.tool = None
        self.scene.remove_click_callback()
        self.scene.remove_rect_select_callback()
        if tool.dropped is not None:
            tool.dropped()

    def _clicked(self, event: Any) -> None:
        if self.tool is not None and self.tool.click is not None:
            self.tool.click(self.placed(tuple(event.screen_pos)))

    def _drawn(self, event: Any) -> None:
        if self.tool is not None and self.tool.rectangle is not None:
            self.tool.rectangle(self.placed(tuple(event.screen_min)), self.placed(tuple(event.screen_max)))


@torch.no_grad()
def surface_point(renderer: SceneRenderer, camera: Camera, place: Place) -> np.ndarray:
    """[3] float64: the point of the surface that a place of the picture shows, in the scene's frame.

    The surface is where half of the light of the ray has been absorbed (the median depth of 2DGS): the mean depth of a
    ray lies behind a surface that lets some light through.

    Raises:
        SplatError: no surface is seen there.
    """
    pixel = torch.tensor([place[0] * camera.width, place[1] * camera.height], dtype=torch.float64)
    depth = median_depth(renderer, camera, pixel)
    if depth is None:
        raise SplatError("nothing is seen there; click on a surface")
    ray = torch.linalg.solve(camera.K.double(), torch.cat([pixel, torch.ones(1, dtype=torch.float64)]))
    point = camera.camtoworld.double() @ torch.cat([depth * ray, torch.ones(1, dtype=torch.float64)])
    found: np.ndarray = point[:3].numpy()
    return found


def median_depth(renderer: SceneRenderer, camera: Camera, pixel: torch.Tensor) -> float | None:
    """Depth along the optical axis at which the ray through a pixel [2] has lost half of its light; None if never."""
    meta = renderer.render(camera).meta
    means, conics, opacities, depths = (
        meta[name].reshape(-1, *shape).double().cpu()
        for name, shape in (("means2d", (2,)), ("conics", (3,)), ("opacities", ()), ("depths", ()))
    )
    seen = (meta["radii"].reshape(len(means), -1) > 0).all(dim=1).cpu()
    x, y = (pixel - means).unbind(dim=1)
    power = 0.5 * (conics[:, 0] * x * x + conics[:, 2] * y * y) + conics[:, 1] * x * y
    alpha = torch.where(seen & (power >= 0), opacities * torch.exp(-power), 0.0).clamp(max=0.999)
    hit = (alpha > 1 / 255).nonzero()[:, 0]
    order = hit[depths[hit].argsort()]
    passed = torch.cumprod(1 - alpha[order], dim=0)
    ends = (passed <= SURFACE).nonzero()
    return float(depths[order[ends[0, 0]]]) if len(ends) else None
