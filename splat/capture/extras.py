"""Masks and depth maps for the photos of a capture, and a look at what else lies in its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from splat import console
from splat.capture.beside import (
    DEPTH_FOLDERS,
    DEPTH_SUFFIXES,
    MASK_FOLDERS,
    SideFolder,
    companions,
    find_masks,
    made_beside,
    side_folders,
)
from splat.capture.config import CaptureOptions
from splat.capture.damage import require_mask
from splat.capture.depth import is_depth_map, not_readable
from splat.capture.masks import file_meaning
from splat.capture.reader_result import PosedPhoto, ReaderResult
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.unused import unused_note, walk_notes
from splat.capture.walk import walk
from splat.files import is_file


def with_masks(
    posed: list[PosedPhoto], found: ReaderResult, options: CaptureOptions, notes: list[str]
) -> list[PosedPhoto]:
    """The photos with the masks that lie in the capture's folders or beside the photos, unless none are wanted.

    Raises:
        SplatError: a mask that cannot be read.
    """
    if options.masks == "none":
        return [dataclasses.replace(photo, mask_path=None) for photo in posed]
    if found.kind not in ("photos", "video"):  # whose features were searched under their masks already
        folders = side_folders(found.sides, MASK_FOLDERS)
        known = {photo.name: photo.mask_path for photo in posed if photo.mask_path is not None}
        masks, said = find_masks({photo.name: photo.path for photo in posed}, folders, known)
        notes += said
        posed = [dataclasses.replace(photo, mask_path=masks.get(photo.name)) for photo in posed]
    masked = [require_mask(photo.mask_path, photo.path) for photo in posed if photo.mask_path is not None]
    if masked:
        notes.append(f"masks for {len(masked)} of {len(posed)} photos ({file_meaning(options.masks)})")
    return posed


def with_depth_maps(posed: list[PosedPhoto], found: ReaderResult, notes: list[str]) -> list[PosedPhoto]:
    """The photos with the depth maps in the capture's folders or beside the photos, where it names none itself."""
    if any(photo.depth_path for photo in posed):
        return posed
    maps = made_beside({photo.name: photo.path for photo in posed}, ("depth",), DEPTH_SUFFIXES)
    for folder in reversed(side_folders(found.sides, DEPTH_FOLDERS)):
        maps.update(SideFolder(folder, DEPTH_SUFFIXES).match([photo.name for photo in posed]).files)
    pictures = sorted({path for path in maps.values() if not is_depth_map(path)})
    if pictures:
        notes.append(
            f"{console.count(len(pictures), 'picture')} of depth are no depth maps, which have 16 bits or floats"
            f" (first: {pictures[0]})"
        )
    maps = {name: path for name, path in maps.items() if path not in set(pictures)}
    unreadable = {path: reason for path in maps.values() if (reason := not_readable(path))}
    if unreadable:
        first, reason = next(iter(unreadable.items()))
        notes.append(f"{console.count(len(unreadable), 'depth map')} not read (first: {first}): {reason}")
        maps = {name: path for name, path in maps.items() if path not in unreadable}
    return [dataclasses.replace(photo, depth_path=maps.get(photo.name)) for photo in posed]


def look_around(found: ReaderResult, posed: list[PosedPhoto], notes: list[str]) -> int:
    """Note what of the capture's folder is not read; returns how many photos beside the used ones are not listed."""
    if found.root.is_file():  # a video
        return 0
    seen = found.walk or walk(found.root)
    if found.walk is None:
        notes += walk_notes(seen)
    used = {
        file for photo in posed for file in (photo.path, photo.mask_path, photo.depth_path) if file and is_file(file)
    }
    used |= {*found.left_out, *found.read}
    folders = {photo.path.parent for photo in posed}
    places = {file.parent for file in used}
    copies = {path for path in seen.files if _is_reduced_copy(path.parent, places)}
    if (note := unused_note(seen, used | copies)) is not None:
        notes.append(note)
    pictures = [path for path in seen.files if path.parent in folders and path.suffix.lower() in PHOTO_SUFFIXES]
    unlisted = sorted(set(pictures) - companions(pictures).keys() - used)
    if len(unlisted) > len(posed):
        first = unlisted[0].relative_to(found.root).as_posix()
        notes.append(
            f"only {console.count(len(posed), 'photo')} have cameras: {len(unlisted):,} beside them have none"
            f" and are not used (first: {first}); capture.format=photos finds cameras for all"
        )
        console.warn(notes[-1])
    return len(unlisted)


def _is_reduced_copy(folder: Path, used: set[Path]) -> bool:
    """Whether a folder holds the photos of a used one at another size: images_4 beside images, or the reverse."""
    if folder in used:
        return False
    stem, _, factor = folder.name.rpartition("_")
    larger = {folder.with_name(stem)} if stem and factor.isdigit() else set()
    smaller = {
        place.parent / place.name.rpartition("_")[0] for place in used if place.name.rpartition("_")[2].isdigit()
    }
    return bool(larger & used) or folder in smaller
