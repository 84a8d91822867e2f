"""What a mask or an alpha channel means for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.capture.beside import marks_what_to_hide
from splat.capture.photo import PhotoHeader, oriented, photo_header, read_mask, turned_back

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
    if marks_what_to_hide(path):
        mask = 255 - mask
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
