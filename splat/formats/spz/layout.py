"""The header of SPZ files, and what is where behind it (load-spz.cc of SPZ 3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from splat.errors import SplatError

MAGIC = b"NGSP"
READ = (1, 2, 3, 4)  # versions
SEPARATE_STREAMS = 4  # the version from which on attributes are packed one by one
SMALLEST_THREE = 3  # the version from which on rotations have ten bits a component
FLAG_ANTIALIASED, FLAG_EXTENSIONS = 1, 2
HEADER_V4 = 32  # bytes
_LEGACY = struct.Struct("<4sIIBBBB")  # magic, version, count, SH degree, fractional bits, flags, reserved or streams
_MOST_FRACTIONAL_BITS = 64  # of positions with 24 bits; writers use 12


@dataclass(frozen=True)
class SpzHeader:
    """What the first 16 bytes say; they are the same in all versions but for the last."""

    version: int
    count: int
    sh_degree: int  # 0 to 4
    fractional_bits: int  # of positions
    flags: int

    def sizes(self) -> tuple[int, ...]:
        """Bytes of positions, opacities, colours, scales, rotations and directional colour."""
        position = 6 if self.version == 1 else 9
        rotation = 4 if self.version >= SMALLEST_THREE else 3
        directional = 3 * ((self.sh_degree + 1) ** 2 - 1)
        return tuple(self.count * width for width in (position, 1, 3, 3, rotation, directional))

    def packed(self, streams: int = 0) -> bytes:
        """The 16 bytes; the last one says how many streams there are in version 4 and is 0 before."""
        values = (self.version, self.count, self.sh_degree, self.fractional_bits, self.flags, streams)
        return _LEGACY.pack(MAGIC, *values)


def parse_header(path: Path, data: bytes) -> SpzHeader:
    """The header in the first 16 bytes.

    Raises:
        SplatError: when it is none, of a version that is not known, or says what cannot be.
    """
    if len(data) < _LEGACY.size or data[:4] != MAGIC:
        raise SplatError(f"{path} is no SPZ file; SPZ versions 1 to 4 are read")
    header = SpzHeader(*_LEGACY.unpack(data[: _LEGACY.size])[1:6])
    if header.version not in READ:
        raise SplatError(f"{path} is SPZ version {header.version}; SPZ versions 1 to 4 are read")
    if header.sh_degree > 4:
        raise SplatError(f"{path} has SH degree {header.sh_degree}; SPZ has degrees 0 to 4; it may be damaged")
    if header.fractional_bits > _MOST_FRACTIONAL_BITS:  # everything would lie at zero
        raise SplatError(f"{path} is a damaged SPZ file: it announces {header.fractional_bits} fractional bits")
    return header
