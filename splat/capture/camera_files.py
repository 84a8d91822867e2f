"""HEIC and raw photos, read through packages that are optional; TIFFs of bands are told from damaged ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from splat.capture.suffixes import HEIC_SUFFIXES, PLAIN_SUFFIXES, RAW_SUFFIXES

ADVICE = "pip install 'splat[photos]', or convert it to JPEG"
SRGB_GAMMA = (2.4, 12.92)  # power, and slope near black
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
HEAD = 64  # bytes in which a file says of which kinds it is
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
BIG_TIFF = (b"\x2b\0", b"\0\x2b")  # whose first directory is named in 16 bytes instead of 8
FLOATS = 3  # a TIFF's sample format
_BITS, _CHANNELS, _SAMPLE_FORMAT = 0x0102, 0x0115, 0x0153
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
    if path.suffix.lower() in TIFF_SUFFIXES:
        return odd_tiff(path)
    if not (is_raw(path) or is_heic(path)):
        return None
    package, kind = ("rawpy", "raw") if is_raw(path) else ("pillow_heif", "HEIC")
    return None if importlib.util.find_spec(package) else f"{kind}: {ADVICE}"


def odd_tiff(path: Path) -> str | None:
    """What a TIFF holds that is not read as a photo (a multispectral camera's bands), and what helps; else None."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            tags = TiffImagePlugin.ImageFileDirectory_v2(head + file.read(8) if head[2:4] in BIG_TIFF else head)
            file.seek(tags.next)
            tags.load(file)
            channels, bits, kinds = (tags.get(tag, 1) for tag in (_CHANNELS, _BITS, _SAMPLE_FORMAT))
    except Exception:  # whatever Pillow likes: a damaged file is told of when it is opened
        return None
    floats = isinstance(kinds, tuple) and FLOATS in kinds
    if not isinstance(channels, int) or channels <= (1 if floats else 4):
        return None
    of = f" of {bits[0]} bits" if isinstance(bits, tuple) and bits else ""
    return f"TIFF of {channels} channels{of}{', floating-point' if floats else ''}: export it as RGB of 8 or 16 bits"


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
