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
from splat.capture.found import Found, Shot
from splat.capture.masks import file_meaning
from splat.capture.photo import HEIC_SUFFIXES, PHOTO_SUFFIXES
from splat.capture.unused import unused_note, walk_notes
from splat.capture.walk import walk
from splat.files import is_file

PHOTOS = PHOTO_SUFFIXES | HEIC_SUFFIXES


def with_masks(shots: list[Shot], found: Found, options: CaptureOptions, notes: list[str]) -> list[Shot]:
    """The shots with the masks that lie in the capture's folders or beside the photos, unless none are wanted.

    Raises:
        SplatError: a mask that cannot be read.
    """
    if options.masks == "none":
        return [dataclasses.replace(shot, mask_path=None) for shot in shots]
    if found.kind not in ("photos", "video"):  # whose features were searched under their masks already
        folders = side_folders(found.sides, MASK_FOLDERS)
        known = {shot.name: shot.mask_path for shot in shots if shot.mask_path is not None}
        masks, said = find_masks({shot.name: shot.path for shot in shots}, folders, known)
        notes += said
        shots = [dataclasses.replace(shot, mask_path=masks.get(shot.name)) for shot in shots]
    masked = [require_mask(shot.mask_path, shot.path) for shot in shots if shot.mask_path is not None]
    if masked:
        notes.append(f"masks for {len(masked)} of {len(shots)} photos ({file_meaning(options.masks)})")
    return shots


def with_depth_maps(shots: list[Shot], found: Found, notes: list[str]) -> list[Shot]:
    """The shots with the depth maps in the capture's folders or beside the photos, where it names none itself."""
    if any(shot.depth_path for shot in shots):
        return shots
    maps = made_beside({shot.name: shot.path for shot in shots}, ("depth",), DEPTH_SUFFIXES)
    for folder in reversed(side_folders(found.sides, DEPTH_FOLDERS)):
        maps.update(SideFolder(folder, DEPTH_SUFFIXES).match([shot.name for shot in shots]).files)
    pictures = sorted({path for path in maps.values() if not is_depth_map(path)})
    if pictures:
        notes.append(
            f"{console.count(len(pictures), 'picture')} of depth are no depth maps, which have 16 bits or floats"
            f" (first: {pictures[0]})"
        )
    maps = {name: path for name, path in maps.items() if path not in set(pictures)}
    return [dataclasses.replace(shot, depth_path=maps.get(shot.name)) for shot in shots]


def is_depth_map(path: Path) -> bool:
    """Whether a file has one channel of more than 8 bits; only its header is read."""
    from PIL import Image

    if path.suffix.lower() == ".npy":
        return True
    try:
        with Image.open(path) as picture:
            return picture.mode.startswith(("I", "F"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def look_around(found: Found, shots: list[Shot], notes: list[str]) -> int:
    """Note what of the capture's folder is not read; returns how many photos beside the used ones are not listed."""
    if found.root.is_file():  # a video
        return 0
    seen = found.walk or walk(found.root)
    if found.walk is None:
        notes += walk_notes(seen)
    used = {file for shot in shots for file in (shot.path, shot.mask_path, shot.depth_path) if file and is_file(file)}
    used |= {*found.left_out, *found.read}
    folders = {shot.path.parent for shot in shots}
    places = {file.parent for file in used}
    copies = {path for path in seen.files if _is_reduced_copy(path.parent, places)}
    if (note := unused_note(seen, used | copies)) is not None:
        notes.append(note)
    pictures = [path for path in seen.files if path.parent in folders and path.suffix.lower() in PHOTOS]
    unlisted = sorted(set(pictures) - companions(pictures).keys() - used)
    if len(unlisted) > len(shots):
        first = unlisted[0].relative_to(found.root).as_posix()
        notes.append(
            f"only {console.count(len(shots), 'photo')} have cameras: {len(unlisted):,} beside them have none"
            f" and are not used (first: {first})"
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
