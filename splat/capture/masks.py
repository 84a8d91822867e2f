"""Masks: finding a photo's mask file, and what a mask or an alpha channel means for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.capture.photo import PHOTO_SUFFIXES, PhotoHeader, oriented, photo_header, read_mask, turned_back

LEFT_OUT = ("images", "input", "rgb", "photos")  # folders of photos that the names of masks may leave out

Meaning = str  # ignore, transparent or none


def alpha_meaning(masks: str) -> Meaning:
    """What an alpha channel means under the option `masks`: transparency unless asked otherwise."""
    return "transparent" if masks == "auto" else masks


def file_meaning(masks: str) -> Meaning:
    """What a mask file means under the option `masks`: pixels that do not count unless asked otherwise."""
    return "ignore" if masks == "auto" else masks


def aligned_mask(path: Path, photo: PhotoHeader, upright: bool) -> np.ndarray:
    """[H, W] uint8, 255 where the mask keeps the pixel, turned as its photo is; any size of the photo's shape.

    Programs that follow EXIF make masks of the upright photo, others of the pixels as stored. A mask that EXIF turns
    itself, or that has the upright photo's shape, is of the former kind; where neither tells, it is as stored.

    Args:
        photo: of the photo.
        upright: the photo is turned upright; otherwise it stays as stored.
    """
    mask = read_mask(path)
    own = photo_header(path).orientation
    if own != 1:
        mask = oriented(mask, own)
    return aligned(mask, photo, upright, of_upright=own != 1)


def aligned(pixels: np.ndarray, photo: PhotoHeader, upright: bool, of_upright: bool = False) -> np.ndarray:
    """What was made of a photo, [H, W, ...] of any size, turned as its photo is; see `aligned_mask`.

    Args:
        upright: the photo is turned upright; otherwise it stays as stored.
        of_upright: it is known to be of the upright photo; otherwise its shape tells.
    """
    height, width = pixels.shape[:2]
    wide, photo_wide = width > height, photo.width > photo.height
    of_upright |= photo.orientation >= 5 and photo.width != photo.height and wide != photo_wide
    if of_upright == upright:
        return pixels
    return (oriented if upright else turned_back)(pixels, photo.orientation)


class MaskFolder:
    """A `masks` folder beside the photos: NAME.png or NAME.jpg.png for NAME.jpg, in the same sub-folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, Path] = {}
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in PHOTO_SUFFIXES:
                    self._files[path.relative_to(folder).as_posix()] = path

    def __len__(self) -> int:
        return len(self._files)

    def find(self, name: str) -> Path | None:
        """The mask of the photo `name` (relative to the photos' folder), or None."""
        folder, _, rest = name.partition("/")
        for inside in (name, rest) if folder in LEFT_OUT else (name,):
            stem = inside.rpartition(".")[0] or inside
            bare = not inside.lower().endswith(tuple(PHOTO_SUFFIXES))  # captures may leave the photo's suffix out
            photos = [f"{inside}{suffix}.png" for suffix in sorted(PHOTO_SUFFIXES)] if bare else []
            for candidate in (f"{inside}.png", f"{stem}.png", f"{inside}.jpg", f"{stem}.jpg", inside, *photos):
                if candidate in self._files:
                    return self._files[candidate]
        return None
