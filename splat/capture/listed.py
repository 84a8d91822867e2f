"""Photos that a file of another program lists with their cameras: found below the folder, the unusable ones counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splat import console
from splat.capture.assemble import reduced_folder
from splat.capture.beside import bare_name
from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.names import find_photo, located, printable
from splat.capture.no_photos import is_about_photos, no_photo_reason
from splat.capture.photo import photo_header
from splat.capture.reader_result import PosedPhoto, ReaderResult
from splat.capture.split import LIST
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.types import Points
from splat.capture.usable import UsablePhotos
from splat.capture.walk import walk
from splat.errors import SplatError

PHOTO_FOLDERS = ("images", "input", "rgb", "photos", ".")
SAMPLE = 50  # names by which the folder of the photos is chosen
UNPOSED = "without a pose"


@dataclass(frozen=True)
class ListedPhoto:
    """One photo as a file lists it."""

    name: str  # with or without folders and suffix
    viewmat: np.ndarray | None  # [4, 4] float64, world to camera, OpenCV axes; None: it cannot be used
    lens: Lens | Callable[[int, int], Lens] | None  # or what gives it for the width and height of the whole photo
    reason: str = UNPOSED  # of photos that cannot be used: "photos without a pose"


@dataclass
class PhotoList:
    """What a reader has understood of a file."""

    kind: str  # of the capture
    file: Path
    photos: list[ListedPhoto]
    folders: list[Path]  # places of the photos, the most likely first
    points: Points | None = None
    notes: list[str] = field(default_factory=list)
    read: list[Path] = field(default_factory=list)  # files beside `file`
    off: dict[str, float] = field(default_factory=dict)  # pixels by which the nearest lenses differ, see `brown_lens`
    sides: list[Path] = field(default_factory=list)  # further folders that may hold masks/ and depth/
    anywhere: bool = True  # photos that are in none of the folders are looked for by bare name below the root


@dataclass
class _Found:
    """Where the listed photos are."""

    base: Path  # the folder that most are found below
    paths: dict[str, tuple[str, Path]] = field(default_factory=dict)  # name below `base` and file, by listed name
    elsewhere: list[str] = field(default_factory=list)  # found by their bare names


def photo_places(*roots: Path) -> list[Path]:
    """The folders that photos are usually in, at some places."""
    return list(dict.fromkeys(root / name for root in roots for name in PHOTO_FOLDERS))


def listed_capture(root: Path, listed: PhotoList, options: CaptureOptions) -> ReaderResult:
    """The capture of the photos that are there and have a camera; what is left out is said with a count.

    Raises:
        SplatError: none is left.
    """
    notes = list(listed.notes)
    found = _find(root, listed, notes)
    placed = _placed(listed, found, notes)
    posed, usable = [], UsablePhotos()
    for photo in placed:
        name, path = found.paths.get(photo.name, (photo.name, None))
        path = usable.take(printable(name), path)
        if path is None:
            continue
        small, reduced = _at_factor(path, options.data_factor)
        posed.append(PosedPhoto(printable(name), small, _viewmat(photo), _lens(photo, path), reduced=reduced))
    notes += usable.notes(str(listed.file), len(posed))
    if any(photo.reduced > 1 for photo in posed):
        notes.append("photos from reduced copies beside them (figures differ a little from scaling here)")
    if listed.off:
        several = console.count(len(listed.off), "calibration")
        notes.append(
            f"{several} of {listed.file} with k4, skew, p3 or p4, which no lens model here has:"
            f" the nearest is used, at most {max(listed.off.values()):.3f} px off"
        )
    names = {photo.name for photo in placed}
    left_out = [*usable.left_out, *(path for name, (_, path) in found.paths.items() if name not in names)]
    return ReaderResult(
        listed.kind,
        root,
        posed,
        None if options.points == "none" else listed.points,
        notes,
        sides=list(dict.fromkeys((*listed.sides, found.base.parent, root, found.base))),
        listed=len(listed.photos),
        left_out=left_out,
        read=[listed.file, *listed.read],
        test_lists=[root / LIST],
    )


def _placed(listed: PhotoList, found: _Found, notes: list[str]) -> list[ListedPhoto]:
    """The photos with a pose and a lens whose name is theirs alone; a warning a reason counts the others.

    Raises:
        SplatError: there are none.
    """
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    usable = []
    files = Counter(found.paths[photo.name][1] for photo in listed.photos if photo.name in found.paths)
    for photo in listed.photos:
        if photo.viewmat is None or photo.lens is None:
            reasons[photo.reason].append(photo.name)
        elif photo.name in found.paths and files[found.paths[photo.name][1]] > 1:
            reasons["that share a name, so that nothing tells whose camera is whose,"].append(photo.name)
        else:
            usable.append(photo)
    said = [
        f"{console.count(len(names), 'photo')} {reason} (first: {printable(names[0])})"
        for reason, names in reasons.items()
    ]
    if not usable:
        raise SplatError(f"{listed.file} places no photo: {', '.join(said) or 'it lists none'}; use the photos alone")
    for line in said:
        notes.append(f"left out of {listed.file}: {line}")
        console.warn(f"{notes[-1]}; going on with the other {len(usable)}")
    return usable


def _find(root: Path, listed: PhotoList, notes: list[str]) -> _Found:
    """Look for the photos: below one folder by their names, the rest, where they may be, by their bare names."""
    names = list(dict.fromkeys(photo.name for photo in listed.photos))
    found = _Found(_best_folder(listed.folders, names))
    for name in names:
        written, path = located(found.base, name)
        if path is not None:
            inside = found.base in path.parents  # else its name is absolute
            found.paths[name] = (path.relative_to(found.base).as_posix() if inside else written, path)
    rest = [name for name in names if name not in found.paths]
    if rest and listed.anywhere:
        anywhere = _by_bare_name(root)
        for name in rest:
            paths = anywhere.get(bare_name(name.replace("\\", "/")), [])
            if len(paths) == 1:
                inside = found.base in paths[0].parents
                below = paths[0].relative_to(found.base if inside else root).as_posix()
                found.paths[name] = (below, paths[0])
                found.elsewhere.append(name)
    if found.elsewhere:
        first = found.elsewhere[0]
        count = console.count(len(found.elsewhere), "photo")
        notes.append(
            f"{count} of {listed.file} found by the bare name"
            f" (first: {printable(first)} as {found.paths[first][1].relative_to(root).as_posix()})"
        )
    return found


def _best_folder(folders: Sequence[Path], names: Sequence[str]) -> Path:
    """The folder below which most of a sample of names are; the first of equals."""
    sample = names[:: max(1, len(names) // SAMPLE)]
    there = [folder for folder in folders if folder.is_dir()] or [folders[0]]
    return max(there, key=lambda folder: sum(located(folder, name)[1] is not None for name in sample))


def _by_bare_name(root: Path) -> dict[str, list[Path]]:
    """Photos below a folder by their names without folders and suffix.

    Not masks and the like of the same names, and reduced copies only where there is nothing else.
    """
    pictures = [path for path in walk(root).files if path.suffix.lower() in PHOTO_SUFFIXES]
    whole = [path for path in pictures if no_photo_reason(path, root) is None]
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in whole or [path for path in pictures if not is_about_photos(path, root)]:
        found[bare_name(path.name)].append(path)
    return found


def _at_factor(path: Path, data_factor: float) -> tuple[Path, int]:
    """The reduced copy of a photo for that factor and how much smaller it is, else the photo itself."""
    folder = reduced_folder(path.parent, data_factor)
    small = None if folder is None else find_photo(folder, path.name)
    return (path, 1) if small is None else (small, round(data_factor))


def _viewmat(photo: ListedPhoto) -> np.ndarray:
    assert photo.viewmat is not None  # `_placed` has looked
    return photo.viewmat


def _lens(photo: ListedPhoto, path: Path) -> Lens:
    assert photo.lens is not None
    if isinstance(photo.lens, Lens):
        return photo.lens
    header = photo_header(path)
    return photo.lens(header.width, header.height)
