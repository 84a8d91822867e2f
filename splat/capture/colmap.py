"""COLMAP models, binary or text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splat import console
from splat.capture.config import CaptureOptions
from splat.capture.damage import damage, report_damaged
from splat.capture.lens import Lens
from splat.capture.shots import Found, Shot, find_photo, reduced_folder, report_missing
from splat.capture.types import Points
from splat.errors import SplatError

if TYPE_CHECKING:
    import pycolmap

MODEL_FOLDERS = ("sparse", "colmap/sparse", ".")
PHOTO_FOLDERS = ("images", "input", "rgb", ".")
FILES = ("cameras", "images", "points3D")


def model_folder(root: Path, places: Sequence[str] = MODEL_FOLDERS) -> Path | None:
    """The folder of the COLMAP model that belongs to `root`, or None.

    Of several (the mapper writes sparse/0, sparse/1, … where the photos do not all fit together) the one with the
    longest list of images.
    """
    for place in places:
        numbered = _numbered_models(root / place) if place != "." else []
        if numbered:
            return max(numbered, key=_images_size)
        if _has_model(root / place):
            return root / place
    return None


def read_colmap(root: Path, options: CaptureOptions) -> Found:
    """Read the COLMAP model at or below `root`, with its photos.

    Raises:
        SplatError: no model, a damaged one, one without photos.
    """
    folder = model_folder(root)
    if folder is None:
        raise SplatError(f"no COLMAP model below {root}; expected cameras.bin or cameras.txt in sparse/0")
    model = read_model(folder)
    notes = _other_models(folder)
    posed = posed_images(model, notes)
    if not posed:
        raise SplatError(f"the COLMAP model {folder} has no posed images; run the mapper again or use the photos alone")
    photos_root = _photos_root(root, folder, [image.name for image in posed])
    reduced, reduction = _reduced(photos_root, options.data_factor, [image.name for image in posed], notes)
    shots, missing, damaged = [], [], []
    lenses = {camera_id: lens_of(camera) for camera_id, camera in model.cameras.items()}
    for image in posed:
        path = find_photo(reduced / image.name)
        if path is None:
            missing.append(image.name)
            continue
        if reason := damage(path):
            damaged.append((image.name, reason))
            continue
        shots.append(Shot(image.name, path, image_viewmat(image), lenses[image.camera_id], reduced=reduction))
    note = report_missing(missing, len(shots) + len(damaged), str(folder))
    notes += [note] if note else []
    notes += report_damaged(damaged, len(shots))
    masks = [photos_root.parent / "masks", root / "masks"]
    return Found("colmap", root, shots, model_points(model), notes, list(dict.fromkeys(masks)))


def read_model(folder: Path) -> pycolmap.Reconstruction:
    """Read a COLMAP model (binary where both forms are there, as COLMAP does).

    Raises:
        SplatError: a missing or damaged file.
    """
    import pycolmap

    suffix = ".bin" if (folder / "cameras.bin").is_file() else ".txt"
    for name in FILES:
        path = folder / f"{name}{suffix}"
        if not path.is_file():
            raise SplatError(f"the COLMAP model {folder} has no {path.name}; copy the whole model")
        # A binary file starts with its number of entries; COLMAP itself reads past the end of a shorter one.
        if suffix == ".bin" and path.stat().st_size < 8:
            raise SplatError(f"{path} is damaged (cut short); copy the model again")
    model = pycolmap.Reconstruction()
    try:
        (model.read_binary if suffix == ".bin" else model.read_text)(str(folder))
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SplatError(f"the COLMAP model {folder} is damaged ({reason}); copy or compute it again") from error
    return model


def posed_images(model: pycolmap.Reconstruction, notes: list[str]) -> list[pycolmap.Image]:
    """Images with a finite pose; how many have none is noted."""
    posed = [
        image
        for image in model.images.values()
        if image.has_pose and np.isfinite(image.cam_from_world().matrix()).all()
    ]
    if len(posed) < model.num_images():
        notes.append(f"{model.num_images() - len(posed)} of {model.num_images()} images have no pose and are left out")
    return posed


def image_viewmat(image: pycolmap.Image) -> np.ndarray:
    """[4, 4] float64 world to camera of a posed image."""
    viewmat = np.eye(4)
    viewmat[:3] = image.cam_from_world().matrix()
    return viewmat


def lens_of(camera: pycolmap.Camera) -> Lens:
    """The lens of a COLMAP camera."""
    return Lens(camera.model.name, tuple(float(value) for value in camera.params), camera.width, camera.height)


def model_points(model: pycolmap.Reconstruction) -> Points | None:
    """The model's points with their colours; None where it has none."""
    points = [point for _, point in sorted(model.points3D.items())]
    if not points:
        return None
    xyz = np.array([point.xyz for point in points], np.float64)
    rgb = np.array([point.color for point in points], np.uint8)
    finite = np.isfinite(xyz).all(axis=1)
    return Points(xyz[finite], rgb[finite]) if finite.any() else None


def _has_model(folder: Path) -> bool:
    return any((folder / f"cameras{suffix}").is_file() for suffix in (".bin", ".txt"))


def _numbered_models(folder: Path) -> list[Path]:
    """The models 0, 1, … in a folder, in order."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.name.isdecimal() and _has_model(path)]
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


def _photos_root(root: Path, folder: Path, names: list[str]) -> Path:
    """The folder that the model's image names are relative to: the one where most of them exist."""
    above = [root] if folder.resolve() != root.resolve() else [root, root.parent, root.parent.parent]
    best, most = root / "images", -1
    sample = names[:: max(1, len(names) // 50)]
    for base in above:
        for name in PHOTO_FOLDERS:
            candidate = base / name
            if not candidate.is_dir() and not list(base.glob(f"{name}_*")):
                continue
            count = sum(find_photo(candidate / photo) is not None for photo in sample)
            if count > most:
                best, most = candidate, count
    return best


def _reduced(photos: Path, data_factor: float, names: list[str], notes: list[str]) -> tuple[Path, int]:
    """The folder to read from and how much smaller its files are than the lens's image."""
    folder = reduced_folder(photos, data_factor)
    if folder is None:
        return photos, 1
    if any(find_photo(folder / name) is None for name in names if find_photo(photos / name) or not photos.is_dir()):
        notes.append(f"{folder.name}/ lacks some photos, so {photos.name}/ is scaled down instead")
        return photos, 1
    notes.append(f"photos from {folder.name}/ (made by another program; figures differ a little from scaling here)")
    return folder, round(data_factor)
