"""Photos that cannot be used: found before anything is computed, counted in one warning, left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from splat import console
from splat.capture.camera_files import is_heic, is_raw, not_readable
from splat.capture.photo import photo_header
from splat.errors import SplatError

_TAIL = 65_536  # bytes in which the end of a picture is looked for first; phones write a little behind it


def damage(path: Path) -> str | None:
    """What is wrong with a photo, in a few words; None for nothing.

    Looks at the header and for the end of the file, which a copy that was cut short lacks: decoders fill such photos up
    with grey or fail in the midst of training. Pixels are not decoded.
    """
    try:
        if path.stat().st_size == 0:
            return "empty"
        if reason := not_readable(path):
            return reason
        photo_header(path)
        if is_heic(path):
            return "cut short" if path.stat().st_size < _boxes_end(path) else None
        return "cut short" if not is_raw(path) and _is_cut_short(path) else None
    except SplatError:
        return "no image"
    except OSError as error:
        return error.strerror or "unreadable"


def report_damaged(damaged: Sequence[tuple[str, str]], good: int) -> list[str]:
    """One warning that counts the photos that cannot be read; also as a note.

    Args:
        damaged: name and damage of each.
        good: how many are left.

    Raises:
        SplatError: when none is left.
    """
    if not damaged:
        return []
    name, reason = damaged[0]
    if good == 0:
        advice = "" if ": " in reason else "; copy them again"  # behind a colon a reason says what helps
        if len(damaged) == 1:
            raise SplatError(f"the only photo, {name}, cannot be read ({reason}){advice}")
        raise SplatError(f"none of the {len(damaged)} photos can be read (first: {name}, {reason}){advice}")
    note = f"{len(damaged)} of {len(damaged) + good} photos cannot be read (first: {name}, {reason})"
    console.warn(f"{note}; going on with the other {good}")
    return [note]


def require_mask(path: Path, photo: Path) -> Path:
    """The mask's path; unlike a photo a mask cannot be left out, because what it hides would get into the scene.

    Raises:
        SplatError: when it cannot be read, or has another shape than its photo, whichever way both are turned.
    """
    if reason := damage(path):
        raise SplatError(f"the mask {path} cannot be read ({reason}); make it again or remove it")
    mask, of = photo_header(path), photo_header(photo)
    shapes = [sorted((header.width, header.height)) for header in (mask, of)]
    smallest = min(shapes[0][0], shapes[1][0])
    ratio = shapes[0][1] / shapes[0][0] / (shapes[1][1] / shapes[1][0])
    if abs(ratio - 1.0) > 0.03 + 2.0 / smallest:  # beyond rounding
        raise SplatError(
            f"the mask {path} is {mask.width}x{mask.height} but its photo {of.width}x{of.height}: another shape;"
            " make it of the whole photo"
        )
    return path


def _is_cut_short(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head.startswith(b"\xff\xd8"):
            return not _holds(file, b"\xff\xd9", _jpeg_pixels(file), size)
        if head.startswith(b"\x89PNG"):
            return not _holds(file, b"IEND", 0, size)
    if head.startswith(b"RIFF"):  # WebP
        return size < 8 + int.from_bytes(head[4:8], "little")
    if head.startswith((b"II*\0", b"MM\0*")):
        return size < _tiff_end(path)
    return False


def _holds(file: BinaryIO, mark: bytes, start: int, size: int) -> bool:
    """Whether the mark stands at or behind `start`; its usual place is looked at first."""
    for place in (max(start, size - _TAIL), start):
        file.seek(place)
        if mark in file.read():
            return True
    return False


def _jpeg_pixels(file: BinaryIO) -> int:
    """Where the pixels begin, in which the end marker's bytes cannot occur (a preview in the header has one too)."""
    place = 2
    while True:
        file.seek(place)
        mark = file.read(4)
        if len(mark) < 4 or mark[0] != 0xFF or mark[1] == 0xDA:
            return place
        place += 1 if mark[1] == 0xFF else 2 + int.from_bytes(mark[2:], "big")  # or a byte that fills up


def _tiff_end(path: Path) -> int:
    """The byte behind the last strip or tile of the first picture.

    Raises:
        OSError: where these stand is no number.
    """
    with Image.open(path) as photo:
        tags = getattr(photo, "tag_v2", {})
        for offsets, counts in ((273, 279), (324, 325)):
            if offsets in tags and counts in tags:
                try:
                    return int(max(offset + count for offset, count in zip(tags[offsets], tags[counts])))
                except (TypeError, ValueError, ArithmeticError) as error:  # words or fractions, or none at all
                    raise OSError from error
    return 0


def _boxes_end(path: Path) -> int:
    """The byte behind the last box of a HEIC (ISO 14496-12): each begins with its size."""
    place = 0
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            size = int.from_bytes(head[:4], "big")
            if size == 0:  # to the end of the file
                return place
            size = int.from_bytes(head[8:16], "big") if size == 1 else size
            place += max(size, 8)
            file.seek(place)
    return place
