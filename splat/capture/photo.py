"""Photo files to arrays: header, decoding and orientation."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from splat.capture.camera_files import is_heic, is_raw, not_readable, open_picture, raw_pixels, raw_size
from splat.errors import SplatError

LOSSY = frozenset({".jpg", ".jpeg", ".webp"})  # in which what was black need not be zero
MOST_DEFLATED = 1032  # times smaller than its content a stream of deflate can be
ROWS = 64  # of a photo at a time
# EXIF tag numbers
_EXIF_MAKE, _EXIF_MODEL, _EXIF_ORIENTATION = 0x010F, 0x0110, 0x0112
_EXIF_DETAILS, _EXIF_FOCAL, _EXIF_FOCAL_35MM = 0x8769, 0x920A, 0xA405
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_PHOTOMETRIC = 0x0100, 0x0101, 0x0102, 0x0106
_WHITE_IS_ZERO = 0  # of a TIFF's photometric interpretations


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo's header says, without decoding it."""

    width: int  # pixels as stored
    height: int
    orientation: int  # EXIF, 1..8; 1 is upright
    has_alpha: bool = False
    negative: bool = False  # white is zero, and OpenCV leaves that so

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) after the EXIF rotation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def photo_header(path: Path) -> PhotoHeader:
    """Size and orientation of a photo.

    Raises:
        SplatError: when the file is missing or no photo.
    """
    if reason := not_readable(path):
        raise SplatError(f"cannot read photo {path} ({reason})")
    try:
        if is_raw(path):
            return PhotoHeader(*raw_size(path))
        with open_picture(path) as photo:
            orientation = _exif(photo).get(_EXIF_ORIENTATION, 1)
            orientation = orientation if orientation in range(1, 9) else 1
            tags = getattr(photo, "tag_v2", {})  # of a TIFF, whose size Pillow gives as it is when turned
            width, height = tags.get(_TIFF_WIDTH, photo.width), tags.get(_TIFF_HEIGHT, photo.height)
            negative = tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO and photo.mode.startswith("I;16")  # not in 8 bits
            header = PhotoHeader(width, height, orientation, photo.has_transparency_data, negative)
            if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
                raise ValueError("has no pixels")
            if photo.format == "PNG" and _png_bytes(path) > MOST_DEFLATED * path.stat().st_size:
                raise ValueError("announces more pixels than it can hold")
            return header
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _png_bytes(path: Path) -> int:
    """Bytes of a PNG's pixels when they are unpacked, as its header has it."""
    with path.open("rb") as file:
        head = file.read(26)
    width, height = (int.from_bytes(head[place : place + 4], "big") for place in (16, 20))
    channels = {2: 3, 4: 2, 6: 4}.get(head[25], 1)
    return height * (1 + width * channels * head[24] // 8)


def camera_identity(path: Path) -> tuple[object, ...]:
    """What tells cameras apart: upright size, and make, model and focal length where EXIF has them."""
    header = photo_header(path)
    exif, details = Image.Exif(), {}
    with contextlib.suppress(OSError, ValueError, SyntaxError), open_picture(path) as photo:  # not of every raw photo
        exif = _exif(photo)
        details = exif.get_ifd(_EXIF_DETAILS)
    tags = [exif.get(_EXIF_MAKE), exif.get(_EXIF_MODEL), details.get(_EXIF_FOCAL), details.get(_EXIF_FOCAL_35MM)]
    return (*header.upright_size, *(None if tag is None else str(tag) for tag in tags))


def read_photo(path: Path) -> np.ndarray:
    """[H, W, 3] or, with an alpha channel, [H, W, 4] uint8 RGB(A) as stored: EXIF orientation is not applied.

    Raises:
        SplatError: when the file is missing, damaged or of an unknown kind.
    """
    pixels = _eight_bits(_decoded(path), path)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if pixels.shape[2] == 2:
        return np.ascontiguousarray(pixels[:, :, [0, 0, 0, 1]])
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def read_mask(path: Path) -> np.ndarray:
    """[H, W] uint8 mask as stored: 255 where the file is not zero (any channel but alpha), else 0.

    JPEG writes grey around what is black: there the lighter half is what is not zero. What an alpha channel that is not
    the same everywhere has as transparent is not kept either; where the colours are, it alone is the mask.
    """
    pixels = _decoded(path)
    colors = pixels[..., None] if pixels.ndim == 2 else pixels[..., : 1 if pixels.shape[2] == 2 else 3]
    least = 128 if path.suffix.lower() in LOSSY else 1
    kept = (colors >= least).any(axis=2)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and pixels[..., -1].min() != pixels[..., -1].max():
        kept = (pixels[..., -1] >= least) & (kept | (colors == colors[:1, :1]).all())
    return np.where(kept, np.uint8(255), np.uint8(0))


def _decoded(path: Path) -> np.ndarray:
    """[H, W], [H, W, 2], [H, W, 3] or [H, W, 4]: grey, grey and alpha, BGR or BGRA as stored, of the file's own type.

    Raises:
        SplatError: when the file is missing, damaged or of an unknown kind.
    """
    header = photo_header(path)  # which refuses what announces more pixels than any camera has
    try:
        if is_raw(path) or is_heic(path):
            return _camera_pixels(path)
        data = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on Windows
        _refuse_long_chunks(data)
        _drop_tiff_orientation(data)
        # A palette or CMYK file comes out as plain colour; orientation is applied by the caller, who knows the camera.
        pixels = _with_alpha(data) if header.has_alpha else None
        if pixels is None:
            pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except (OSError, ValueError, SyntaxError, cv2.error) as error:
        raise _unreadable(path, error) from error
    if pixels is None:
        raise _unreadable(path, None)
    if pixels.ndim == 3 and pixels.shape[2] == 4 and not header.has_alpha:
        return np.ascontiguousarray(pixels[:, :, :3])  # infrared of a drone's TIFF, say, or what CMYK leaves
    return np.invert(pixels) if header.negative else pixels


def _camera_pixels(path: Path) -> np.ndarray:
    """[H, W, 3] BGR or [H, W, 4] BGRA uint8 of a HEIC or raw photo, as stored."""
    if is_raw(path):
        return np.ascontiguousarray(raw_pixels(path)[..., ::-1])
    with open_picture(path) as photo:
        pixels = np.asarray(photo.convert("RGBA" if photo.has_transparency_data else "RGB"))
        return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def _refuse_long_chunks(data: np.ndarray) -> None:
    """Refuse a PNG [B] uint8 of which a chunk announces more bytes than follow: OpenCV takes memory for all of them.

    Raises:
        ValueError: when one does.
    """
    if data[:8].tobytes() != b"\x89PNG\r\n\x1a\n":
        return
    place = 8
    while place + 8 <= data.size:
        length = int.from_bytes(data[place : place + 4].tobytes(), "big")
        place += 12 + length
        if place > data.size:
            raise ValueError("a chunk is longer than the file")
        if data[place - 8 - length : place - 4 - length].tobytes() == b"IEND":
            return


def _drop_tiff_orientation(data: np.ndarray) -> None:
    """Set the orientation of a TIFF's first picture [B] uint8 to upright, in place.

    OpenCV turns TIFFs, other than all other kinds, whatever it is told, and fails where the turn is a quarter.
    """
    orders: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
    order = orders.get(data[:4].tobytes())
    if order is None:
        return

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size].tobytes(), order)

    directory = number(4, 4)
    for entry in range(directory + 2, directory + 2 + 12 * number(directory, 2), 12):
        if number(entry, 2) == _EXIF_ORIENTATION and entry + 12 <= data.size:
            data[entry + 8 : entry + 12] = np.frombuffer((1).to_bytes(2, order) + bytes(2), np.uint8)


