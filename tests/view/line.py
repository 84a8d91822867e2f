"""A tab without a browser: the line that a page of viser's holds open to the viewer."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import viser
from viser import _messages
from websockets.sync.client import ClientConnection, connect

from splat.view.app import App
from splat.view.page import Page
from tests.view.pages import wait_until

CAMERA = _messages.ViewerCameraMessage(
    wxyz=(1.0, 0.0, 0.0, 0.0),
    position=(0.0, 0.0, -3.0),
    fov=0.8,
    near=0.01,
    far=1000.0,
    image_height=120,
    image_width=160,
    look_at=(0.0, 0.0, 0.0),
    up_direction=(0.0, -1.0, 0.0),
)


@contextmanager
def open_line(server: viser.ViserServer, size: tuple[int, int] = (160, 120)) -> Iterator[None]:
    """What a browser's tab holds open to a server; what comes over it is read and forgotten.

    Args:
        server: of the viewer, or of a training.
        size: width and height of the tab's picture in pixels.
    """
    address = f"ws://127.0.0.1:{server.get_port()}"
    protocol = f"viser-v{viser.__version__}"
    with connect(address, subprotocols=[protocol], max_size=None, open_timeout=60) as line:  # type: ignore[list-item]
        threading.Thread(target=_read, args=(line,), daemon=True).start()
        camera = dataclasses.replace(CAMERA, image_width=size[0], image_height=size[1])
        line.send(msgspec.msgpack.encode({"type": type(camera).__name__, **dataclasses.asdict(camera)}))
        yield


@contextmanager
def lone_page(app: App, size: tuple[int, int] = (160, 120)) -> Iterator[Page]:
    """A tab of the viewer that nobody sees."""
    before = set(app.pages)
    with open_line(app.server, size):
        wait_until(lambda: bool(set(app.pages) - before), "the tab to connect")
        page = app.pages[(set(app.pages) - before).pop()]
        assert isinstance(page, Page)
        wait_until(lambda: any(canvas is page for canvas in app.painter._canvases), "the controls")
        yield page


def _read(line: ClientConnection) -> None:
    for _ in line:
        pass
