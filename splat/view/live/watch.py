"""The page of one training, from before the capture is read until its scores are known."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from splat.train.hooks import HookContext
from splat.view.live.board import Board
from splat.view.live.gallery import Gallery
from splat.view.live.hook import LiveHook
from splat.view.live.tab import LiveTab
from splat.view.server import open_server

if TYPE_CHECKING:
    import viser

LAST_WORDS = 0.5  # seconds that tabs get to hear the last sentence before the port closes


class Watch:
    """A port that tabs may look at.

    Args:
        port: 0 for any that is free.
        key: under which the user set it.

    Raises:
        SplatError: the port is taken.
    """

    def __init__(self, port: int = 0, key: str = "port") -> None:
        self.server = open_server(port, key)
        self.board = Board(self.server)
        self._tabs: dict[int, LiveTab] = {}
        self._lock = threading.Lock()
        self.server.on_client_connect(self._connect)
        self.server.on_client_disconnect(self._disconnect)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.server.get_port()}"

    def hook(self, context: HookContext) -> LiveHook:
        """The hook of the training that is watched; a `HookMaker`."""
        return LiveHook(context, self.board, Gallery(self.server, self.board, context.scene, self.tabs))

    def tabs(self) -> list[LiveTab]:
        """Those that are open."""
        with self._lock:
            return list(self._tabs.values())

    def over(self, sentence: str, command: str = "") -> None:
        """Say in the page that the training has ended, and by which command to go on."""
        self.board.over(sentence, command)
        self.server.flush()

    def close(self) -> None:
        """Close the port."""
        if self.tabs():
            time.sleep(LAST_WORDS)
        self.server.stop()

    def _connect(self, client: viser.ClientHandle) -> None:
        with self._lock:
            self._tabs[client.client_id] = LiveTab(client)
        if client.client_id not in self.server.get_clients():  # it was closed before this knew of it
            self._disconnect(client)

    def _disconnect(self, client: viser.ClientHandle) -> None:
        with self._lock:
            tab = self._tabs.pop(client.client_id, None)
        if tab is not None:
            tab.closed = True
