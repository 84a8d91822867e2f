"""A bare folder of photos: cameras by structure from motion."""

from __future__ import annotations

from pathlib import Path

from splat import console
from splat.capture.config import CaptureOptions
from splat.capture.damage import damage, report_damaged, require_mask
from splat.capture.masks import MaskFolder
from splat.capture.photo import HEIC_SUFFIXES, PHOTO_SUFFIXES
from splat.capture.sfm import Photo, solve_cameras
from splat.capture.shots import Found
from splat.errors import SplatError

PHOTO_FOLDERS = ("images", "input", "photos")
NOT_PHOTOS = frozenset({"masks", "depth", "depths", "normals"})


def has_photos(root: Path) -> bool:
    """Whether there are photos at or below `root` (HEIC counts: its message says what to do)."""
    return any(_list(root, PHOTO_SUFFIXES | HEIC_SUFFIXES))


def photo_files(root: Path) -> list[Path]:
    """The photos that `read_photos` takes, in name order."""
    return _list(photo_folder(root), PHOTO_SUFFIXES)


def photo_folder(root: Path) -> Path:
    """The folder that names of photos are relative to."""
    return next((root / name for name in PHOTO_FOLDERS if any(_list(root / name, PHOTO_SUFFIXES))), root)


def read_photos(root: Path, options: CaptureOptions) -> Found:
    """Find the cameras of all photos at or below `root`.

    Raises:
        SplatError: no photos, only HEIC, or too few that fit together.
    """
    folder = photo_folder(root)
    paths = _list(folder, PHOTO_SUFFIXES)
    heic = _list(folder, HEIC_SUFFIXES)
    if not paths:
        if heic:
            raise SplatError(
                f"all photos in {folder} are HEIC ({len(heic)}); convert them to JPEG first (heif-convert)"
            )
        raise SplatError(f"no photos in {folder}; put JPEG or PNG files there")
    notes = []
    if heic:
        notes.append(
            f"left out in {folder}: {console.count(len(heic), 'HEIC photo')}; convert them to JPEG to use them"
        )
        console.warn(notes[0])
    masks = MaskFolder(root / "masks") if options.masks != "none" else None
    photos, damaged = [], []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if reason := damage(path):
            damaged.append((name, reason))
            continue
        mask = masks.find(name) if masks else None
        photos.append(Photo(name, path, require_mask(mask) if mask else None))
    notes += report_damaged(damaged, len(photos))
    shots, points, solved = solve_cameras(photos, options, ordered=False)
    return Found("photos", root, shots, points, notes + solved)


def _list(root: Path, suffixes: frozenset[str]) -> list[Path]:
    """Photos at or below a folder in name order, without hidden folders, masks and reduced copies (images_4)."""
    if not root.is_dir():
        return []
    found = []
    for path in sorted(root.rglob("*")):
        folders = path.relative_to(root).parts[:-1]
        skip = any(part.startswith(".") or part in NOT_PHOTOS or _is_reduced(part) for part in folders)
        if not skip and path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
            found.append(path)
    return found


def _is_reduced(name: str) -> bool:
    stem, _, factor = name.rpartition("_")
    return stem in PHOTO_FOLDERS and factor.isdigit()
