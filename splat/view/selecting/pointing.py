"""Selecting in the picture: clicks, rectangles, polygons of clicks and a brush, seen from the tab's camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from splat.cameras import Camera
from splat.edit.select import geometry, images
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.render.scene import SceneRenderer
from splat.view.controls import put
from splat.view.lines import outline
from splat.view.picking import Place, Tool, surface_point
from splat.view.placing import Placing, Pose
from splat.view.selecting.combining import brushed
from splat.view.selecting.taking import Taking, usual_reach

if TYPE_CHECKING:
    from splat.view.page import Page

NONE, CLICK, RECTANGLE, POLYGON, BRUSH = "none: move the camera", "click a thing", "rectangle", "polygon", "brush"
TOOLS = (NONE, CLICK, RECTANGLE, POLYGON, BRUSH)
HELP = {
    NONE: "",
    CLICK: "Click on things. Radius 0 takes the whole thing, more takes a ball around the click.",
    RECTANGLE: "Draw a rectangle: what is seen in it is selected, not what is hidden behind.",
    POLYGON: "Click corner after corner, then close the polygon; the camera must stay where it is.",
    BRUSH: "Each click adds a ball of this radius at the surface (takes it away in the mode subtract).",
}
NAME = "view"  # of the tab's camera, in words about a selection
NEAR = 0.5  # units of the page before the camera, where corners are drawn
CORNERS, COLOR = "/corners", (255, 60, 200)


def pixels(camera: Camera, places: Sequence[Place]) -> list[float]:
    """x1,y1,x2,y2,… of places in a camera's pixels."""
    return [value for x, y in places for value in (x * camera.width, y * camera.height)]


def in_rectangle(renderer: SceneRenderer, camera: Camera, first: Place, second: Place) -> Selection:
    """What a camera sees inside the rectangle between two corners.

    Raises:
        SplatError: a rectangle without a pixel in it.
    """
    (x0, y0), (x1, y1) = first, second
    if abs(x1 - x0) * camera.width < 1 or abs(y1 - y0) * camera.height < 1:
        raise SplatError("the rectangle is too small; press, drag and let go")
    found = images.polygon(renderer, camera, pixels(camera, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))
    return Selection(found.weights, f"rectangle({camera.name})")


def dab(renderer: SceneRenderer, camera: Camera, place: Place, radius: float) -> Selection:
    """A ball of the brush at the surface that a place of the picture shows.

    Raises:
        SplatError: no surface there, or a radius of 0.
    """
    return geometry.sphere(renderer.scene, surface_point(renderer, camera, place).tolist(), radius)


def corners_in_page(camera: Camera, places: Sequence[Place], placing: Placing) -> np.ndarray:
    """[P, 3] places of a camera's picture in the page's frame, close before the camera."""
    at = torch.tensor(pixels(camera, places), dtype=torch.float64).reshape(-1, 2)
    points = camera.position.double().cpu() + (NEAR / placing.scale) * camera.rays(at)
    return placing.to_page(points.numpy())


