"""The kinds of captures: how each is recognised and read. A new kind is a module beside this one and a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splat.capture.colmap.places import OWN_PLACES, model_folders
from splat.capture.config import CaptureOptions
from splat.capture.reader_result import ReaderResult
from splat.capture.readers.arkitscenes import arkitscenes_folders, read_arkitscenes
from splat.capture.readers.blender import read_blender
from splat.capture.readers.bundler import bundler_file, read_bundler
from splat.capture.readers.colmap import read_colmap
from splat.capture.readers.kapture import kapture_folder, read_kapture
from splat.capture.readers.llff import FILE as LLFF_FILE
from splat.capture.readers.llff import read_llff
from splat.capture.readers.metashape import metashape_file, read_metashape
from splat.capture.readers.opensfm import FILE as OPENSFM_FILE
from splat.capture.readers.opensfm import opensfm_file, read_opensfm
from splat.capture.readers.photos import has_photos, read_photos
from splat.capture.readers.polycam import polycam_folders, read_polycam
from splat.capture.readers.r3d import r3d_photos, read_r3d
from splat.capture.readers.reality import read_reality, reality_file
from splat.capture.readers.reality_xmp import xmp_folder
from splat.capture.readers.record3d import FILES as RECORD3D_FILES
from splat.capture.readers.record3d import read_record3d, record3d_file
from splat.capture.readers.transforms import read_transforms
from splat.capture.readers.video import read_video, video_frames, videos_in
from splat.capture.suffixes import VIDEO_SUFFIXES
from splat.errors import SplatError


def _never(path: Path) -> bool:
    return False


@dataclass(frozen=True)
class CaptureReader:
    """One kind of capture."""

    name: str
    read: Callable[[Path, CaptureOptions], ReaderResult]
    is_surely: Callable[[Path], bool] = _never  # of a folder: nothing else looks like it
    may_be: Callable[[Path], bool] = _never  # of a folder that is surely none of the others
    files: frozenset[str] = frozenset()  # names, in lower case, of single files that are such a capture
    suffixes: frozenset[str] = frozenset()  # of single files that are such a capture, if no reader knows their names
    brings_cameras: bool = True  # else structure from motion finds them
    unpack: Callable[[Path, CaptureOptions], Path] | None = None  # of one file: the folder in the cache of its photos


# In the order in which they are asked
READERS = {
    reader.name: reader
    for reader in (
        CaptureReader(
            "colmap",
            read_colmap,
            is_surely=lambda path: bool(model_folders(path, OWN_PLACES)),
            may_be=lambda path: bool(model_folders(path)),
        ),
        CaptureReader(
            "transforms",
            read_transforms,
            is_surely=lambda path: (path / "transforms.json").is_file(),
            suffixes=frozenset({".json"}),
        ),
        CaptureReader("blender", read_blender, is_surely=lambda path: (path / "transforms_train.json").is_file()),
        CaptureReader(
            "record3d",
            read_record3d,
            is_surely=lambda path: record3d_file(path) is not None,
            files=frozenset(RECORD3D_FILES),
        ),
        CaptureReader("r3d", read_r3d, suffixes=frozenset({".r3d"}), unpack=r3d_photos),
        CaptureReader("polycam", read_polycam, is_surely=lambda path: polycam_folders(path) is not None),
        CaptureReader("arkitscenes", read_arkitscenes, is_surely=lambda path: arkitscenes_folders(path) is not None),
        CaptureReader(
            "llff", read_llff, is_surely=lambda path: (path / LLFF_FILE).is_file(), files=frozenset({LLFF_FILE})
        ),
        CaptureReader(
            "metashape",
            read_metashape,
            is_surely=lambda path: metashape_file(path) is not None,
            suffixes=frozenset({".xml"}),
        ),
        CaptureReader(
            "realitycapture",
            read_reality,
            is_surely=lambda path: reality_file(path) is not None or xmp_folder(path) is not None,
            suffixes=frozenset({".csv"}),
        ),
        CaptureReader(
            "opensfm",
            read_opensfm,
            is_surely=lambda path: opensfm_file(path) is not None,
            files=frozenset({OPENSFM_FILE}),
            suffixes=frozenset({".json"}),
        ),
        CaptureReader(
            "bundler",
            read_bundler,
            is_surely=lambda path: bundler_file(path) is not None,
            suffixes=frozenset({".out"}),
        ),
        CaptureReader("kapture", read_kapture, is_surely=lambda path: kapture_folder(path) is not None),
        CaptureReader("photos", read_photos, may_be=has_photos, brings_cameras=False),
        CaptureReader(
            "video",
            read_video,
            may_be=lambda path: len(videos_in(path)) == 1,
            suffixes=VIDEO_SUFFIXES,
            brings_cameras=False,
            unpack=video_frames,
        ),
    )
}


def file_format(path: Path, asked: str = "auto") -> str | None:
    """Which reader a single file is for: a key of `READERS`, or None.

    Args:
        path: the file.
        asked: the reader that the user names; it wins where it reads files that end so.
    """
    named = [name for name, reader in READERS.items() if path.name.lower() in reader.files]
    ending = [name for name, reader in READERS.items() if path.suffix.lower() in reader.suffixes]
    return asked if asked in ending else next(iter(named + ending), None)


def capture_format(path: Path) -> str:
    """Which reader a file or folder is for: a key of `READERS`.

    Raises:
        SplatError: nothing in it is recognised.
    """
    if path.is_file():
        kind = file_format(path)
        if kind is None:
            videos = ", ".join(sorted(suffix.lstrip(".") for suffix in VIDEO_SUFFIXES))
            raise SplatError(f"{path} is no capture; give a folder of photos, a capture folder or a video ({videos})")
        return kind
    for name, reader in READERS.items():
        if reader.is_surely(path):
            return name
    for name, reader in READERS.items():
        if reader.may_be(path):
            return name
    raise SplatError(f"{path} holds no capture: no COLMAP model, transforms.json, photos or video")
