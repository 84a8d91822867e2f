"""One file from a server, whole or not at all, and no wait without an end."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from splat import console
from splat.errors import SplatError
from splat.files import atomic_path

BLOCK = 1 << 18  # bytes that are taken at once, at most
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """Seconds after which a download gives up."""

    connect: float = 5.0  # until the server answers; looking its name up counts
    stall: float = 15.0  # without a byte
    total: float = 900.0  # altogether


class FetchError(Exception):
    """Why a file could not be had, in a few words."""


def fetch(
    url: str,
    path: Path,
    sha256: str,
    limit: int,
    announce: Callable[[int | None], str],
    bounds: Bounds | None = None,
) -> None:
    """Download a file to `path`, atomically.

    Args:
        url: http or https.
        sha256: how the file's SHA-256 begins, in hexadecimal digits.
        limit: bytes; a server that sends more is not believed.
        announce: what to say before the first byte is taken, given the size in bytes as the server tells it.
        bounds: how long to wait.

    Raises:
        FetchError: no answer, a line that stalls or is too slow, a file cut short or damaged, a disk that refuses.
            Nothing is left of the file then.
    """
    bounds = bounds or Bounds()
    answer = _blocks(url, bounds)
    size = next(answer)
    assert not isinstance(size, bytes)
    console.info(announce(size))
    total = None if size is None else -(-size // MEGABYTE)
    digest, received = hashlib.sha256(), 0
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            with console.progress(f"fetching {path.name}", total, unit="MB") as bar:
                for block in answer:
                    assert isinstance(block, bytes)
                    file.write(block)
                    digest.update(block)
                    received += len(block)
                    bar.advance(-(-received // MEGABYTE) - bar.completed)
                    if received > limit:
                        raise FetchError(f"it sends more than {limit / MEGABYTE:.0f} MB")
            if size is not None and received < size:
                raise FetchError(f"the line broke after {_share(received, size)}")
            if not digest.hexdigest().startswith(sha256):
                raise FetchError(f"what came is damaged: its SHA-256 does not begin with {sha256}; removed")
    except SplatError as error:  # of atomic_path
        raise FetchError(str(error)) from error
    finally:
        answer.close()


def _share(received: int, size: int) -> str:
    return f"{received / MEGABYTE:.1f} of {size / MEGABYTE:.1f} MB"


def _blocks(url: str, bounds: Bounds) -> Generator[bytes | int | None, None, None]:
    """The size that the server tells (or None), then the content as it comes.

    A thread of its own receives, because a look-up of a name knows no time limit; it may be left behind.
    """
    box: queue.Queue = queue.Queue(64)
    stop = threading.Event()
    timeout = max(bounds.connect, bounds.stall)
    threading.Thread(target=_receive, args=(url, timeout, box, stop), daemon=True).start()
    end = time.monotonic() + bounds.total
    wait, problem = bounds.connect, f"no answer within {bounds.connect:g} s"
    try:
        while True:
            left = end - time.monotonic()
            try:
                kind, value = box.get(timeout=max(0.0, min(wait, left)))
            except queue.Empty:
                late = left <= wait
                raise FetchError(f"not done within {bounds.total:g} s" if late else problem) from None
            if kind == "error":
                raise FetchError(value)
            if kind == "end":
                return
            yield value
            if time.monotonic() >= end:  # bytes that trickle in keep the queue from running empty
                raise FetchError(f"not done within {bounds.total:g} s")
            wait, problem = bounds.stall, f"the line stalled: nothing came for {bounds.stall:g} s"
    finally:
        stop.set()


def _receive(url: str, timeout: float, box: queue.Queue, stop: threading.Event) -> None:
    """Put ("size", n), ("block", bytes) ... ("end", None) or ("error", why) into the box, until told to stop."""

    def put(kind: str, value: object) -> None:
        while not stop.is_set():
            try:
                return box.put((kind, value), timeout=0.5)
            except queue.Full:
                continue

    try:
        request = urllib.request.Request(url, headers={"User-Agent": "splat"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            length = answer.headers.get("Content-Length", "")
            put("size", int(length) if length.isdigit() else None)
            while not stop.is_set():
                block = answer.read1(BLOCK)
                if not block:
                    break
                put("block", block)
        put("end", None)
    except Exception as error:  # urllib, http.client, ssl and socket raise many kinds
        reason = getattr(error, "reason", None)
        text = str(error) if isinstance(error, urllib.error.HTTPError) or reason is None else str(reason)
        put("error", (text.strip() or type(error).__name__).splitlines()[0])
