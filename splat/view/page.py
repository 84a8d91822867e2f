"""One tab of the browser: where it looks, what it shows and has selected, and the work that it has asked for."""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from splat.cameras import Camera
from splat.edit.select.selection import Selection, save_selection
from splat.errors import SplatError
from splat.lazy import lazy
from splat.view.jobs import Ended
from splat.view.opened import OpenedScene
from splat.view.picking import Hand
from splat.view.placing import Pose, scene_camera
from splat.view.schedule import Schedule
from splat.view.shown import Shown, compared, draw, place_of_first
from splat.view.standing import lines_of, pose_of, stand
from splat.view.work import WorkBar

if TYPE_CHECKING:
    import viser

    from splat.view.app import App
else:
    viser = lazy("viser")

Event = TypeVar("Event")
Change = Literal["scene", "selection", "shown", "frame"]
LINES = 720  # of a whole picture, at most, before the tab says otherwise
_SERVED = threading.local()  # .page: the tab for which a thread does something now
MOST_WARNINGS = 3  # of a command, that a tab shows
LONGEST_TEXT = 1000  # characters that a field of the page may hold


class Page:
    """What belongs to one tab; panels (`splat.view.panels`) put the controls into it."""

    def __init__(self, app: App, client: viser.ClientHandle) -> None:
        self.app, self.client, self.gui = app, client, client.gui
        self.schedule = Schedule()
        self._shown, self._about = Shown(), app.scene  # what is shown, and the scene that it is about
        self.lines = LINES
        self.browser_walks = True  # whether the browser draws while the camera moves
        self.last_seconds = 0.0  # that the last whole picture took
        self.lock = threading.RLock()  # one thing at a time happens to a tab
        self.work = WorkBar(self.gui, self._ended)
        self.hand = Hand(client.scene, self.answering, lambda place: place_of_first(place, self.shown))
        self._splats: viser.GaussianSplatHandle | None = None
        self._failed = ""  # why the last picture could not be drawn
        self._pictured = False  # whether an exact picture is on the page
        self._listeners: dict[Change, list[Callable[[], None]]] = {name: [] for name in get_args(Change)}
        self._closed = False

    # -- start and end

    def start(self, build: Callable[[Page], None]) -> None:
        """Fill the tab with what `build` puts into it."""
        with self.lock:
            self._about = self.app.scene  # of another one it is told from now on, once it is filled
            self.send_walking()
            build(self)
            self.stand_at(self.app.scene.cameras[0])
        self.client.camera.on_update(lambda camera: self.moved())
        self.app.painter.add(self)
        if self._closed:  # meanwhile
            self.app.painter.remove(self)
        self.redraw()

    def close(self) -> None:
        """The tab is gone: nothing is drawn for it, and its work is cancelled."""
        if not self._closed:
            self._closed = True
            self.app.painter.remove(self)
            self.work.close()

    @property
    def open(self) -> bool:
        """Whether the tab is there still."""
        return not self._closed

    # -- what is seen

    @property
    def scene(self) -> OpenedScene:
        """The scene that is asked and edited."""
        return self.app.scene

    @property
    def shown(self) -> Shown:
        """What the tab shows; nothing that is about another state of the scene than the one in force now."""
        return self._shown_of(self.app.scene)

    def _shown_of(self, scene: OpenedScene) -> Shown:
        return self._shown if self._about is scene else self._shown.elsewhere()

    def pose(self) -> Pose:
        """Where the tab's camera is, in the page's frame."""
        return pose_of(self.client)

    def camera(self, scale: float = 1.0) -> Camera:
        """The tab's camera in the scene, for exact pictures at a share of the sides."""
        lines = min(self.lines, lines_of(self.client))
        return scene_camera(self.pose(), self.app.placing, round(lines * scale))

    def stand_at(self, camera: Camera) -> None:
        """Look from a camera of the scene."""
        stand(self.client, camera, self.app.placing, self.scene.depth)
        self.moved()

    def show(self, **changes: Any) -> None:
        """Show something else, by the fields of `Shown`."""
        with self.lock:
            self._shown, self._failed = dataclasses.replace(self.shown, **changes), ""
        self._call("shown")
        self.redraw()

    def on(self, change: Change, listener: Callable[[], None]) -> None:
        """Call this when the scene is another one, after an edit or an undo, or something else is selected or shown.

        Or when another frame is known of it: its scale or its up.
        """
        self._listeners[change].append(listener)

    def _call(self, *changes: Change) -> None:
        for change in changes:
            for listener in self._listeners[change]:  # what goes wrong with one is said, and the others are told too
                self.answering(lambda event, listener=listener: listener())(None)  # type: ignore[misc]

    def redraw(self) -> None:
        """What is seen is another thing, or looks otherwise."""
        self.schedule.moving = not (self.browser_walks and self.shown.plain)
        self.app.painter.touch(self)

    def moved(self) -> None:
        """The camera moved."""
        self.schedule.moving = not (self.browser_walks and self.shown.plain)
        if not self.schedule.moving:
            self._walk(True)
        self.app.painter.touch(self, moved=True)

    def paint(self, scale: float) -> None:
        """Draw the exact picture at a share of the sides and send it; see `Canvas`."""
        try:
            began, stamp = time.monotonic(), self.schedule.stamp
            picture = self.picture(self.camera(scale))
            walked = self.schedule.stamp != stamp and not self.schedule.moving
            if self._closed or walked:  # the browser draws now, and this is seen from where the camera was
                return
            self.client.scene.set_background_image(picture, format="jpeg", jpeg_quality=90 if scale >= 1 else 60)
            self._walk(False)
            self._failed = ""
            if scale >= 1:
                self.last_seconds = time.monotonic() - began
        except Exception as problem:
            if str(problem) != self._failed:  # else each movement of the camera would say it
                self._failed = str(problem)
                self.tell(str(problem)) if isinstance(problem, SplatError) else self._defect(problem)
            raise

    def picture(self, camera: Camera) -> np.ndarray:
        """[H, W, 3] uint8 RGB of what is shown, from a camera of the scene."""
        scenes = list(self.app.scenes)
        shown = self._shown_of(scenes[0])
        if len(scenes) == 1 or shown.compared == "first":
            return draw(scenes[0], camera, shown)
        other = dataclasses.replace(shown, selection=None, relevancy=None, preview=None)
        if shown.picture == "relevancy":
            other = dataclasses.replace(other, picture="colours")
        second = draw(scenes[1], camera, other, scenes[0].depth)  # whose colours of depth compare
        return second if shown.compared == "second" else compared(draw(scenes[0], camera, shown), second, shown)

    def send_walking(self) -> None:
        """Give the browser what it draws while one walks."""
        splats = self.app.walking
        self._splats = self.client.scene.add_gaussian_splats(
            "/walking", splats.centers, splats.covariances, splats.rgbs, splats.opacities
        )
        self._pictured = False

    def _walk(self, walks: bool) -> None:
        """Let the browser's own drawing be seen, or the exact picture behind everything."""
        if walks and self._pictured:
            self.client.scene.set_background_image(None)
        if self._splats is not None and self._splats.visible != walks:
            self._splats.visible = walks
        self._pictured = not walks

    # -- what is selected

    @property
    def selection(self) -> Selection | None:
        """What is selected of the first scene."""
        return self.shown.selection

    def select(self, selection: Selection | None) -> None:
        """Select these Gaussians, which then glow; None for nothing."""
        if selection is not None and not selection.count:
            raise SplatError(f"{selection.source} selects nothing; the selection stays as it is")
        self.show(selection=selection)
        self._call("selection")

    def selection_file(self) -> Path:
        """What is selected as a file that `select.file=` takes.

        Raises:
            SplatError: nothing is selected, or a command runs that may have yet to read the file.
        """
        self.work.check_free()
        if self.selection is None:
            raise SplatError("nothing is selected; select something first")
        save_selection(self.selection_path, self.selection, self.scene.digest or None)
        return self.selection_path

    @property
    def selection_path(self) -> Path:
        """Where `selection_file` writes."""
        return self.app.scratch / f"selection-{self.client.client_id}.safetensors"

    def scene_changed(self) -> None:
        """The scene is another one: what was selected of the old one is not of this one."""
        self._in_turn(self._show_scene)

    def _show_scene(self) -> None:
        had, scene = self._shown.selection is not None, self.app.scene
        self._shown = self._shown_of(scene)
        self._about = scene
        self.send_walking()
        self._call("scene", *(("selection",) if had else ()))
        self.redraw()

    def frame_changed(self) -> None:
        """Another scale or direction up is known of the scene."""
        self._in_turn(lambda: self._call("frame"))

    def _in_turn(self, told: Callable[[], None]) -> None:
        """Let the tab do something once it is free: in a thread of its own if this one holds another tab's lock.

        Two tabs that wait for each other would wait for ever.
        """

        def tell() -> None:
            with self.lock:
                if self.open:
                    told()

        if getattr(_SERVED, "page", None) in (None, self):
            tell()
        else:
            threading.Thread(target=tell, daemon=True).start()

    # -- what is said and done

    def tell(self, sentence: str, title: str = "", good: bool = False, seconds: float | None = 12.0) -> None:
        """Say something in the tab."""
        color = (60, 160, 90) if good else (200, 120, 40)
        self.client.add_notification(title, sentence, auto_close_seconds=seconds, color=color)

    def answering(self, function: Callable[[Event], None]) -> Callable[[Event], None]:
        """A callback of viser that does one thing at a time and says in the tab what goes wrong.

        viser prints exceptions of callbacks where the user of the page does not see them. While something else is
        done, of many movements of a control one waits, which then finds the newest value: all tabs share the threads
        that could wait.
        """
        waits = threading.Lock()

        @functools.wraps(function)
        def answered(event: Event) -> None:
            moved = _is_movement(event)
            if moved and not waits.acquire(blocking=False):
                return
            before = getattr(_SERVED, "page", None)
            try:
                with self.lock:
                    if moved:
                        waits.release()
                    _SERVED.page = self
                    function(event)
            except SplatError as problem:
                self.tell(str(problem))
            except Exception as problem:
                self._defect(problem)
            finally:
                _SERVED.page = before

        return answered

    def do(self, words: Sequence[str], then: Callable[[Ended], None] | None = None) -> None:
        """Run a command of splat beside the page; `then` is called when it succeeded, the scene having been reloaded.

        Raises:
            SplatError: something of this tab is running already.
        """
        self.work.run(words, then)

    def _ended(self, ended: Ended, then: Callable[[Ended], None] | None) -> None:
        for warning in ended.warnings[:MOST_WARNINGS]:
            self.tell(warning, "warning")
        if len(ended.warnings) > MOST_WARNINGS:
            self.tell(f"and {len(ended.warnings) - MOST_WARNINGS} more warnings")
        if ended.sentence:
            self.tell(ended.sentence)
            return

        def finish(event: None) -> None:
            self.app.reload()
            if then is not None:
                then(ended)

        self.answering(finish)(None)

    def text(self, value: str) -> str:
        """What somebody typed.

        Raises:
            SplatError: more than anybody types.
        """
        if len(value) > LONGEST_TEXT:
            raise SplatError(f"that are {len(value):,} characters; {LONGEST_TEXT:,} are the most")
        return value.strip()

    def _defect(self, problem: Exception) -> None:
        if os.environ.get("SPLAT_DEBUG", "") not in ("", "0"):
            traceback.print_exception(problem)
        first = (str(problem).strip().splitlines() or [""])[0]
        self.tell(f"{type(problem).__name__}: {first} (a defect of splat; please report)")


def _is_movement(event: object) -> bool:
    """Whether somebody moves a control or a handle, which he then moves on: not a press, a click or a program."""
    if getattr(event, "client", None) is None:
        return False
    if isinstance(event, viser.GuiEvent):
        return not isinstance(event.target, (viser.GuiButtonHandle, viser.GuiButtonGroupHandle))
    return isinstance(event, viser.TransformControlsEvent) and event.phase == "update"
