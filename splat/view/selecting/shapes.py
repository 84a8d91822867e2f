"""Selecting by place: a box or a ball that is moved in the page by a gizmo, and sized by numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from splat.edit.select import geometry
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.view.controls import put
from splat.view.editing import decimals
from splat.view.lines import box_lines, sphere_lines
from splat.view.selecting.taking import Taking, usual_reach

if TYPE_CHECKING:
    from splat.view.page import Page

SHAPES = ("box", "ball")
NODE, COLOR = "/shape", (80, 230, 120)
Numbers = tuple[float, float, float]


def within(scene: Gaussians, shape: str, centre: Sequence[float], size: Sequence[float], radius: float) -> Selection:
    """The Gaussians whose centres lie in a shape; lengths in the scene's units.

    Args:
        shape: of SHAPES.
        centre: [3].
        size: [3] of the box from side to side.
        radius: of the ball.

    Raises:
        SplatError: a side or a radius that is not above 0.
    """
    if shape == "ball":
        return geometry.sphere(scene, list(centre), radius)
    if min(size) <= 0:
        raise SplatError("each side of the box must be above 0")
    low, high = ([c + sign * s / 2 for c, s in zip(centre, size)] for sign in (-1, 1))
    return geometry.box(scene, low, high)


def option_of(selection: Selection) -> str:
    """What selects the same on the command line: box(1,2) as select.box=1,2."""
    name, _, rest = selection.source.partition("(")
    return f"select.{name}={rest.rstrip(')')}"


def build_shapes(page: Page, taking: Taking) -> None:
    """Put the controls into the tab."""
    panel = _Shapes(page, taking)
    page.on("scene", panel.draw)


class _Shapes:
    def __init__(self, page: Page, taking: Taking) -> None:
        self.page, self.taking, gui = page, taking, page.gui
        self._gizmo: Any = None
        self._lines: Any = None
        reach = usual_reach(page)
        middle = self.looked_at()
        step = reach / 100
        with gui.add_folder("Box or ball", expand_by_default=False):
            self.shown = gui.add_checkbox("Show it, with arrows to move it", False)
            self.shape = gui.add_dropdown("Shape", SHAPES)
            self.centre = gui.add_vector3("Centre", middle, step=step)
            self.size = gui.add_vector3("Size", (3 * reach,) * 3, step=step)
            self.radius = gui.add_slider("Radius", step, 20 * reach, step, 2 * reach, visible=False)
            self.said = gui.add_markdown("")
            here = gui.add_button("Put it where I look")
            around = gui.add_button("Put it around the selection")
            button = gui.add_button("Select what is inside")
        button.on_click(page.answering(lambda event: taking.take(self.inside())))
        here.on_click(page.answering(lambda event: self.place(self.looked_at())))
        around.on_click(page.answering(lambda event: self.put_around()))
        for control in (self.shown, self.shape, self.centre, self.size, self.radius):
            control.on_update(page.answering(lambda event: self.draw()))

    def looked_at(self) -> Numbers:
        """The point about which the tab's camera turns, in the scene's frame."""
        place = self.page.app.placing.to_scene(np.array(self.page.client.camera.look_at))
        x, y, z = place.round(decimals(self.page.scene.depth)).tolist()
        return x, y, z

    def inside(self) -> Selection:
        """What the shape holds."""
        found = self.page.scene.renderer.scene
        return within(found, self.shape.value, self.centre.value, self.size.value, float(self.radius.value))

    def place(self, centre: Numbers, size: Numbers | None = None) -> None:
        """Put the shape somewhere, where it is seen."""
        put(self.centre, centre)
        if size is not None:
            put(self.size, size)
            put(self.radius, max(size) / 2)
        put(self.shown, True)

    def put_around(self) -> None:
        """Put the shape around what is selected, but for strays."""
        if self.page.selection is None:
            raise SplatError("nothing is selected; select something first")
        low, high = geometry.bounds(self.page.scene.renderer.scene, self.page.selection)
        least = usual_reach(self.page) / 100
        cx, cy, cz = ((low + high) / 2).tolist()
        sx, sy, sz = (high - low).clamp(min=least).tolist()
        self.place((cx, cy, cz), (sx, sy, sz))

    def draw(self) -> None:
        """Draw what the numbers say, and how much it holds."""
        self.size.visible, self.radius.visible = self.shape.value == "box", self.shape.value == "ball"
        if self._lines is not None:
            self._lines.remove()
            self._lines = None
        if not self.shown.value:
            if self._gizmo is not None:
                self._gizmo.remove()
                self._gizmo = None
            self.said.content = ""
            return
        found = self.inside()
        self.said.content = f"**{found.count:,}** Gaussians inside, `{option_of(found)}`"
        placing, scene = self.page.app.placing, self.page.client.scene
        centre = placing.to_page(np.array(self.centre.value))
        if self._gizmo is None:
            self._gizmo = scene.add_transform_controls(
                f"{NODE}/gizmo", scale=0.5, disable_rotations=True, depth_test=False, position=tuple(centre.tolist())
            )
            self._gizmo.on_update(self.page.answering(lambda event: self.dragged()))
        elif np.abs(np.array(self._gizmo.position) - centre).max() > 1e-6:
            self._gizmo.position = tuple(centre.tolist())
        half = placing.scale * np.array(self.size.value) / 2
        lines = (
            box_lines(centre - half, centre + half)
            if self.shape.value == "box"
            else sphere_lines(centre, placing.scale * float(self.radius.value))
        )
        self._lines = scene.add_line_segments(f"{NODE}/lines", lines, COLOR, thickness=2.0, thickness_units="screen")

    def dragged(self) -> None:
        """The gizmo was moved."""
        if self._gizmo is None:
            return
        x, y, z = self.page.app.placing.to_scene(np.array(self._gizmo.position)).tolist()
        put(self.centre, (x, y, z))
