"""The photos of any capture, with what the new folder needs to be a capture of the same kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from splat import console
from splat.capture.assemble import assign_splits, has_own_split
from splat.capture.beside import LEFT_OUT, MASK_FOLDERS, find_masks, side_folders
from splat.capture.config import CaptureOptions
from splat.capture.damage import damage, report_damaged
from splat.capture.frames import useful_frames
from splat.capture.masks import aligned_mask
from splat.capture.names import printable
from splat.capture.photo import PhotoHeader, oriented, photo_header, read_photo, turned_back
from splat.capture.reader_result import PosedPhoto
from splat.capture.readers.photos import list_photos
from splat.capture.readers.registry import READERS, capture_format
from splat.capture.readers.video import extract_frames, videos_in
from splat.capture.split import LIST, has_list, rule_for, sides_of
from splat.capture.suffixes import CAMERA_SUFFIXES
from splat.capture.types import Points, Split
from splat.errors import SplatError
from splat.files import first_free, safe_name

WRITTEN = ("colmap", "transforms", "blender")  # kinds that are written as they were read


@dataclass(frozen=True)
class SourcePhoto:
    """One photo of the capture."""

    name: str  # as the reader calls it
    path: Path
    target: str  # in the new folder, with forward slashes
    header: PhotoHeader
    mask_path: Path | None = None  # the user's own mask
    called: str = ""  # its name in the new folder's capture, where that is not `target`
    split: Split = "train"  # held-out photos and the others are cleaned without each other

    def pixels(self) -> np.ndarray:
        """[H, W, 3 or 4] uint8 as stored."""
        return read_photo(self.path)

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Stored pixels turned as EXIF says."""
        return oriented(pixels, self.header.orientation)

    def stored(self, pixels: np.ndarray) -> np.ndarray:
        """Upright pixels turned back."""
        return turned_back(pixels, self.header.orientation)

    def mask(self) -> np.ndarray | None:
        """[H, W] bool as stored, True where the user's own mask counts the pixel; None without one."""
        if self.mask_path is None:
            return None
        mask = aligned_mask(self.mask_path, self.header, upright=False) > 0
        return resized_mask(mask, self.header.width, self.header.height)

    @property
    def mask_target(self) -> str:
        """Where the new folder's mask goes: named after the photo as its reader will call it."""
        called = self.called or self.target
        first, _, rest = called.partition("/")
        return f"masks/{rest if first in LEFT_OUT and rest else called}.png"


@dataclass(frozen=True)
class Source:
    """A capture to be cleaned."""

    kind: str  # a key of `READERS`
    path: Path  # as the user gave it
    root: Path
    photos: list[SourcePhoto]  # in name order
    notes: list[str] = field(default_factory=list)
    shots: dict[str, PosedPhoto] = field(default_factory=dict)  # by their names in the new folder, where cameras come
    points: Points | None = None
    own_split: bool = False  # the capture's files say which photos are held out; else every n-th is

    @property
    def written_as(self) -> str:
        """The kind of the new folder: the same where that can be written, else a COLMAP model."""
        return written_as(self.kind)

    @property
    def posed(self) -> bool:
        """Whether cameras come with it."""
        return READERS[self.kind].brings_cameras

    def side(self, split: Split) -> list[SourcePhoto]:
        """The photos of one side of the split, in name order."""
        return [photo for photo in self.photos if photo.split == split]


def open_source(path: Path, options: CaptureOptions, frames_folder: Callable[[], Path]) -> Source:
    """Find the photos of a capture; no cameras are computed.

    Args:
        path: what the user gave.
        options: how a video's frames are taken, and which photos are held out where the capture does not say.
        frames_folder: makes the folder that a video's frames are written to.

    Raises:
        SplatError: nothing there, or no photo that can be read.
    """
    if not path.exists():
        raise SplatError(f"no such capture: {path}; give a folder of photos, a capture folder or a video")
    kind = capture_format(path)
    written = written_as(kind)
    if not READERS[kind].brings_cameras:
        return _bare(path, kind, options, frames_folder)
    found = READERS[kind].read(path, options)
    known = {shot.name: shot.mask_path for shot in found.posed if shot.mask_path is not None}
    files = {shot.name: shot.path for shot in found.posed}
    masks, said = find_masks(files, side_folders(found.sides, MASK_FOLDERS), known)
    photos: list[SourcePhoto] = []
    taken: set[str] = set()
    posed = sorted(found.posed, key=lambda shot: shot.name)
    rule = rule_for(options.split, kind)
    for shot, split in zip(posed, assign_splits(posed, options.test_every, found.test_lists, rule)):
        mask = masks.get(shot.name)
        target = _target(written, shot, taken)
        called = _called(written, shot.name, target)
        photos.append(SourcePhoto(shot.name, shot.path, target, photo_header(shot.path), mask, called, split))
    own = has_own_split(posed, found.test_lists)
    shots = {photo.called: shot for photo, shot in zip(photos, posed)}
    return Source(kind, path, found.root, photos, [*found.notes, *said], shots, found.points, own)


