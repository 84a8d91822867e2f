"""COLMAP models, binary or text, with their photos."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from splat import console
from splat.capture.assemble import reduced_folder, report_missing
from splat.capture.colmap.files import has_model, read_model
from splat.capture.colmap.model import Model, ModelImage
from splat.capture.config import CaptureOptions
from splat.capture.damage import damage, report_damaged
from splat.capture.names import decoded, located, printable
from splat.capture.reader_result import PosedPhoto, ReaderResult
from splat.capture.split import LIST
from splat.errors import SplatError
from splat.files import is_file, read_json

MODEL_FOLDERS = ("sparse", "colmap/sparse", ".")
PHOTO_FOLDERS = ("images", "input", "rgb", ".")
SAMPLE = 50  # names by which the folder of the photos is chosen


def model_folder(root: Path, places: Sequence[str] = MODEL_FOLDERS) -> Path | None:
    """The folder of the COLMAP model that belongs to `root`, or None.

    Of several (the mapper writes sparse/0, sparse/1, … where the photos do not all fit together) the one with the
    longest list of images.
    """
    for place in places:
        numbered = _numbered_models(root / place) if place != "." else []
        if numbered:
            return max(numbered, key=_images_size)
        if has_model(root / place):
            return root / place
    return None


def read_colmap(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read the COLMAP model at or below `root`, with its photos.

    Raises:
        SplatError: no model, a damaged one, one without photos.
    """
    folder = model_folder(root)
    if folder is None:
        raise SplatError(f"no COLMAP model below {root}; expected cameras.bin or cameras.txt in sparse/0")
    model = read_model(folder)
    notes = [*model.notes, *_other_models(folder)]
    images = posed_images(model, notes)
    if not images:
        raise SplatError(f"the COLMAP model {folder} has no posed images; run the mapper again or use the photos alone")
    photos_root, names = _photos(root, folder, images, notes)
    reduced, reduction = _reduced(photos_root, options.data_factor, names, notes)
    posed, missing, damaged, left_out = [], [], [], []
    for image, name in zip(images, names):
        path = located(reduced, name)[1]
        if path is None:
            missing.append(printable(name))
            continue
        if reason := damage(path):
            damaged.append((printable(name), reason))
            left_out.append(path)
            continue
        lens = model.cameras[image.camera_id]
        posed.append(PosedPhoto(printable(name), path, image.viewmat, lens, reduced=reduction))
    note = report_missing(missing, len(posed) + len(damaged), str(folder))
    notes += [note] if note else []
    notes += report_damaged(damaged, len(posed))
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
        left_out=left_out,
        read=model.files,
        test_lists=test_lists,
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


def posed_images(model: Model, notes: list[str]) -> list[ModelImage]:
    """Images with a finite pose; how many have none is noted."""
    posed = [image for image in model.images.values() if image.has_pose]
    if len(posed) < len(model.images):
        notes.append(f"{len(model.images) - len(posed)} of {len(model.images)} images have no pose and are left out")
        console.warn(notes[-1])
    return posed


def _numbered_models(folder: Path) -> list[Path]:
    """The models 0, 1, … in a folder, in order."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.name.isdecimal() and has_model(path)]
    return sorted(found, key=lambda path: int(path.name))


def _images_size(model: Path) -> int:
    """Bytes of a model's list of images."""
    files = [model / f"images{suffix}" for suffix in (".bin", ".txt")]
    return next((file.stat().st_size for file in files if file.is_file()), 0)


def _other_models(folder: Path) -> list[str]:
    """A note where there are others; a warning where the first, which other programs take, is not used."""
    models = _numbered_models(folder.parent) if folder.name.isdecimal() else []
    if len(models) < 2:
        return []
    note = f"{folder.parent} holds {len(models)} models; {folder.name}, the largest, is used"
    if folder != models[0]:
        console.warn(note)
    return [note]


def _photos(root: Path, folder: Path, images: Sequence[ModelImage], notes: list[str]) -> tuple[Path, list[str]]:
    """The folder of the photos, and the images' names below it; names in another encoding than UTF-8 are noted."""
    raw = [image.raw_name for image in images]
    names, encoding = decoded(raw, lambda names: _photos_root(root, folder, names)[1])
    photos = _photos_root(root, folder, names)[0]
    if encoding is not None:
        notes.append(f"names of {folder / 'images'}.* are no UTF-8; they are read as {encoding}")
        console.warn(notes[-1])
    return photos, [located(photos, name)[0] for name in names]


def _photos_root(root: Path, folder: Path, names: Sequence[str]) -> tuple[Path, int]:
    """The folder that the names are relative to, that is where most of a sample exist, and how many."""
    above = [root] if folder.resolve() != root.resolve() else [root, root.parent, root.parent.parent]
    best, most = root / "images", -1
    sample = names[:: max(1, len(names) // SAMPLE)]
    for base in above:
        for name in PHOTO_FOLDERS:
            candidate = base / name
            if not candidate.is_dir() and not list(base.glob(f"{name}_*")):
                continue
            count = sum(located(candidate, photo)[1] is not None for photo in sample)
            if count > most:
                best, most = candidate, count
    return best, max(most, 0)


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
