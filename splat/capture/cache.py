"""Where costly results (structure from motion, triangulation, video frames) are kept between runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splat.capture.types import Points, PoseFit
from splat.errors import SplatError
from splat.files import atomic_path

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


def kept_points(file: Path, make: Callable[[], Points | None]) -> Points | None:
    """Points that are kept in an .npz file of the cache, made at first; None where there are none.

    Raises:
        SplatError: the file is damaged; it is removed.
    """
    if not file.is_file():
        made = make()
        xyz, rgb = (np.zeros((0, 3)), np.zeros((0, 3), np.uint8)) if made is None else (made.xyz, made.rgb)
        fit = [] if made is None or made.fit is None else [made.fit.error, made.fit.side, made.fit.views]
        with atomic_path(file) as temporary:
            np.savez_compressed(temporary, xyz=xyz, rgb=rgb, fit=np.array(fit, np.float64))
    try:
        with np.load(file, allow_pickle=False) as data:
            xyz, rgb = data["xyz"], data["rgb"]
            fit = data["fit"].tolist() if "fit" in data else []
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        file.unlink(missing_ok=True)
        raise SplatError(f"the cached points {file} were damaged and are removed; run again") from error
    known = PoseFit(fit[0], int(fit[1]), fit[2]) if len(fit) == 3 else None
    return Points(xyz, rgb, fit=known) if len(xyz) else None
