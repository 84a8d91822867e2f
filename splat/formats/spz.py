"""Reading SPZ, the compressed scenes of Niantic's Scaniverse (described at github.com/nianticlabs/spz).

Attribute after attribute: positions (24-bit fixed point), opacities, colours, log scales (bytes), rotations,
directional colour (bytes). Versions 2 and 3 are one gzip stream and differ in the rotations; version 4 has one zstd
stream an attribute.
SPZ axes are right, up, back; the PLY of the same scene has right, down, front: a half turn about x.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from splat.errors import SplatError
from splat.formats.common import gaussians_from_numpy, logit
from splat.formats.scene_file import Notes, SceneFile

_SUPPORTED = "SPZ versions 2, 3 and 4 are read"
_COLOR_SCALE = 0.15  # SPZ keeps the SH coefficient itself, over a wider range than colours in [0, 1]
# A damaged or hostile file can announce what it does not hold: real scenes shrink to a quarter, so memory for more than
# some Gaussians is only set aside where the file's own size makes them likely.
_FREE_GAUSSIANS = 1 << 18
_LIKELY_RATIO = 100
_MOST_FRACTIONAL_BITS = 64  # of positions with 24 bits; writers use 12
_FLAG_ANTIALIASED, _FLAG_EXTENSIONS = 1, 2


@dataclass(frozen=True)
class _Header:
    version: int
    count: int
    sh_degree: int
    fractional_bits: int
    flags: int

    def sizes(self) -> tuple[int, ...]:
        """Bytes of positions, opacities, colours, scales, rotations and directional colour."""
        rotation = 3 if self.version == 2 else 4
        directional = 3 * ((self.sh_degree + 1) ** 2 - 1)
        return tuple(self.count * width for width in (9, 1, 3, 3, rotation, directional))


@dataclass(frozen=True)
class _Unpacked:
    header: _Header
    streams: list[bytes]  # as many as were there, each of the size that the header implies
    unused: tuple[str, ...] = ()


def _parse_header(path: Path, data: bytes) -> _Header:
    if len(data) < 16 or data[:4] != b"NGSP":
        raise SplatError(f"{path} is no SPZ file; {_SUPPORTED}")
    header = _Header(*struct.unpack_from("<IIBBB", data, 4))
    if header.version not in (2, 3, 4):
        raise SplatError(f"{path} is SPZ version {header.version}; {_SUPPORTED}")
    if header.sh_degree > 3:
        raise SplatError(f"{path} has SH degree {header.sh_degree}; degrees 0 to 3 are read")
    if header.fractional_bits > _MOST_FRACTIONAL_BITS:  # everything would lie at zero
        raise SplatError(f"{path} is a damaged SPZ file: it announces {header.fractional_bits} fractional bits")
    return header


def _check_likely(path: Path, header: _Header, held: int) -> None:
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


def _zstd(path: Path) -> tuple[Callable[[bytes], BinaryIO], type[Exception]]:
    """A way to read packed bytes, and its error, of whichever zstd there is: Python's own from 3.14, else zstandard."""
    try:
        from compression import zstd

        return (lambda data: zstd.ZstdFile(io.BytesIO(data))), zstd.ZstdError
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError as error:
        raise SplatError(
            f"{path} is SPZ version 4, which needs zstd: `pip install zstandard`, or save it as SPZ version 3 or PLY"
        ) from error
    return (lambda data: zstandard.ZstdDecompressor().stream_reader(data)), zstandard.ZstdError


def _unpack_v4(path: Path, data: bytes, header: _Header) -> _Unpacked:
    """The attribute streams: a table of (packed, unpacked) sizes stands at the offset that the header gives."""
    streams, table = struct.unpack_from("<BI", data, 15)
    reader, zstd_error = _zstd(path)
    start = table + 16 * streams
    out = []
    for index, size in enumerate(header.sizes()[:streams]):
        packed, unpacked = struct.unpack_from("<QQ", data, table + 16 * index)
        if unpacked != size:
            raise SplatError(f"{path} is a damaged SPZ file: attribute {index} has {unpacked} bytes, not {size}")
        try:  # a frame names its own size, which may be another one: no more than expected is unpacked
            content = reader(data[start : start + packed]).read(size + 1)
        except zstd_error as error:
            raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
        if len(content) > size:
            raise SplatError(f"{path} is a damaged SPZ file: attribute {index} has more than {size} bytes")
        out.append(content)
        start += packed
    extra = [f"{streams - 6} more attributes"] if streams > 6 else []
    if table > 32:
        extra.append(f"extensions ({table - 32:,} bytes)")
    if streams <= 6 and len(data) > start:
        extra.append(f"{len(data) - start:,} bytes behind the last attribute")
    return _Unpacked(header, out, tuple(extra))


