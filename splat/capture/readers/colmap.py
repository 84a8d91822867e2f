"""COLMAP models, binary or text, with their photos."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from splat import console
from splat.capture.assemble import reduced_folder
from splat.capture.by_name import moved_photos
from splat.capture.colmap.choice import Candidate, choose_model
from splat.capture.colmap.files import read_model
from splat.capture.colmap.model import Model
from splat.capture.config import CaptureOptions
from splat.capture.names import located, printable
from splat.capture.reader_result import PosedPhoto, ReaderResult
from splat.capture.split import LIST
from splat.capture.types import TrackFiles
from splat.capture.usable import UsablePhotos
from splat.errors import SplatError
from splat.files import is_file, read_json


def read_colmap(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read the COLMAP model at or below `root`, with its photos.

    Raises:
        SplatError: no model, a damaged one, one without photos.
    """
    notes: list[str] = []
    chosen = choose_model(root, notes, options.data_factor)
    folder, images = chosen.folder, chosen.images
    numbers = [number for number, image in chosen.views.images.items() if image.has_pose]
    model = read_model(folder)
    notes += model.notes
    _count_unposed(model, notes)
    if not images:
        raise SplatError(f"the COLMAP model {folder} has no posed images; run the mapper again or use the photos alone")
    photos_root, names = _photos(chosen, notes)
    reduced, reduction = _reduced(photos_root, options.data_factor, names, notes)
    posed, usable = [], UsablePhotos()
    paths = _paths(root, reduced, names, notes)
    for image, name in zip(images, names):
        path = usable.take(printable(name), paths[name])
        if path is None:
            continue
        lens = model.cameras[image.camera_id]
        posed.append(PosedPhoto(printable(name), path, image.viewmat, lens, reduced=reduction))
    notes += usable.notes(str(folder), len(posed))
    test_lists = [folder / LIST, root / LIST]
    notes += _unread_split(root, test_lists)
    return ReaderResult(
        "colmap",
        root,
        posed,
        model.points,
        notes,
        sides=list(dict.fromkeys((photos_root.parent, root, photos_root))),
        listed=len(model.images),
        left_out=usable.left_out,
        read=model.files,
        test_lists=test_lists,
        tracks=TrackFiles(folder, {number: printable(name) for number, name in zip(numbers, names)}),
    )


def _unread_split(root: Path, test_lists: Sequence[Path]) -> list[str]:
    """A warning where a file of another kind beside the model says what is held out and no list beside it does."""
    if any(is_file(path) for path in test_lists):
        return []
    stated = [root / f"transforms_{side}.json" for side in ("test", "val")]
    with contextlib.suppress(SplatError):
        meta = read_json(root / "transforms.json") if is_file(root / "transforms.json") else {}
        if isinstance(meta, dict) and any(meta.get(key) for key in ("test_filenames", "val_filenames")):
            stated.insert(0, root / "transforms.json")
    file = next((path for path in stated if is_file(path)), None)
    if file is None:
        return []
    note = f"{file.name} says which photos are held out, but the COLMAP model is read, where {LIST} would say so"
    other = "transforms" if file.name == "transforms.json" else "blender"
    console.warn(f"{note}; write the names there, or use capture.format={other}")
    return [note]


def _count_unposed(model: Model, notes: list[str]) -> None:
    """Say how many images have no pose."""
    unposed = sum(not image.has_pose for image in model.images.values())
    if unposed:
        notes.append(f"{unposed} of {len(model.images)} images have no pose and are left out")
        console.warn(notes[-1])


def _photos(chosen: Candidate, notes: list[str]) -> tuple[Path, list[str]]:
    """The folder of the photos, and the images' names below it; what is unusual about them is said."""
    photos = chosen.photos
    if photos.encoding is not None:
        notes.append(f"names of {chosen.folder / 'images'}.* are no UTF-8; they are read as {photos.encoding}")
        console.warn(notes[-1])
    if not photos.usual:
        notes.append(f"the photos are those in {photos.folder}, where files have the names of the model's images")
        console.warn(notes[-1])
    return photos.folder, [located(photos.folder, name)[0] for name in photos.names]


def _paths(root: Path, folder: Path, names: Sequence[str], notes: list[str]) -> dict[str, Path | None]:
    """The photos of the names: those in the folder, else what has the name anywhere below the root; that is said."""
    paths = {name: located(folder, name)[1] for name in names}
    elsewhere = moved_photos(root, paths)
    if elsewhere:
        first = printable(next(iter(elsewhere)))
        notes.append(f"{console.count(len(elsewhere), 'photo')} not in {folder} are found by name (first: {first})")
        console.warn(notes[-1])
    return paths | elsewhere


def _reduced(photos: Path, data_factor: float, names: Sequence[str], notes: list[str]) -> tuple[Path, int]:
    """The folder to read from and how much smaller its files are than the lens's image."""
    folder = reduced_folder(photos, data_factor)
    if folder is None:
        return photos, 1
    lacks = (located(folder, name)[1] is None for name in names if not photos.is_dir() or located(photos, name)[1])
    if any(lacks):
        notes.append(f"{folder.name}/ lacks some photos, so {photos.name}/ is scaled down instead")
        return photos, 1
    notes.append(f"photos from {folder.name}/ (made by another program; figures differ a little from scaling here)")
    return folder, round(data_factor)