def written_as(kind: str) -> str:
    """The kind of capture that a cleaned one of some kind becomes."""
    return kind if kind in WRITTEN or not READERS[kind].brings_cameras else "colmap"


def _bare(path: Path, kind: str, options: CaptureOptions, frames_folder: Callable[[], Path]) -> Source:
    """Photos without cameras; a video becomes photos."""
    root = path
    notes: list[str] = []
    if kind == "video":
        video = path if path.is_file() else videos_in(path)[0]
        folder = frames_folder()
        files, notes = useful_frames(extract_frames(video, folder, options))
    else:
        listing = list_photos(root)
        folder, files, notes = listing.folder, listing.photos, listing.notes()
        if not files:
            raise SplatError(f"no photos in {folder}")
    named = {printable(file.relative_to(folder).as_posix()): file for file in files}
    masks: dict[str, Path] = {}
    if kind == "photos":
        masks, said = find_masks(named, side_folders((root, folder), MASK_FOLDERS))
        notes += said
    photos, damaged = [], []
    for name, file in named.items():
        if reason := damage(file):
            damaged.append((name, reason))
            continue
        target = f"images/{name.removesuffix(file.suffix)}{_written_suffix(file)}"
        photos.append(SourcePhoto(name, file, target, photo_header(file), masks.get(name)))
    notes += report_damaged(damaged, len(photos))
    names, lists = [photo.name for photo in photos], [root / LIST]
    splits = sides_of(names, options.test_every, lists, rule_for(options.split, kind))
    photos = [replace(photo, split=split) for photo, split in zip(photos, splits)]
    return Source(kind, path, root, photos, notes, own_split=has_list(names, lists))


def _target(kind: str, shot: PosedPhoto, taken: set[str]) -> str:
    """Where a posed photo goes: under its own name, with the suffix of its file."""
    safe = _inside(shot.name)
    name = PurePosixPath(safe)
    if kind == "colmap" or (len(name.parts) == 1 and safe != shot.name):  # others keep the photos out of the root too
        name = PurePosixPath("images") / name
    name = name.with_name(f"{name.stem if name.suffix.lower() == shot.path.suffix.lower() else name.name}")
    suffix = _written_suffix(shot.path)
    target = first_free(str(name), lambda name: f"{name}{suffix}".casefold() in taken) + suffix
    taken.add(target.casefold())
    return target


def _written_suffix(path: Path) -> str:
    """The suffix of a photo in the new folder: HEIC and raw photos become JPEGs."""
    return ".jpg" if path.suffix.lower() in CAMERA_SUFFIXES else path.suffix


def _called(kind: str, name: str, target: str) -> str:
    """The name of a posed photo in the new folder's files: models keep their names, whatever suffix the file has."""
    if kind == "colmap":
        return _inside(name)
    bare = target.rpartition(".")[0]
    return bare if bare == name else target  # Blender's files leave the suffix out


def _inside(name: str) -> str:
    """A name that stays inside a folder on every system; of one that leads out, its last part."""
    parts = name.replace("\\", "/").split("/")
    leads_out = not parts[0] or ".." in parts or re.match("[A-Za-z]:", parts[0])
    return safe_name(parts[-1] if leads_out else name)


def resized_mask(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A bool mask [H, W] at another size."""
    if mask.shape == (height, width):
        return mask
    return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


def say_notes(source: Source) -> None:
    """What the reader noticed."""
    for note in source.notes:
        console.info(note)
