"""Where the viewer listens: on this machine alone. A page that can edit and write is no thing for a network."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
from collections.abc import Iterator

from websockets.asyncio import server

from splat.errors import SplatError

HOST = "127.0.0.1"
OWN = (HOST, "localhost")
ORIGINS = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")  # pages that may connect, ssh -L's included


def check_host(host: str, port: int) -> None:
    """Refuse to listen where others can connect.

    Raises:
        SplatError: with the line that reaches the viewer from another machine all the same.
    """
    if host not in OWN:
        name = socket.gethostname()
        raise SplatError(
            f"host={host}: the viewer has no password and listens on {HOST} alone; on the other machine type:"
            f" ssh -L {port}:{HOST}:{port} {name}, and open http://localhost:{port} there"
        )


def check_port(port: int, key: str = "port") -> None:
    """Refuse a port that is taken; another one than was asked for would be hard to find.

    Raises:
        SplatError: with another port that is free.
    """
    if port == 0:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return
        except PermissionError:
            raise SplatError(f"{key}={port} is not for everybody on this machine; choose one above 1023") from None
        except OSError:
            pass
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        raise SplatError(f"{key}={port} is taken, by another viewer perhaps; {key}={probe.getsockname()[1]} is free")


@contextlib.contextmanager
def own_pages_only() -> Iterator[None]:
    """Websocket servers that start meanwhile refuse pages of other hosts.

    A browser lets every page that it shows connect to 127.0.0.1; without this any of them could edit the scene. viser
    does not ask from where a connection comes, and has no setting for it.
    """
    usual = server.serve
    server.serve = functools.partial(usual, origins=[None, ORIGINS])  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        server.serve = usual  # type: ignore[misc]
