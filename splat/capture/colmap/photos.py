"""The photos of a COLMAP model: its images have names, but nothing in it says where they lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from splat.capture.assemble import reduced_folder
from splat.capture.colmap.model import ModelImage
from splat.capture.colmap.places import photo_places
from splat.capture.lens import Lens
from splat.capture.names import clean_name, decoded, folded, located
from splat.capture.no_photos import no_photo_reason
from splat.capture.photo import PhotoHeader, photo_header
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.walk import walk
from splat.errors import SplatError

T = TypeVar("T")
SAMPLE = 50  # images by which the folder of the photos is chosen
MOST_FOLDERS = 4  # of unusual names that are looked at


@dataclass(frozen=True, order=True)
class Fit:
    """How well the photos in a folder are those of some cameras; more is better, the first counts most."""

    shaped: int = 0  # that have the shape of their cameras
    exact: int = 0  # and the very size
    there: int = 0  # photos of that name


@dataclass(frozen=True)
class ModelPhotos:
    """The photos of a model's images."""

    folder: Path  # that the names are relative to
    names: list[str]  # of the images
    encoding: str | None = None  # of the names where they are no UTF-8
    usual: bool = True  # the folder is one that photos are looked for in first


class PhotoFinder:
    """Looks for the photos of models in one capture; headers of photos are read once."""

    def __init__(self, root: Path, data_factor: float) -> None:
        self.root, self.data_factor = root, data_factor
        self._headers: dict[Path, PhotoHeader | None] = {}
        self._by_name: dict[str, list[Path]] | None = None

    def photos(self, folder: Path, images: Sequence[ModelImage], cameras: dict[int, Lens]) -> ModelPhotos:
        """The folder that fits most of a sample of the images of the model in `folder`."""
        raw = [image.raw_name for image in images]
        lenses = [cameras[image.camera_id] for image in images]
        places = [place for place in photo_places(self.root, folder) if _may_hold(place)]
        names, encoding = decoded(raw, lambda names: self._best(places, names, lenses)[1].there)
        best, fit = self._best(places, names, lenses)
        if fit.shaped == len(_sample(names)):
            return ModelPhotos(best, names, encoding)
        other, other_fit = self._best(self._unusual(_sample(names)), names, lenses)
        if other_fit > fit:
            return ModelPhotos(other, names, encoding, usual=False)
        return ModelPhotos(best, names, encoding)

    def fit(self, photos: ModelPhotos, lenses: Sequence[Lens]) -> Fit:
        """How well all photos fit."""
        return self._fit(photos.folder, photos.names, lenses)

    def _best(self, places: Sequence[Path], names: Sequence[str], lenses: Sequence[Lens]) -> tuple[Path, Fit]:
        """The place whose photos fit a sample best; of equal ones the first."""
        best, most = self.root / "images", Fit()
        for place in places:
            fit = self._fit(place, _sample(names), _sample(lenses))
            if fit > most:
                best, most = place, fit
            if most.exact == len(_sample(names)):
                break
        return best, most

    def _fit(self, folder: Path, names: Sequence[str], lenses: Sequence[Lens]) -> Fit:
        shaped = exact = there = 0
        reduced = reduced_folder(folder, self.data_factor)
        for name, lens in zip(names, lenses):
            path = (reduced and located(reduced, name)[1]) or located(folder, name)[1]
            if path is None:
                continue
            there += 1
            if (header := self._header(path)) is not None:
                sizes = ((header.width, header.height), header.upright_size)
                shaped += any(lens.has_shape(*size) for size in sizes)
                exact += (lens.width, lens.height) in sizes
        return Fit(shaped, exact, there)

    def _header(self, path: Path) -> PhotoHeader | None:
        if path not in self._headers:
            try:
                self._headers[path] = photo_header(path)
            except SplatError:  # counted where photos are read
                self._headers[path] = None
        return self._headers[path]

    def _unusual(self, names: Sequence[str]) -> list[Path]:
        """Folders anywhere below the root that hold photos of the names, those with the most first."""
        if self._by_name is None:
            self._by_name = {}
            for path in walk(self.root).files:
                if path.suffix.lower() in PHOTO_SUFFIXES and no_photo_reason(path, self.root) is None:
                    self._by_name.setdefault(folded(path.name), []).append(path)
        folders: Counter[Path] = Counter()
        for name in names:
            parts = PurePosixPath(clean_name(name)).parts
            for path in self._by_name.get(folded(parts[-1]), ()) if parts else ():
                inside = path.relative_to(self.root).parts
                if [folded(part) for part in inside[-len(parts) :]] == [folded(part) for part in parts]:
                    folders[path.parents[len(parts) - 1]] += 1
        return [folder for folder, _ in folders.most_common(MOST_FOLDERS)]


def _sample(items: Sequence[T]) -> Sequence[T]:
    return items[:: max(1, len(items) // SAMPLE)]


def _may_hold(place: Path) -> bool:
    """Whether a folder is there, or reduced copies of it."""
    return place.is_dir() or (place.parent.is_dir() and any(place.parent.glob(f"{place.name}_*")))
