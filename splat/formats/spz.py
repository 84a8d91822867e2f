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

import numpy as np
import torch

from splat.errors import SplatError
from splat.formats.common import gaussians_from_numpy, logit
from splat.gaussians import Gaussians

_SUPPORTED = "SPZ versions 2, 3 and 4 are read"
_DEFLATE_LIMIT = 1032  # how many times gzip can shrink anything
_COLOR_SCALE = 0.15  # SPZ keeps the SH coefficient itself, over a wider range than colours in [0, 1]


@dataclass(frozen=True)
class _Header:
    version: int
    count: int
    sh_degree: int
    fractional_bits: int

    def sizes(self) -> tuple[int, ...]:
        """Bytes of positions, opacities, colours, scales, rotations and directional colour."""
        rotation = 3 if self.version == 2 else 4
        directional = 3 * ((self.sh_degree + 1) ** 2 - 1)
        return tuple(self.count * width for width in (9, 1, 3, 3, rotation, directional))


def _parse_header(path: Path, data: bytes) -> _Header:
    if len(data) < 16 or data[:4] != b"NGSP":
        raise SplatError(f"{path} is no SPZ file; {_SUPPORTED}")
    version, count, sh_degree, fractional_bits = struct.unpack_from("<IIBB", data, 4)
    if version not in (2, 3, 4):
        raise SplatError(f"{path} is SPZ version {version}; {_SUPPORTED}")
    if sh_degree > 3:
        raise SplatError(f"{path} has SH degree {sh_degree}; degrees 0 to 3 are read")
    return _Header(version, count, sh_degree, fractional_bits)


def _zstd(path: Path) -> tuple[Callable[[bytes, int], bytes], type[Exception]]:
    """decompress(data, size) and its error, of whichever zstd there is: Python's own from 3.14, else zstandard."""
    try:
        from compression import zstd

        return (lambda data, size: zstd.decompress(data)), zstd.ZstdError
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError as error:
        raise SplatError(
            f"{path} is SPZ version 4, which needs zstd: `pip install zstandard`, or save it as SPZ version 3 or PLY"
        ) from error
    return (lambda data, size: zstandard.ZstdDecompressor().decompress(data, size)), zstandard.ZstdError


def _streams_v4(path: Path, data: bytes, header: _Header) -> list[bytes]:
    """The attribute streams: a table of (packed, unpacked) sizes stands at the offset that the header gives."""
    streams, table = struct.unpack_from("<BI", data, 15)
    decompress, zstd_error = _zstd(path)
    start = table + 16 * streams
    out = []
    for index, size in enumerate(header.sizes()[:streams]):
        packed, unpacked = struct.unpack_from("<QQ", data, table + 16 * index)
        if unpacked != size:
            raise SplatError(f"{path} is a damaged SPZ file: attribute {index} has {unpacked} bytes, not {size}")
        try:
            out.append(decompress(data[start : start + packed], size))
        except zstd_error as error:
            raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
        start += packed
    return out


def _streams(path: Path, data: bytes) -> tuple[_Header, list[bytes]]:
    """The header and the six attribute streams, unpacked but not more than the header announces."""
    packed = data[:2] == b"\x1f\x8b"
    with gzip.open(io.BytesIO(data)) if packed else io.BytesIO(data) as file:
        header = _parse_header(path, file.read(16))
        if header.version == 4:
            streams = _streams_v4(path, data, header)
        elif sum(header.sizes()) > _DEFLATE_LIMIT * len(data):  # before memory is set aside for a damaged count
            streams = []
        else:
            streams = [file.read(size) for size in header.sizes()]
    streams += [b""] * (6 - len(streams))
    if tuple(map(len, streams)) != header.sizes():
        raise SplatError(f"{path} is cut short: it announces {header.count} Gaussians; download or export it again")
    return header, streams


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


def read(path: Path) -> Gaussians:
    """Read an SPZ scene, turned from its y-up axes into the y-down axes of PLY.

    Raises:
        SplatError: when the file is damaged, of another version, or needs zstd and none is installed.
    """
    try:
        header, (positions, alphas, colors, scales, rotations, directional) = _streams(path, Path(path).read_bytes())
    except (EOFError, OSError, zlib.error, struct.error, MemoryError) as error:
        raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
    shN = (np.frombuffer(directional, np.uint8).astype(np.float32) - 128) / 128
    gaussians = gaussians_from_numpy(
        means=_fixed24(positions) / (1 << header.fractional_bits),
        quats=_quats_v2(rotations) if header.version == 2 else _quats_v3(rotations),
        scales=np.frombuffer(scales, np.uint8).reshape(-1, 3) / 16 - 10,
        opacities=logit(np.frombuffer(alphas, np.uint8) / 255),
        sh0=(np.frombuffer(colors, np.uint8).reshape(-1, 3) / 255 - 0.5) / _COLOR_SCALE,
        shN=shN.reshape(header.count, -1, 3) if header.count else None,
    )
    return gaussians.transformed(torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0])))
