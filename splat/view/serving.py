"""From sources and options to a viewer that tabs can come to."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from splat.console import count, info, warn
from splat.view.address import check_host, check_port
from splat.view.app import App, ViewOptions
from splat.view.comparing import frames_in_words
from splat.view.opened import open_scene
from splat.view.page import Page
from splat.view.panels import build_panels
from splat.view.server import open_server
from splat.view.walking import walking_splats

if TYPE_CHECKING:
    import viser


def open_app(sources: Sequence[Path], options: ViewOptions) -> App:
    """Open scenes and a port; tabs may come from now on.

    Args:
        sources: one or two runs, edits or scene files.
        options: of the viewer.

    Raises:
        SplatError: no scene there, or an address that is refused or taken.
    """
    check_host(options.host, options.port)
    check_port(options.port)
    scenes = [open_scene(typed(source), options.backend) for source in sources]
    placing = scenes[0].placing
    walking = walking_splats(scenes[0].renderer.scene, placing, options.splats)
    for scene in scenes:
        info(f"{scene.title}: {count(len(scene.renderer.scene), 'Gaussian')}, {count(len(scene.cameras), 'camera')}")
    if note := walking.in_words():
        info(note)
    if len(scenes) == 2 and (warning := frames_in_words(*scenes)):
        warn(warning)
    server = open_server(options.port)
    app = App(server, options, scenes, placing, walking, Path(tempfile.mkdtemp(prefix="splat-view-")))
    server.scene.set_up_direction(tuple(placing.up.tolist()))
    server.on_client_connect(functools.partial(connect, app))
    server.on_client_disconnect(functools.partial(disconnect, app))
    return app


def typed(source: Path) -> Path:
    """A path that stands for itself in a command: without its folders `a=b` is a key and `-a` an option."""
    return source.absolute() if "=" in str(source) or str(source).startswith("-") else source


def connect(app: App, client: viser.ClientHandle) -> None:
    """A tab opens."""
    page = Page(app, client)
    with app.lock:
        app.pages[client.client_id] = page
    page.start(build_panels)
    if client.client_id not in app.server.get_clients():  # it was closed before this knew of it
        disconnect(app, client)


def disconnect(app: App, client: viser.ClientHandle) -> None:
    """A tab was closed: its work stops."""
    with app.lock:
        page = app.pages.pop(client.client_id, None)
    if page is not None:
        page.close()
