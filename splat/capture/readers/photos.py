"""A bare folder of photos: cameras by structure from motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from splat import console
from splat.capture.beside import MASK_FOLDERS, companions, find_masks, side_folders
from splat.capture.config import CaptureOptions
from splat.capture.damage import damage, report_damaged, require_mask
from splat.capture.names import printable
from splat.capture.no_photos import PHOTO_FOLDERS, no_photo_reason
from splat.capture.oddities import equal_files, look_alikes, panoramas
from splat.capture.reader_result import ReaderResult
from splat.capture.sfm.solve import UnposedPhoto, solve_cameras
from splat.capture.split import LIST
from splat.capture.suffixes import CAMERA_SUFFIXES, PHOTO_SUFFIXES, PLAIN_SUFFIXES
from splat.capture.unused import own_notes, walk_notes
from splat.capture.walk import Walk, is_own, walk
from splat.errors import SplatError

POLYCAM = "keyframes"  # a raw export of Polycam: keyframes/images, corrected_images, depth, confidence, cameras


@dataclass
class Listing:
    """The photos that a folder holds."""

    root: Path
    folder: Path  # that names are relative to
    walk: Walk  # all that lies there
    photos: list[Path] = field(default_factory=list)  # in name order
    left_out: dict[str, list[Path]] = field(default_factory=dict)  # pictures that are no photos, by what they are

    def named(self) -> dict[str, Path]:
        """The photos by their names, which are relative to `folder`."""
        return {printable(path.relative_to(self.folder).as_posix()): path for path in self.photos}

    def no_photos(self) -> list[Path]:
        """All pictures that are left out."""
        return [path for files in self.left_out.values() for path in files]

    def drop_other_kinds(self) -> None:
        """Leave out HEIC and raw photos beside which the camera has put the same one as a plain picture."""
        plain = {path.with_suffix("") for path in self.photos if path.suffix.lower() in PLAIN_SUFFIXES}
        same = [
            path for path in self.photos if path.suffix.lower() in CAMERA_SUFFIXES and path.with_suffix("") in plain
        ]
        if same:
            self.left_out["of which there is a JPEG or other picture of the same name"] = same
            self.photos = [path for path in self.photos if path not in set(same)]

    def drop_copies(self) -> None:
        """Leave out photos that are copies of others byte for byte: held out they would test nothing."""
        copies = {path for same in equal_files(self.photos) for path in same[1:]}
        if copies:
            self.left_out["that are copies of others, byte for byte"] = sorted(copies)
            self.photos = [path for path in self.photos if path not in copies]

    def notes(self) -> list[str]:
        """What is left out, in a line each; what this program wrote in a warning."""
        said = own_notes(self.walk) + walk_notes(self.walk)
        for reason, files in self.left_out.items():
            first = files[0].relative_to(self.root).as_posix()
            pictures = console.count(len(files), "picture")
            said.append(f"not used as photos: {pictures} {reason} (first: {printable(first)})")
        return said


def has_photos(root: Path) -> bool:
    """Whether there are photos at or below `root`.

    Raises:
        SplatError: `root` is a run folder, whose pictures are no photos.
    """
    if is_own(root) and (root / "config.yaml").exists():
        raise SplatError(f"{root} is a run folder, whose pictures are no photos; give the folder of the photos")
    found = list_photos(root)
    return bool(found.photos)


def photo_files(root: Path) -> list[Path]:
    """The photos that `read_photos` takes, in name order."""
    return list_photos(root).photos


def photo_folder(root: Path) -> Path:
    """The folder that names of photos are relative to."""
    return list_photos(root).folder


def list_photos(root: Path) -> Listing:
    """Look for the photos at or below `root`: in images/, input/ or photos/ if there are any, else anywhere."""
    found = walk(root)
    pictures = [path for path in found.files if path.suffix.lower() in PHOTO_SUFFIXES]
    folder = next((place for place in _places(root) if any(_is_photo_in(place, path) for path in pictures)), root)
    listing = Listing(root, folder, found)
    about = companions(pictures)
    for path in pictures:
        reason = no_photo_reason(path, listing.folder)
        if reason is None and path in about:
            reason = "that belong to others by their names"
        if reason is not None:
            listing.left_out.setdefault(reason, []).append(path)
        else:
            listing.photos.append(path)
    listing.drop_other_kinds()
    return listing


def read_photos(root: Path, options: CaptureOptions) -> ReaderResult:
    """Find the cameras of all photos at or below `root`.

    Raises:
        SplatError: no photos, none that can be read, or too few that fit together.
    """
    listing = list_photos(root)
    listing.drop_copies()
    folder = listing.folder
    if not listing.photos:
        raise SplatError(f"no photos in {folder}; put JPEG or PNG files there")
    notes = listing.notes()
    files: dict[str, Path] = {}
    damaged = []
    for name, path in listing.named().items():
        if reason := damage(path):
            damaged.append((name, reason))
        else:
            files[name] = path
    notes += report_damaged(damaged, len(files))
    notes += _report_look_alikes(list(files.values()), folder)
    notes += panoramas(list(files.values()))
    masks: dict[str, Path] = {}
    if options.masks != "none":
        masks, said = find_masks(files, side_folders((root, folder), MASK_FOLDERS))
        notes += said
    photos = [
        UnposedPhoto(name, path, require_mask(masks[name], path) if name in masks else None)
        for name, path in files.items()
    ]
    solved = solve_cameras(photos, options, ordered=False, test_lists=[root / LIST])
    return ReaderResult(
        "photos",
        root,
        solved.posed,
        solved.points,
        notes + solved.notes,
        sides=[root, folder],
        listed=len(listing.photos),
        left_out=[*listing.photos, *listing.no_photos()],
        walk=listing.walk,
        test_lists=[root / LIST],
        tracks=solved.tracks,
    )


def _report_look_alikes(paths: list[Path], folder: Path) -> list[str]:
    """One warning that counts photos which show the same as another."""
    pairs = look_alikes(paths)
    if not pairs:
        return []
    first, other = (path.relative_to(folder).as_posix() for path in pairs[0])
    note = (
        f"{len(pairs):,} of {console.count(len(paths), 'photo')} show the same as another (first: {first} as {other});"
        " where one of the two is held out, its score means nothing"
    )
    console.warn(note)
    return [note]


def _places(root: Path) -> list[Path]:
    """Folders that photos are usually in; the first that has any counts."""
    polycam = [root / POLYCAM / name for name in ("corrected_images", "images")] + [root / "corrected_images"]
    return polycam + [root / name for name in PHOTO_FOLDERS]


def _is_photo_in(folder: Path, path: Path) -> bool:
    return path.suffix.lower() in PHOTO_SUFFIXES and folder in path.parents and no_photo_reason(path, folder) is None