def _with_alpha(data: np.ndarray) -> np.ndarray | None:
    """[H, W, 4] uint8 BGRA of a file [B] uint8 whose alpha OpenCV drops or multiplies the colours with; else None.

    Those are TIFFs of 8 bits, and grey pictures of which one level is transparent.
    """
    with Image.open(io.BytesIO(data.tobytes())) as photo:
        tags = getattr(photo, "tag_v2", {})
        if set(tags.get(_TIFF_BITS, ())) != {8} if photo.format == "TIFF" else photo.mode not in ("1", "L"):
            return None
        return np.ascontiguousarray(np.asarray(photo.convert("RGBA"))[..., [2, 1, 0, 3]])


def oriented(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels [H, W, ...] turned upright according to an EXIF orientation (1..8)."""
    if orientation in (2, 4, 5, 7):  # the mirrored ones: mirror left-right, then rotate
        pixels = pixels[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)  # quarter turns, counter-clockwise
    return np.ascontiguousarray(np.rot90(pixels, turns))


def turned_back(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Upright pixels [H, W, ...] as they are stored under an EXIF orientation: the inverse of `oriented`."""
    return oriented(pixels, {6: 8, 8: 6}.get(orientation, orientation))  # the other turns undo themselves


def _exif(photo: Image.Image) -> Image.Exif:
    """EXIF data; for PNG only what stands before the pixels, because Pillow would decode them to look behind."""
    return Image.Exif() if photo.format == "PNG" and "exif" not in photo.info else photo.getexif()


def _eight_bits(pixels: np.ndarray, path: Path) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        result = np.empty(pixels.shape, np.uint8)
        for top in range(0, len(pixels), ROWS):  # in parts: the whole photo in 32 bits takes four times its memory
            result[top : top + ROWS] = (pixels[top : top + ROWS].astype(np.uint32) + 128) // 257
        return result
    raise SplatError(f"{path} holds {pixels.dtype} pixels; convert the photos to 8 or 16 bit")


def _unreadable(path: Path, error: BaseException | None) -> SplatError:
    if not path.exists():
        return SplatError(f"photo {path} does not exist; restore it or remove it from the capture")
    reason = f" ({error})" if isinstance(error, OSError) and error.strerror else ""
    return SplatError(f"cannot read photo {path}{reason}; it is damaged or no image: replace or remove it")
