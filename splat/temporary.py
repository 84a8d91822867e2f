"""Half-written files: kept in folders that are named after their process, and cleared away when it died.

Everything of ours that is not whole yet lies in such a folder beside the place where it will stand, so that one rule
finds what a killed process left, whichever library wrote it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from splat import console
from splat.lazy import lazy

psutil = lazy("psutil")

NAME = re.compile(r"\.splat-(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-\w+")
FOREIGN_SECONDS = 2 * 86_400.0  # nothing is written for longer; of another machine's processes nothing else is known

_mine: set[str] = set()  # in use by this process
_cleared: set[str] = set()  # folders that this process has looked through


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """An empty folder in `parent`, which must exist, for the time of some work; leftovers of the dead go first.

    Raises:
        OSError: when the folder cannot be made.
    """
    clear(parent)
    folder = Path(tempfile.mkdtemp(prefix=f".splat-{place()}-{os.getpid()}-", dir=parent))
    _mine.add(folder.name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _mine.discard(folder.name)


def is_temporary(name: str) -> bool:
    """Whether a file or folder of that name is one of ours that is not whole yet."""
    return NAME.fullmatch(name) is not None


def clear(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder; a process looks into each folder once."""
    seen = str(folder.absolute())
    if seen in _cleared:
        return
    _cleared.add(seen)
    with contextlib.suppress(OSError):
        with os.scandir(folder) as entries:
            dead = [Path(entry.path) for entry in entries if is_temporary(entry.name) and _abandoned(Path(entry.path))]
        for path in dead:
            shutil.rmtree(path, ignore_errors=True)
        if dead:
            console.info(f"removed {console.count(len(dead), 'half-written file')} of killed processes from {folder}")


def _abandoned(path: Path) -> bool:
    """Whether nobody writes into a temporary folder any more."""
    match = NAME.fullmatch(path.name)
    assert match is not None
    touched = _touched(path)
    if match["place"] != place():
        return time.time() - touched > FOREIGN_SECONDS
    if int(match["pid"]) == os.getpid():
        return path.name not in _mine  # the number was another's before
    try:
        return psutil.Process(int(match["pid"])).create_time() > touched + 2.0
    except psutil.AccessDenied:
        return False
    except (psutil.Error, OverflowError):
        return True


def _touched(path: Path) -> float:
    """When anything in a folder was last written, seconds since 1970."""
    times = [path.stat().st_mtime]
    for inside, _, files in os.walk(path):
        for name in (".", *files):
            with contextlib.suppress(OSError):
                times.append(Path(inside, name).lstat().st_mtime)
    return max(times)


@functools.cache
def place() -> str:
    """The processes that can be seen from here: those of this machine, or of this container of it."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no Linux
        processes = ""
    return hashlib.sha256(f"{socket.gethostname()}/{processes}".encode()).hexdigest()[:8]
