"""Where costly results (structure from motion, triangulation, video frames) are kept between runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from splat.errors import SplatError

VERSION = 2  # raise when results of the same input and options change


def cache_root(cache_dir: str | None) -> Path:
    """The cache folder: the option, else $SPLAT_CACHE, else the user's own; never inside the capture."""
    chosen = cache_dir or os.environ.get("SPLAT_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "splat" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "splat"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "splat"


def cache_key(files: Iterable[Path], settings: Mapping[str, Any]) -> str:
    """A name for the result of `settings` on `files`: changes with any name, size, modification time or setting."""
    listed = []
    for path in files:
        stat = path.stat()
        listed.append([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
    text = json.dumps([VERSION, listed, dict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@contextlib.contextmanager
def cache_folder(cache_dir: str | None, kind: str, key: str) -> Iterator[Path]:
    """The folder of one result, locked: another process that wants the same result waits for this one.

    Raises:
        SplatError: when it cannot be made.
    """
    try:
        folder = cache_root(cache_dir) / kind / key
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        reason = getattr(error, "strerror", None) or error
        where = cache_dir or os.environ.get("SPLAT_CACHE") or "the user's cache folder"
        raise SplatError(f"cannot write to {where} ({reason}); choose a place with $SPLAT_CACHE") from error
    with lock:
        with contextlib.suppress(ImportError):  # Windows: no lock, two runs at once would both compute
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def require_space(folder: Path, photos: int, features: int) -> None:
    """Check that the features of so many photos fit on the disk: COLMAP ends the whole process when it is full.

    Raises:
        SplatError: too little free space.
    """
    needed = 50_000_000 + photos * features * 500  # a descriptor, its place and its matches, and as much for the log
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SplatError(
            f"{folder} has {free / 1e6:,.0f} MB free, but the features of {photos} photos need about"
            f" {needed / 1e6:,.0f} MB; free some space or choose another place with $SPLAT_CACHE"
        )