class Polygon:
    """Corners that are clicked one after another, all seen from where the camera was at the first."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.camera: Camera | None = None
        self._pose: Pose | None = None

    def add(self, place: Place, pose: Pose, camera: Camera) -> bool:
        """One more corner. True where the camera has moved, so that the polygon begins anew with this corner."""
        moved = self._pose is not None and not _same(self._pose, pose)
        if self._pose is None or moved:
            self.places, self._pose, self.camera = [], pose, camera
        self.places.append(place)
        return moved

    def close(self, renderer: SceneRenderer) -> Selection:
        """What the camera saw inside.

        Raises:
            SplatError: fewer than three corners.
        """
        if self.camera is None or len(self.places) < 3:
            raise SplatError(f"a polygon has at least three corners; this one has {len(self.places)}")
        return images.polygon(renderer, self.camera, pixels(self.camera, self.places))

    def clear(self) -> None:
        """No corners."""
        self.places, self.camera, self._pose = [], None, None


def _same(first: Pose, second: Pose) -> bool:
    """Whether a camera has stayed where it was, but for rounding."""
    a, b = (np.array([*one.wxyz, *one.position, one.fov, one.aspect]) for one in (first, second))
    return bool(np.abs(a - b).max() < 1e-4)


def build_pointing(page: Page, taking: Taking) -> None:
    """Put the controls into the tab."""
    panel = _Pointing(page, taking)
    page.on("scene", panel.renew)


class _Pointing:
    def __init__(self, page: Page, taking: Taking) -> None:
        self.page, self.taking, gui = page, taking, page.gui
        self.polygon, self._drawn = Polygon(), list[Any]()
        reach = usual_reach(page)
        with gui.add_folder("In the picture"):
            self.tool = gui.add_dropdown("Tool", TOOLS)
            self.help = gui.add_markdown("")
            self.click_radius = gui.add_slider("Radius of a click", 0.0, 10 * reach, reach / 50, 0.0, visible=False)
            self.brush_radius = gui.add_slider(
                "Radius of the brush", reach / 50, 5 * reach, reach / 50, reach, visible=False
            )
            self.corners = gui.add_markdown("", visible=False)
            self.close = gui.add_button("Close the polygon", visible=False)
            self.again = gui.add_button("Drop the corners", visible=False)
        self.tool.on_update(page.answering(lambda event: self.choose(self.tool.value)))
        self.close.on_click(page.answering(lambda event: self.closed()))
        self.again.on_click(page.answering(lambda event: self.clear()))

    def choose(self, name: str) -> None:
        """Take a tool into the hand."""
        page = self.page
        if page.hand.tool is not None and page.hand.tool.name in TOOLS:
            page.hand.drop()
        self.click_radius.visible = name == CLICK
        self.brush_radius.visible = name == BRUSH
        for control in (self.corners, self.close, self.again):
            control.visible = name == POLYGON
        self.clear()
        if name == RECTANGLE:
            page.hand.take(Tool(name, rectangle=self.drawn, dropped=lambda: self.dropped(name)))
        elif name != NONE:
            page.hand.take(Tool(name, click=self.clicked, dropped=lambda: self.dropped(name)))
        self.help.content = HELP[name]  # at last: when it is read, the tool works

    def dropped(self, name: str) -> None:
        """This tool was put down: for another one of this panel, or of another panel."""
        if self.tool.value == name:
            put(self.tool, NONE)

    def camera(self) -> Camera:
        """The tab's, under a name for people."""
        return dataclasses.replace(self.page.camera(), name=NAME)

    def drawn(self, first: Place, second: Place) -> None:
        """A rectangle was drawn."""
        self.taking.take(in_rectangle(self.page.scene.renderer, self.camera(), first, second))

    def clicked(self, place: Place) -> None:
        """Something was clicked."""
        renderer, camera, name = self.page.scene.renderer, self.camera(), self.tool.value
        if name == CLICK:
            radius = float(self.click_radius.value) or None
            self.taking.take(images.clicks(renderer, camera, pixels(camera, [place]), radius))
        elif name == BRUSH:
            self.taking.take(dab(renderer, camera, place, float(self.brush_radius.value)), brushed(self.taking.mode))
        elif self.polygon.add(place, self.page.pose(), camera):
            self.page.tell("the camera has moved since the first corner; the polygon begins anew with this one")
        self.draw_corners()

    def closed(self) -> None:
        """The polygon is whole."""
        found = self.polygon.close(self.page.scene.renderer)
        self.clear()
        self.taking.take(found)

    def clear(self) -> None:
        """Begin anew."""
        self.polygon.clear()
        self.draw_corners()

    def renew(self) -> None:
        """The scene is another one."""
        self.clear()

    def draw_corners(self) -> None:
        """Show the corners that were clicked, and lines between them."""
        for handle in self._drawn:
            handle.remove()
        self._drawn.clear()
        places, scene = self.polygon.places, self.page.client.scene
        self.corners.content = f"{len(places)} corner{'s' if len(places) != 1 else ''}"
        if not places or self.polygon.camera is None:
            return
        points = corners_in_page(self.polygon.camera, places, self.page.app.placing)
        with self.page.client.atomic():
            self._drawn.append(scene.add_point_cloud(f"{CORNERS}/points", points, COLOR, point_size=0.002))
            if len(points) > 1:
                lines = outline(points, closed=len(points) > 2)
                self._drawn.append(
                    scene.add_line_segments(f"{CORNERS}/lines", lines, COLOR, thickness=2.0, thickness_units="screen")
                )
