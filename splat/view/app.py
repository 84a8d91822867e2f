"""The viewer as a whole: the server, the scenes that are open, and the tabs that look at them."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from splat.console import error
from splat.edit.history import load_history
from splat.errors import SplatError
from splat.view.address import HOST
from splat.view.opened import OpenedScene, open_scene
from splat.view.painter import Painter
from splat.view.placing import Placing
from splat.view.trail import FileTrail
from splat.view.walking import WalkingSplats, walking_splats

if TYPE_CHECKING:
    import viser

LOOK_SECONDS = 1.0  # between looks at what the command line has done to the run


@dataclass(frozen=True)
class ViewOptions:
    """What can be chosen when the viewer starts."""

    host: str = HOST
    port: int = 8080  # 0: any that is free
    splats: int = 500_000  # most that a browser draws while one walks
    backend: str = "auto"


class Watcher(Protocol):
    """A tab, as the viewer as a whole sees it: something to be told."""

    client: viser.ClientHandle

    def scene_changed(self) -> None:
        """The first scene is another one."""

    def frame_changed(self) -> None:
        """The run has another scale or direction up."""

    def close(self) -> None:
        """The tab is gone, or the viewer ends."""


@dataclass
class App:
    """Everything that tabs share."""

    server: viser.ViserServer
    options: ViewOptions
    scenes: list[OpenedScene]  # one or two, the first is what is edited
    placing: Placing  # of the first scene, for the whole life of the page: nobody's camera jumps after an edit
    walking: WalkingSplats
    scratch: Path  # a folder for files of the moment, such as selections that a command takes
    trail: FileTrail = field(default_factory=FileTrail)  # of scene files
    painter: Painter = field(default_factory=Painter)
    pages: dict[int, Watcher] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def scene(self) -> OpenedScene:
        """The first scene."""
        return self.scenes[0]

    def show(self, scene: OpenedScene) -> None:
        """Another state of the first scene: all tabs see it."""
        with self.lock:
            self.scenes[0] = scene
            self.walking = walking_splats(scene.renderer.scene, self.placing, self.options.splats)
        for page in self.all_pages():
            page.scene_changed()

    def reload(self) -> None:
        """Show the edit that is in force now, if it is another one than is shown.

        Raises:
            SplatError: the run went away or is damaged.
        """
        with self.lock:
            shown = self.scene
            if shown.run is None or load_history(shown.source).place.resolve() == shown.place.resolve():
                return
            scene = open_scene(shown.source, self.options.backend)
        self.show(scene)

    def set_up(self, up: np.ndarray) -> None:
        """Walk with another direction up, [3] in the scene's axes, from now on and in all tabs."""
        with self.lock:
            self.placing = dataclasses.replace(self.placing, up=up / np.linalg.norm(up))
        direction = tuple(self.placing.up.tolist())
        self.server.scene.set_up_direction(direction)
        for page in self.all_pages():
            page.client.camera.up_direction = direction

    def all_pages(self) -> list[Watcher]:
        """The tabs that are open."""
        with self.lock:
            return list(self.pages.values())

    def wait(self) -> None:
        """Follow the run until `stop` or Ctrl-C."""
        said = ""
        while not self.stopped.wait(LOOK_SECONDS):
            try:
                self.reload()
                said = ""
            except SplatError as problem:  # in the middle of an undo, or for good
                if str(problem) != said:
                    error(str(problem))
                said = str(problem)

    def stop(self) -> None:
        """Cancel all work and close the port; may be called twice."""
        self.stopped.set()
        for page in self.all_pages():
            page.close()
        self.painter.stop()
        self.server.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)