def _unpack(path: Path, data: bytes) -> _Unpacked:
    """The header and the six attribute streams, unpacked but not more than the header announces."""
    packed = data[:2] == b"\x1f\x8b"
    with gzip.open(io.BytesIO(data)) if packed else io.BytesIO(data) as file:
        header = _parse_header(path, file.read(16))
        _check_likely(path, header, len(data))
        if header.version == 4:
            found = _unpack_v4(path, data, header)
        else:
            streams = [file.read(size) for size in header.sizes()]
            more = bool(file.read(1))  # at the end gzip compares its checksum, too
            flagged = header.flags & _FLAG_EXTENSIONS
            name = "extensions" if flagged else "bytes behind the last attribute"
            found = _Unpacked(header, streams, (name,) if more or flagged else ())
    streams = found.streams + [b""] * (6 - len(found.streams))
    if tuple(map(len, streams)) != header.sizes():
        raise SplatError(f"{path} is cut short: it announces {header.count} Gaussians; download or export it again")
    return _Unpacked(header, streams, found.unused)


def _fixed24(data: bytes) -> np.ndarray:
    """[N, 3] float64: signed little-endian integers of three bytes."""
    raw = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
    values = raw[:, 0] | (raw[:, 1] << 8) | (raw[:, 2] << 16)
    return np.where(values >= 1 << 23, values - (1 << 24), values).astype(np.float64).reshape(-1, 3)


def _quats_v2(data: bytes) -> np.ndarray:
    """[N, 4] wxyz: x y z as bytes over [-1, 1], w from unit length, not negative."""
    xyz = np.frombuffer(data, np.uint8).reshape(-1, 3) / 127.5 - 1
    w = np.sqrt(np.clip(1 - (xyz * xyz).sum(axis=1, keepdims=True), 0, None))
    return np.concatenate([w, xyz], axis=1)


def _quats_v3(data: bytes) -> np.ndarray:
    """[N, 4] wxyz: the top two bits name the largest of xyzw, the others have a sign and nine bits over 1/sqrt(2)."""
    words = np.frombuffer(data, "<u4")
    fields = np.stack([(words >> shift) & 0x3FF for shift in (20, 10, 0)], axis=-1).astype(np.int64)
    small = (fields & 0x1FF) / 511 * math.sqrt(0.5) * np.where(fields >> 9, -1.0, 1.0)
    largest = (words >> 30).astype(np.int64)
    rows = np.arange(len(words))
    xyzw = np.empty((len(words), 4))
    xyzw[rows[:, None], np.arange(3)[None] + (np.arange(3)[None] >= largest[:, None])] = small
    xyzw[rows, largest] = np.sqrt(np.clip(1 - (small * small).sum(axis=1), 0, None))
    return xyzw[:, [3, 0, 1, 2]]


def read(path: Path) -> SceneFile:
    """Read an SPZ scene, turned from its y-up axes into the y-down axes of PLY.

    Raises:
        SplatError: when the file is damaged, of another version, or needs zstd and none is installed.
    """
    try:
        found = _unpack(path, Path(path).read_bytes())
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
    header, (positions, alphas, colors, scales, rotations, directional) = found.header, found.streams
    shN = (np.frombuffer(directional, np.uint8).astype(np.float32) - 128) / 128
    gaussians = gaussians_from_numpy(
        means=np.ldexp(_fixed24(positions), -header.fractional_bits),
        quats=_quats_v2(rotations) if header.version == 2 else _quats_v3(rotations),
        scales=np.frombuffer(scales, np.uint8).reshape(-1, 3) / 16 - 10,
        opacities=logit(np.frombuffer(alphas, np.uint8) / 255),
        sh0=(np.frombuffer(colors, np.uint8).reshape(-1, 3) / 255 - 0.5) / _COLOR_SCALE,
        shN=shN.reshape(header.count, -1, 3) if header.count else None,
    )
    turned = gaussians.transformed(torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0])))
    return SceneFile(turned, Notes(bool(header.flags & _FLAG_ANTIALIASED)), found.unused)
