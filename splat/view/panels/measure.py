"""Lengths between clicked points; scale and up of the run by what people know of its place."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from splat.errors import SplatError
from splat.frame import SceneFrame
from splat.view.marked import block, plain
from splat.view.measuring import Length, direction, floor_words, scale_words, up_words
from splat.view.picking import Place, Tool, surface_point
from splat.view.placing import scene_camera

if TYPE_CHECKING:
    from splat.view.page import Page

FINE = 1080  # lines of the depth that a click is looked up in
COLOR, POINT = (80, 230, 120), (255, 255, 255)
MOST = 50  # lengths that are shown


def build(page: Page) -> None:
    """Put the panel into the tab."""
    with page.gui.add_folder("Measure", expand_by_default=False):
        MeasurePanel(page)


class MeasurePanel:
    """The lengths of a tab, and the clicks of the one that is measured now."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.lengths: list[Length] = []
        self._points: list[np.ndarray] = []  # that were clicked for the tool in the hand
        self._nodes: list[Any] = []
        gui, answering = page.gui, page.answering
        measure = gui.add_button("Measure a distance", color="violet", hint="then click on two points")
        self.said = gui.add_markdown("")
        measure.on_click(answering(lambda event: self._take("measure", 2, "Click on its two ends.", self._measured)))
        clear = gui.add_button("Clear lengths")
        clear.on_click(answering(lambda event: self._clear()))
        if page.scene.run is None:
            gui.add_markdown("A scale and a direction up are kept with a run; a scene file has no place for them.")
            return
        self.metres = gui.add_number("It is so many metres", 1.0, min=0.0, step=0.01, hint="the length measured last")
        scale = gui.add_button("Set the scale by it")
        floor = gui.add_button("Up: three points of a floor")
        pole = gui.add_button("Up: from bottom to top", hint="two clicks, the lower one first")
        look = gui.add_button("Up: as I look now")
        self.frame = gui.add_markdown(self._frame_in_words())
        ask = "Click on three points of level ground."
        scale.on_click(answering(lambda event: self._set_scale()))
        floor.on_click(answering(lambda event: self._take("floor", 3, ask, self._set_floor)))
        pole.on_click(answering(lambda event: self._take("pole", 2, "Click below, then above.", self._set_pole)))
        look.on_click(answering(lambda event: self._set_up(-self._axes()[:, 1])))
        page.on("scene", self._refresh)
        page.on("frame", self._refresh)

    # -- clicks

    def _take(self, name: str, count: int, ask: str, done: Callable[[np.ndarray], None]) -> None:
        """Collect so many points of surfaces, then call `done` with them, [count, 3]."""
        self._points, self.said.content = [], ask

        def click(place: Place) -> None:
            camera = scene_camera(self.page.pose(), self.page.app.placing, FINE)
            self._points.append(surface_point(self.page.scene.renderer, camera, place))
            left = count - len(self._points)
            self.said.content = f"{ask} {left} more." if left else ""
            self._draw()
            if not left:
                points = np.stack(self._points)
                self.page.hand.drop(name)
                done(points)

        self.page.hand.take(Tool(name, click=click, dropped=self._dropped))
        self._draw()

    def _dropped(self) -> None:
        self._points, self.said.content = [], ""
        self._draw()

    def _measured(self, points: np.ndarray) -> None:
        self.lengths = [*self.lengths, Length(points[0], points[1])][-MOST:]
        self._refresh()

    def _clear(self) -> None:
        self.page.hand.drop("measure")
        self.lengths = []
        self._refresh()

    # -- the frame

    def _known(self) -> SceneFrame | None:
        run = self.page.scene.run
        return None if run is None else run.frame()

    def _set_scale(self) -> None:
        if not self.lengths:
            raise SplatError("measure a distance first, one whose length you know")
        self._align(scale_words(self.lengths[-1], float(self.metres.value), self._known()))

    def _set_floor(self, points: np.ndarray) -> None:
        positions = np.stack([camera.position.double().cpu().numpy() for camera in self.page.scene.cameras])
        self._align(floor_words(points, positions, self._known()))

    def _set_pole(self, points: np.ndarray) -> None:
        self._set_up(direction(points[0], points[1]))

    def _set_up(self, up: np.ndarray) -> None:
        self._align(up_words(up, self._known()))

    def _axes(self) -> np.ndarray:
        """[3, 3] right, down and forward of the tab's camera, as columns, in the scene."""
        return self.page.camera().camtoworld[:3, :3].double().cpu().numpy()

    def _align(self, words: list[str]) -> None:
        command = ["align", str(self.page.scene.place), *words]

        def done(ended: Any) -> None:
            frame = self._known()
            if frame is not None and frame.up is not None:
                self.page.app.set_up(frame.up)
            for page in self.page.app.all_pages():
                page.frame_changed()
            self.frame.content += f"\n\n{block(shlex.join(['splat', *command]))}"

        self.page.do(command, done)

    def _frame_in_words(self) -> str:
        frame = self._known()
        return "No scale and no up is known." if frame is None else f"{plain(frame.describe())}."

    # -- what is seen

    def _refresh(self) -> None:
        if self.page.scene.run is not None:
            self.frame.content = self._frame_in_words()
        if self.lengths:
            self.said.content = f"**{self.lengths[-1].describe(self._known())}**"
        self._draw()

    def _draw(self) -> None:
        """Lines, their lengths, and the points that were clicked so far."""
        scene, placing, frame = self.page.client.scene, self.page.app.placing, self._known()
        with self.page.client.atomic():
            for node in self._nodes:
                node.remove()
            self._nodes = []
            if self.lengths:
                ends = placing.to_page(np.stack([[length.start, length.end] for length in self.lengths]))
                self._nodes.append(
                    scene.add_line_segments(
                        "/measure/lines", ends.astype(np.float32), COLOR, thickness=3.0, thickness_units="screen"
                    )
                )
                for number, (length, pair) in enumerate(zip(self.lengths, ends)):
                    middle = tuple(pair.mean(axis=0).tolist())
                    self._nodes.append(
                        scene.add_label(f"/measure/length/{number}", length.describe(frame), position=middle)
                    )
            points = [*self._points, *(point for length in self.lengths for point in (length.start, length.end))]
            if points:
                self._nodes.append(
                    scene.add_point_cloud(
                        "/measure/points", placing.to_page(np.stack(points)).astype(np.float32), POINT, point_size=0.02
                    )
                )
