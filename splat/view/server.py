"""The port and the page of viser behind every page of ours."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from splat.lazy import lazy
from splat.view.address import HOST, check_port, own_pages_only

if TYPE_CHECKING:
    import rich
    import viser
else:
    rich, viser = lazy("rich"), lazy("viser")


def open_server(port: int, key: str = "port") -> viser.ViserServer:
    """Listen on this machine alone.

    Args:
        port: 0 for any that is free.
        key: under which the user set it.

    Raises:
        SplatError: the port is taken.
    """
    check_port(port, key)
    warnings.filterwarnings("ignore", "Queued a .* on a closed connection")  # to tabs that go while they are told
    rich.get_console().quiet = True  # viser's banners; what we say goes through a console of our own
    with own_pages_only():
        server = viser.ViserServer(host=HOST, port=port, label="splat", verbose=False)
    server.gui.configure_theme(
        control_width="large", dark_mode=True, show_logo=False, show_share_button=False, brand_color=(120, 90, 220)
    )
    return server
