"""Folders whose pictures are made of photos, or about them, by their names. Light: no heavy imports."""

from __future__ import annotations

import re
from pathlib import Path

PHOTO_FOLDERS = ("images", "input", "photos")  # of which reduced copies lie beside them: images_4
NAMES = frozenset(
    {"mask", "masks", "dynamic_masks", "depth", "depths", "depth_maps", "disparity", "normal", "normals", "confidence"}
    | {"conf", "alpha", "segmentation", "segmentations", "semantic", "semantics", "labels", "truth", "thumbnails"}
)
# Words that do not name a place or thing, so that folders such as sam_masks and depth_anything are none of photos.
WORDS = frozenset({"mask", "masks", "depth", "depths", "disparity", "normals", "thumbnails", "thumbs"})


def no_photo_reason(path: Path, folder: Path) -> str | None:
    """Why a picture is no photo of those in `folder`; None where it is one."""
    if folder not in path.parents:
        return f"outside of {folder.name}/"
    if is_about_photos(path, folder):
        return "in folders of masks, depth maps and the like"
    if any(_is_reduced(part.casefold()) for part in path.relative_to(folder).parts[:-1]):
        return "in folders of reduced copies"
    return None


def is_about_photos(path: Path, folder: Path) -> bool:
    """Whether a picture below `folder` lies in a folder of masks, depth maps and the like."""
    parts = [part.casefold() for part in path.relative_to(folder).parts[:-1]]
    return any(part in NAMES or bool(WORDS.intersection(re.split("[^a-z]+", part))) for part in parts)


def _is_reduced(name: str) -> bool:
    stem, _, factor = name.rpartition("_")
    return stem in PHOTO_FOLDERS and factor.isdigit()
