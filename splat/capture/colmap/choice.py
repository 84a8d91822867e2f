"""Which of the COLMAP models of a capture is used: the one with the most posed photos that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splat import console
from splat.capture.colmap.files import read_views
from splat.capture.colmap.model import Model, ModelImage
from splat.capture.colmap.photos import Fit, ModelPhotos, PhotoFinder
from splat.capture.colmap.places import model_folders
from splat.errors import SplatError


@dataclass(frozen=True)
class Candidate:
    """A model that can be read, without its points."""

    folder: Path
    views: Model
    images: list[ModelImage]  # with a pose
    photos: ModelPhotos
    fit: Fit


def choose_model(root: Path, notes: list[str], data_factor: float = 1.0) -> Candidate:
    """The model at or below `root` with the most posed photos that are there in the shape of their cameras.

    Of equal ones the one with the most posed images, then the one that other programs take. The others are named in
    one note; it is a warning where one that is not used has more images, or cannot be read.

    Args:
        root: of the capture.
        notes: gets what is to be said.
        data_factor: by which photos of another program are reduced already, where it has left such.

    Raises:
        SplatError: no model, or none that can be read: what is wrong with the first.
    """
    folders = model_folders(root)
    if not folders:
        raise SplatError(f"no COLMAP model below {root}; expected cameras.bin or cameras.txt in sparse/0")
    finder = PhotoFinder(root, data_factor)
    candidates: list[Candidate] = []
    damaged: dict[Path, SplatError] = {}
    for folder in folders:
        try:
            candidates.append(_candidate(folder, finder, alone=len(folders) == 1))
        except SplatError as error:
            damaged[folder] = error
    if not candidates:
        raise damaged[folders[0]]
    best = max(candidates, key=lambda one: (one.fit.shaped, len(one.images)))  # of equal ones the first
    if len(folders) > 1:
        _say(root, best, candidates, list(damaged.values()), notes)
    return best


def model_folder(root: Path) -> Path | None:
    """The folder of the COLMAP model that is used of the capture `root`; None where there is none.

    Raises:
        SplatError: there are some, but none can be read.
    """
    folders = model_folders(root)
    return folders[0] if len(folders) == 1 else choose_model(root, []).folder if folders else None


def _candidate(folder: Path, finder: PhotoFinder, alone: bool) -> Candidate:
    views = read_views(folder)
    images = [image for image in views.images.values() if image.has_pose]
    photos = finder.photos(folder, images, views.cameras)
    lenses = [views.cameras[image.camera_id] for image in images]
    return Candidate(folder, views, images, photos, Fit() if alone else finder.fit(photos, lenses))


def _say(
    root: Path, best: Candidate, candidates: Sequence[Candidate], damaged: Sequence[SplatError], notes: list[str]
) -> None:
    """Name the models that are not used."""
    others = [one for one in candidates if one is not best]
    listed = [_described(root, one) for one in others]
    note = f"of {len(candidates) + len(damaged)} COLMAP models {_described(root, best)} is used"
    notes.append(f"{note}, not {'; '.join(listed)}" if listed else note)
    if any(len(one.images) > len(best.images) for one in others) or best is not candidates[0]:
        console.warn(notes[-1])
    if damaged:
        notes.append(f"{console.count(len(damaged), 'COLMAP model')} cannot be read (first: {damaged[0]})")
        console.warn(notes[-1])


def _described(root: Path, one: Candidate) -> str:
    """Where a model is and what of its images are there."""
    place = one.folder.relative_to(root).as_posix()
    if one.fit.shaped == len(one.images):
        return f"{place} ({console.count(len(one.images), 'posed photo')})"
    gone, misshapen = len(one.images) - one.fit.there, one.fit.there - one.fit.shaped
    parts = [f"{gone:,} not there"] if gone else []
    parts += [f"{misshapen:,} of another shape than their cameras"] if misshapen else []
    return f"{place} ({console.count(len(one.images), 'posed photo')}, {', '.join(parts)})"
