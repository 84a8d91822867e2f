"""HEIC and raw photos, which phones and cameras write: read through packages that are optional."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from splat.capture.suffixes import HEIC_SUFFIXES, PLAIN_SUFFIXES, RAW_SUFFIXES

ADVICE = "pip install 'splat[photos]', or convert it to JPEG"
SRGB_GAMMA = (2.4, 12.92)  # power, and slope near black
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
HEAD = 64  # bytes in which a file says of which kinds it is
_FLIPS = {3: 3, 5: 8, 6: 6}  # from LibRaw's turns to EXIF orientations


def is_raw(path: Path) -> bool:
    """Whether a file is a raw photo by its name."""
    return path.suffix.lower() in RAW_SUFFIXES


def is_heic(path: Path) -> bool:
    """Whether a file is a HEIC photo, by its name or, because phones' photos get called .jpg, by how it begins."""
    if path.suffix.lower() in HEIC_SUFFIXES:
        return True
    if path.suffix.lower() not in PLAIN_SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS and b"avif" not in head


def not_readable(path: Path) -> str | None:
    """Why a photo cannot be read on this machine, and what helps; None where its kind can."""
    if not (is_raw(path) or is_heic(path)):
        return None
    package, kind = ("rawpy", "raw") if is_raw(path) else ("pillow_heif", "HEIC")
    return None if importlib.util.find_spec(package) else f"{kind}: {ADVICE}"


def open_picture(path: Path) -> Image.Image:
    """`PIL.Image.open`, for HEIC too; its pixels are those that an EXIF orientation of 1 belongs to.

    Raises:
        OSError: as Pillow, also where HEIC cannot be read on this machine.
    """
    if is_heic(path) and not_readable(path) is None:
        import pillow_heif

        pillow_heif.register_heif_opener()  # twice does nothing
    return Image.open(path)


def raw_size(path: Path) -> tuple[int, int, int]:
    """Width and height in pixels as stored, and the EXIF orientation, of a raw photo.

    Raises:
        OSError: damaged, or no such photo.
    """
    with _raw(path) as raw:
        sizes = raw.sizes
        return sizes.width, sizes.height, _FLIPS.get(sizes.flip, 1)


def raw_pixels(path: Path) -> np.ndarray:
    """[H, W, 3] uint8 RGB of a raw photo as stored: the camera's white balance, no automatic brightness.

    Every photo of a capture is developed alike, so that exposures differ as they did.

    Raises:
        OSError: damaged, or no such photo.
    """
    import rawpy

    try:
        with _raw(path) as raw:
            pixels = raw.postprocess(
                use_camera_wb=True, no_auto_bright=True, output_bps=8, user_flip=0, gamma=SRGB_GAMMA
            )
            return np.asarray(pixels)
    except rawpy.LibRawError as error:
        raise OSError(str(error)) from error


def _raw(path: Path) -> Any:
    import rawpy

    try:
        return rawpy.imread(str(path))
    except rawpy.LibRawError as error:
        raise OSError(error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)) from error
