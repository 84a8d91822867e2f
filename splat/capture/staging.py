"""A folder of photos as COLMAP should see them: upright, under names without surprises."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_EXIF_ORIENTATION = 0x0112


def stage_photo(source: Path, target: Path, orientation: int, longest: int) -> None:
    """Put a photo at `target`: a link where it can be read as it is, else an upright copy.

    COLMAP reads pixels as stored, so a photo that EXIF turns is copied, no larger than features need (`longest`
    pixels), with its other EXIF data (the focal length helps).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if orientation == 1:
        try:
            target.symlink_to(source.resolve())
        except OSError:  # no links on this file system
            shutil.copyfile(source, target)
        return
    from PIL import Image, ImageOps

    with Image.open(source) as photo:
        exif = photo.getexif()
        exif[_EXIF_ORIENTATION] = orientation
        upright = ImageOps.exif_transpose(photo).convert("RGB")
        upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        exif[_EXIF_ORIENTATION] = 1
        upright.save(target, exif=exif, quality=95)


def remove_tree(folder: Path) -> None:
    """Remove a working folder if it is there."""
    if os.path.lexists(folder):
        shutil.rmtree(folder, ignore_errors=True)
