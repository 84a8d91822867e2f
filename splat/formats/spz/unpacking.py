"""From the bytes of an SPZ file to those of its attributes, and no more memory than the file makes likely."""

from __future__ import annotations

import gzip
import io
import struct
from dataclasses import dataclass
from pathlib import Path

from splat.errors import SplatError
from splat.formats.spz.layout import FLAG_EXTENSIONS, HEADER_V4, SEPARATE_STREAMS, SpzHeader, parse_header
from splat.formats.spz.zstd import find_zstd

# A damaged or hostile file can announce what it does not hold: real scenes shrink to a quarter, so memory for more than
# some Gaussians is only set aside where the file's own size makes them likely.
_FREE_GAUSSIANS = 1 << 18
_LIKELY_RATIO = 100
_MOST_EXTENSION_BYTES = 1 << 16  # of a gzip stream, whose end is not known; those that there are have 12 and 4


@dataclass(frozen=True)
class Unpacked:
    header: SpzHeader
    streams: list[bytes]  # six, each of the size that the header implies
    extensions: bytes = b""
    unused: tuple[str, ...] = ()


def _check_likely(path: Path, header: SpzHeader, held: int) -> None:
    """
    Raises:
        SplatError: when `held` bytes are too few for what the header announces.
    """
    size = sum(header.sizes())
    if header.count > _FREE_GAUSSIANS and size > _LIKELY_RATIO * held:
        raise SplatError(
            f"{path} announces {header.count} Gaussians ({size / 1e6:,.0f} MB unpacked), but has only "
            f"{held / 1e3:,.1f} kB; it is damaged or made to fill memory; download or export it again"
        )


def _unpack_v4(path: Path, data: bytes, header: SpzHeader) -> Unpacked:
    """A table of (packed, unpacked) sizes stands at the offset that the header gives; extensions are before it."""
    streams, table = struct.unpack_from("<BI", data, 15)
    if table < HEADER_V4:
        raise SplatError(f"{path} is a damaged SPZ file: its table begins at byte {table}, within the header")
    zstd = find_zstd(str(path), "save it as SPZ version 3 or PLY")
    start = table + 16 * streams
    out = []
    for index, size in enumerate(header.sizes()[:streams]):
        packed, unpacked = struct.unpack_from("<QQ", data, table + 16 * index)
        if unpacked != size:
            raise SplatError(f"{path} is a damaged SPZ file: attribute {index} has {unpacked} bytes, not {size}")
        try:  # a frame names its own size, which may be another one: no more than expected is unpacked
            content = zstd.reader(data[start : start + packed]).read(size + 1)
        except zstd.error as error:
            raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
        if len(content) > size:
            raise SplatError(f"{path} is a damaged SPZ file: attribute {index} has more than {size} bytes")
        out.append(content)
        start += packed
    extra = [f"{streams - 6} more attributes"] if streams > 6 else []
    if streams <= 6 and len(data) > start:
        extra.append(f"{len(data) - start:,} bytes behind the last attribute")
    return Unpacked(header, out, data[HEADER_V4:table], tuple(extra))


def _unpack_stream(file: io.BufferedIOBase, header: SpzHeader) -> Unpacked:
    """What follows the header in versions 1 to 3; extensions, if the header announces them, are at the end."""
    streams = [file.read(size) for size in header.sizes()]
    extensions = file.read(_MOST_EXTENSION_BYTES) if header.flags & FLAG_EXTENSIONS else b""
    more = bool(file.read(1))  # at the end gzip compares its checksum, too
    return Unpacked(header, streams, extensions, ("bytes behind the last attribute",) if more else ())


def unpack(path: Path, data: bytes) -> Unpacked:
    """The header and the six attribute streams, unpacked but not more than the header announces.

    Raises:
        SplatError: when the file is damaged, of another version, or needs zstd and none is installed.
        EOFError, OSError, zlib.error, struct.error: when it is cut short or damaged.
    """
    packed = data[:2] == b"\x1f\x8b"
    with gzip.open(io.BytesIO(data)) if packed else io.BytesIO(data) as file:
        header = parse_header(path, file.read(16))
        _check_likely(path, header, len(data))
        separate = header.version >= SEPARATE_STREAMS and not packed
        found = _unpack_v4(path, data, header) if separate else _unpack_stream(file, header)
    streams = found.streams + [b""] * (6 - len(found.streams))  # empty ones are left out
    if tuple(map(len, streams)) != header.sizes():
        raise SplatError(f"{path} is cut short: it announces {header.count} Gaussians; download or export it again")
    return Unpacked(header, streams, found.extensions, found.unused)
