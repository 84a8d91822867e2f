"""A folder of photos as COLMAP should see them: upright, under names without surprises."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from splat.capture.camera_files import is_raw, open_picture
from splat.capture.photo import oriented, photo_header, read_photo
from splat.errors import Interrupted
from splat.files import save_image

COLMAP_READS = frozenset({"JPEG", "MPO", "PNG", "BMP", "TIFF"})  # Pillow's names; not WebP
INTERRUPTED = "interrupted"  # marks a working folder that may be used again
_EXIF_MAKE, _EXIF_MODEL, _EXIF_ORIENTATION, _EXIF_DETAILS = 0x010F, 0x0110, 0x0112, 0x8769


def stage_photo(source: Path, target: Path, orientation: int, longest: int) -> None:
    """Put a photo at `target`: a link where COLMAP can read it as it is, else an upright JPEG.

    COLMAP reads pixels as stored, and not every kind of file. Copies are no larger than features need (`longest`
    pixels) and keep the other EXIF data (the focal length helps).

    Raises:
        SplatError: when the photo cannot be decoded.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    readable, exif = False, Image.Exif()
    with contextlib.suppress(OSError), open_picture(source) as photo:  # of some raw photos only rawpy knows anything
        readable = photo.format in COLMAP_READS and not is_raw(source)
        exif = photo.getexif()
    if readable and orientation == 1:
        try:
            target.symlink_to(source.resolve())
        except OSError:  # no links on this file system
            shutil.copyfile(source, target)
        return
    pixels = Image.fromarray(oriented(read_photo(source)[:, :, :3], orientation))
    pixels.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if is_raw(source):
        exif = _camera_tags(exif)
    exif[_EXIF_ORIENTATION] = 1
    save_image(target, pixels, "JPEG", exif=exif, quality=95)


def _camera_tags(exif: Image.Exif) -> Image.Exif:
    """Make, model and details (the focal length) alone: a raw photo's other tags say how its pixels are stored."""
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in (_EXIF_MAKE, _EXIF_MODEL) if tag in exif})
    kept.get_ifd(_EXIF_DETAILS).update(exif.get_ifd(_EXIF_DETAILS))
    return kept


def stage_mask(mask: np.ndarray, target: Path, photo: Path) -> None:
    """Write a mask [H, W] uint8 for COLMAP, of the size of the staged `photo`."""
    header = photo_header(photo)
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).resize((header.width, header.height), Image.Resampling.NEAREST).save(target)


@contextlib.contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """A folder for the time of some work; what Ctrl-C leaves in it is there again the next time."""
    marker = folder / INTERRUPTED
    if not marker.is_file():
        remove_tree(folder)  # of a process that died: it may be half written
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        yield folder
    except (KeyboardInterrupt, Interrupted):
        marker.touch()  # nothing is removed: a library may still write
        raise
    except BaseException:
        remove_tree(folder)
        raise
    remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a working folder if it is there."""
    if os.path.lexists(folder):
        shutil.rmtree(folder, ignore_errors=True)
