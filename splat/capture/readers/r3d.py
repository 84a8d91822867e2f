"""Record3D's own file, .r3d: an archive of the photos and their metadata."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from splat import console
from splat.capture.cache import cache_folder, cache_key
from splat.capture.config import CaptureOptions
from splat.capture.reader_result import ReaderResult
from splat.capture.readers.record3d import PHOTOS, read_record3d
from splat.capture.sfm.colmap_workspace import remove_tree
from splat.errors import SplatError

PHOTO = re.compile(r"rgbd/(\d{1,9})\.(jpg|png)", re.ASCII)
DEPTH = re.compile(r"rgbd/\d{1,9}\.depth", re.ASCII)
METADATA = ("metadata", "metadata.json")
EXPANDS = 3  # times that photos, which are compressed already, may grow when they are unpacked
SMALL = 50_000_000  # bytes that may come of anything


def read_r3d(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read the photos of a .r3d file with their cameras; its depth maps are not read.

    Raises:
        SplatError: no such archive, or as `read_record3d`.
    """
    unpacked = r3d_photos(path, options).parent
    try:
        found = read_record3d(unpacked / "metadata.json", options)
    except SplatError as error:  # the cache is no place that a user knows
        raise SplatError(str(error).replace(str(unpacked), str(path))) from error
    with _opened(path) as archive:
        depth_maps = sum(bool(DEPTH.fullmatch(name)) for name in archive.namelist())
    notes = list(found.notes)
    if depth_maps:
        maps = console.count(depth_maps, "depth map")
        notes.append(f"{maps} of {path.name} not read: export as EXR and RGB from Record3D to use depth")
    return dataclasses.replace(found, kind="r3d", root=path, notes=notes, sides=[], read=[], test_lists=[])


def r3d_photos(path: Path, options: CaptureOptions) -> Path:
    """The folder of the unpacked photos, beside which their metadata lies: in the cache, unpacked again if needed.

    Raises:
        SplatError: no archive, or one that is damaged or would fill the disk.
    """
    if not path.is_file():
        raise SplatError(f"there is no file {path}")
    with cache_folder(options.cache_dir, "r3d", cache_key([path], {"kind": "r3d"})) as folder:
        unpacked = folder / "unpacked"
        if not unpacked.is_dir():
            work = folder / "work"
            remove_tree(work)
            (work / PHOTOS).mkdir(parents=True)
            try:
                _unpack(path, work)
                work.rename(unpacked)
            finally:
                remove_tree(work)
    return unpacked / PHOTOS


def _unpack(path: Path, folder: Path) -> None:
    """Write metadata.json and rgb/0.jpg, …; names in the archive that are no numbers lead nowhere."""
    with _opened(path) as archive:
        wanted: dict[str, str] = {}
        for name in archive.namelist():
            if match := PHOTO.fullmatch(name):
                wanted[name] = f"{PHOTOS}/{int(match[1])}.{match[2]}"
        metadata = next((name for name in METADATA if name in archive.namelist()), None)
        if metadata is None or not wanted:
            raise SplatError(f"{path} holds no metadata and photos; it is no recording of Record3D")
        wanted[metadata] = "metadata.json"
        size = sum(archive.getinfo(name).file_size for name in wanted)
        if size > max(SMALL, EXPANDS * path.stat().st_size):
            raise SplatError(f"{path} would unpack to {size / 1e6:,.0f} MB; it is no recording of Record3D")
        if size > shutil.disk_usage(folder).free:
            raise SplatError(f"{path} unpacks to {size / 1e6:,.0f} MB, which {folder} has no room for; free some space")
        for name, target in wanted.items():
            with archive.open(name) as source, (folder / target).open("wb") as file:
                shutil.copyfileobj(source, file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; what goes wrong in reading it is said in one line."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except SplatError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise SplatError(f"{path} is a damaged archive, or none; copy it again") from error
    except OSError as error:
        raise SplatError(f"cannot unpack {path}: {error.strerror or error}") from error
