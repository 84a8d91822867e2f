"""The files of a SOG scene, in a folder or a ZIP: none larger than expected, pictures measured before decoding."""

from __future__ import annotations

import io
import re
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from splat.errors import SplatError

META = "meta.json"
LOD_META = "lod-meta.json"
MOST_META_BYTES = 1 << 24  # codebooks take some kilobytes; there may be data of an application
_ENCRYPTED = 1
_NO_NAME = re.compile("[/\\\\:\0\ud800-\udfff]")  # and no file is called half a character
_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Files:
    """The files beside a `meta.json`, by name."""

    path: Path  # of the scene, for messages
    meta: bytes
    sizes: Mapping[str, int]  # bytes of the others as they are stored, by name
    load: Callable[[str, int], bytes]  # a file by its name, if it has no more bytes than that

    def picture(self, name: str, count: int, most: int) -> npt.NDArray[np.uint8]:
        """[H * W, 4] uint8 pixels, row after row; at least `count` and at most `most` of them."""
        return self._decoded(name, self._sized(name, count, most)).reshape(-1, 4)

    def table(self, name: str, most: int) -> npt.NDArray[np.uint8]:
        """[H, W, 4] uint8, of at most `most` pixels."""
        return self._decoded(name, self._sized(name, 1, most))

    def _sized(self, name: str, least: int, most: int) -> bytes:
        data = self.load(name, 4 * most + (1 << 16))  # a lossless picture is hardly larger than its pixels
        size = picture_size(data)
        if size is None:
            raise SplatError(f"{self.path} is a damaged SOG scene: {name} is no WebP or PNG picture")
        if not least <= size[0] * size[1] <= most:
            raise SplatError(
                f"{self.path} is a damaged SOG scene: {name} has {size[0]} x {size[1]} pixels, expected {least:,} or "
                "some more"
            )
        if is_lossy(data):
            raise SplatError(
                f"{self.path} is a damaged SOG scene: {name} was packed with loss, which breaks its numbers"
            )
        return data

    def _decoded(self, name: str, data: bytes) -> npt.NDArray[np.uint8]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size was compared with the count
                with Image.open(io.BytesIO(data), formats=("WEBP", "PNG")) as picture:
                    return np.asarray(picture.convert("RGBA"))
        except Exception as error:  # decoders raise whatever they like
            reason = "".join(str(error).splitlines()[:1])
            raise SplatError(f"{self.path} is a damaged SOG scene: {name} cannot be decoded ({reason})") from error


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP or PNG announces, without decoding; None for anything else.

    WebP: RFC 9649, sections 2.5 to 2.7 (a lossless, a lossy or an extended file).
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 25:
        return None
    data = data[:30].ljust(30, b"\0")
    if data[12:16] == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def is_lossy(data: bytes) -> bool:
    """Whether a WebP was packed with loss."""
    return data[:4] == b"RIFF" and b"VP8L" not in data


def plain_name(path: Path, name: Any) -> str:
    """A name of a file beside `meta.json`.

    Raises:
        SplatError: when it is none, or leads anywhere else.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or len(name) > 255 or _NO_NAME.search(name):
        raise SplatError(f"{path} is a damaged SOG scene: {str(name)[:60]!a} is no name of a file beside {META}")
    return name


@contextmanager
def open_files(path: Path) -> Iterator[Files]:
    """The files of a scene: a `.sog` file, a folder, or the path of a `meta.json`.

    Raises:
        SplatError: when the ZIP is damaged, or there is no `meta.json`.
    """
    if path.is_dir() or path.name.lower().endswith(META):
        yield _folder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, OverflowError) as error:
        raise SplatError(f"{path} is a damaged SOG bundle: {error}; download or export it again") from error
    with archive:
        yield _bundle(path, archive)


def _folder(path: Path) -> Files:
    folder, meta = (path, path / META) if path.is_dir() else (path.parent, path)

    def load(name: str, most: int) -> bytes:
        file = folder / name
        try:
            found = file.stat()
            if not file.resolve().is_relative_to(folder.resolve()) or not stat.S_ISREG(found.st_mode):
                raise SplatError(f"{path} is no SOG scene that is read: {name} is no file of its folder")
            if found.st_size > most:
                raise _too_large(path, name, found.st_size, most)
            return file.read_bytes()
        except OSError as error:
            raise SplatError(f"{path} is an incomplete SOG scene: {name}: {error.strerror}") from error

    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file() and file.name != meta.name}
    return Files(path, load(meta.name, MOST_META_BYTES), sizes, load)


def _bundle(path: Path, archive: zipfile.ZipFile) -> Files:
    named = (entry for entry in archive.infolist() if entry.filename)  # is_dir() of one without a name raises
    entries = {entry.filename: entry for entry in named if not entry.is_dir()}

    def load(name: str, most: int) -> bytes:
        entry = entries.get(name)
        if entry is None:
            raise SplatError(f"{path} is an incomplete SOG scene: it has no {name}")
        if entry.file_size > most:
            raise _too_large(path, name, entry.file_size, most)
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _PACKING:
            raise SplatError(f"{path} is no SOG bundle that is read: {name} is encrypted or packed in a rare way")
        try:
            with archive.open(entry) as file:
                data = file.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, struct.error) as error:
            raise SplatError(f"{path} is a damaged SOG bundle: {name}: {error}") from error
        if len(data) > most:
            raise _too_large(path, name, len(data), most)
        return data

    whole = path.stat().st_size  # an entry may announce more
    sizes = {name: min(entry.compress_size, whole) for name, entry in entries.items() if name != META}
    return Files(path, load(META, MOST_META_BYTES), sizes, load)


def _too_large(path: Path, name: str, size: int, most: int) -> SplatError:
    return SplatError(f"{path} is a damaged SOG scene: {name} has {size:,} bytes, expected at most {most:,}")
