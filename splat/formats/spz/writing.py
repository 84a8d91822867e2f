"""Writing SPZ: versions 2, 3 and 4."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np
import torch

from splat.errors import SplatError
from splat.formats.axes import flipped
from splat.formats.common import drop_unusable, to_numpy, unusable_line
from splat.formats.placed import to_y_up
from splat.formats.scene_file import NO_NOTES, Notes
from splat.formats.spz import encoding
from splat.formats.spz.decoding import COLOR_SCALE
from splat.formats.spz.layout import FLAG_ANTIALIASED, HEADER_V4, SEPARATE_STREAMS, SMALLEST_THREE, SpzHeader
from splat.formats.spz.zstd import find_zstd
from splat.gaussians import Gaussians

_PLY_TO_SPZ = (1, -1, -1)  # right, down, front to right, up, back
_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE = -10.0, 255 / 16 - 10
_HALF_A_SCALE = 1 / 32
_HALF_A_COLOR = 0.5 / 255 / COLOR_SCALE
_LARGEST_COLOR = 0.5 / COLOR_SCALE  # 0.94 over and under what a colour of 0 to 1 has
_LARGEST_SH = 1.0
_MANY = 0.01  # the share of Gaussians that is worth a line


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES, version: int = 4) -> None:
    """Write an SPZ file in its own axes (y up), Gaussians in their order; those that cannot be rendered are left out.

    Args:
        path: the file.
        gaussians: in the axes of PLY, or with z up where the notes say so, on any device.
        notes: whether it is drawn antialiased is kept; there is no place for an origin.
        version: 2, 3 or 4; version 2 has 8 bits for a component of a rotation, the others 10.

    Raises:
        SplatError: coordinates beyond 24 bits, or no zstd for version 4.
    """
    usable = drop_unusable(gaussians.detach().to("cpu"))[0]
    upright = notes.up == "z"
    arrays = to_numpy(usable.transformed(torch.from_numpy(to_y_up("z"))) if upright else flipped(usable, _PLY_TO_SPZ))
    largest = float(np.abs(arrays["means"]).max(initial=0))
    bits = encoding.fractional_bits(largest)
    if bits is None:
        raise SplatError(
            f"coordinates reach {largest:.3g}, an SPZ file ends at {encoding.LARGEST_INTEGER:,}; remove what lies so "
            "far out, or write a PLY"
        )
    rotations = encoding.smallest_three if version >= SMALLEST_THREE else encoding.first_three
    streams = [
        encoding.positions(arrays["means"], bits),
        encoding.alphas(arrays["opacities"]),
        encoding.colors(arrays["sh0"].reshape(-1, 3)),
        encoding.scales(arrays["scales"]),
        rotations(arrays["quats"]),
        encoding.directional(arrays["shN"]),
    ]
    flags = FLAG_ANTIALIASED if notes.antialiased else 0
    header = SpzHeader(version, len(usable), usable.sh_degree, bits, flags)
    pack = _pack_v4 if version >= SEPARATE_STREAMS else _pack_stream
    Path(path).write_bytes(pack(header, streams))


def _pack_stream(header: SpzHeader, streams: list[bytes]) -> bytes:
    """Versions 2 and 3: one gzip stream, the same bytes whenever it is written."""
    return gzip.compress(b"".join([header.packed(), *streams]), 6, mtime=0)


def _pack_v4(header: SpzHeader, streams: list[bytes]) -> bytes:
    """Version 4: header, table of sizes, one zstd stream an attribute; empty ones are left out."""
    zstd = find_zstd("what is to be written", "choose version=3")
    streams = [stream for stream in streams if stream]
    packed = [zstd.compress(stream) for stream in streams]
    table = b"".join(struct.pack("<QQ", len(short), len(stream)) for short, stream in zip(packed, streams))
    return b"".join([header.packed(len(streams)), struct.pack("<I12x", HEADER_V4), table, *packed])


def lost(gaussians: Gaussians) -> list[str]:
    """Coarser positions, and values beyond what bytes hold, each where there are such."""
    usable, dropped = drop_unusable(gaussians.detach().to("cpu"))
    found = unusable_line(dropped)
    return found + _positions_lost(usable) + _values_lost(usable) if len(usable) else found


def _positions_lost(gaussians: Gaussians) -> list[str]:
    largest = gaussians.means.abs().amax(dim=1)  # [N]
    bits = encoding.fractional_bits(float(largest.max()))
    if bits is None:
        return []  # nothing is written
    found, step = [], 2.0**-bits
    usual = 1 << encoding.MOST_FRACTIONAL_BITS
    if bits < encoding.MOST_FRACTIONAL_BITS:
        range_ = encoding.LARGEST_INTEGER // usual + 1
        count = int((largest >= range_).sum())
        found.append(
            f"{count:,} of {len(gaussians):,} Gaussians lie beyond {range_} (to {float(largest.max()):,.0f}): all "
            f"positions are rounded to 1/{1 << bits} of a unit instead of 1/{usual}; crop the scene to keep more"
        )
    small = int((gaussians.scales.amax(dim=1) < math.log(step)).sum())
    if small > _MANY * len(gaussians):
        found.append(
            f"{small:,} of {len(gaussians):,} Gaussians are smaller than the steps of positions, 1/{1 << bits}"
        )
    return found


def _values_lost(gaussians: Gaussians) -> list[str]:
    scales = gaussians.scales
    small = scales.amax(dim=1) < _SMALLEST_LOG_SCALE - _HALF_A_SCALE
    large = scales.amax(dim=1) > _LARGEST_LOG_SCALE + _HALF_A_SCALE
    bright = (gaussians.sh0.abs() > _LARGEST_COLOR + _HALF_A_COLOR).flatten(1).any(dim=1)
    directional = (gaussians.shN.abs() > _LARGEST_SH).flatten(1).any(dim=1)
    total = f"of {len(gaussians):,} Gaussians"
    lines = {
        f"{total} are smaller than e^-10 = 4.5e-05 units, the least there is": small,
        f"{total} are larger than e^5.9 = 379 units, the most there is": large,
        f"{total} have colours beyond what a file holds, which are cut off": bright,
        f"{total} have directional colour beyond +-1, which is cut off": directional,
    }
    counts = {text: int(mask.sum()) for text, mask in lines.items()}
    return [f"{count:,} {text}" for text, count in counts.items() if count]
