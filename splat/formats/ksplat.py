"""The `.ksplat` format of the web viewer GaussianSplats3D (npm: @mkkellogg/gaussian-splats-3d, SplatBuffer.js).

A header of 4096 bytes, a header of 1024 bytes for each section, then the sections: the lengths of the buckets that are
not full, the centres of all buckets, and one record a Gaussian. At compression 0 records are float32; at 1 and 2
positions are 16-bit offsets from their bucket's centre, scales and rotations float16, directional colour float16 (1) or
a byte between two bounds of the header (2). Colour and opacity are bytes at all three. Scales are standard deviations,
quaternions wxyz, axes those of PLY. Directional colour has degree 0 to 2 and comes band after band, in a band channel
after channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from splat.errors import SplatError
from splat.formats.common import (
    colors_beyond_bytes,
    drop_unusable,
    gaussians_from_numpy,
    logit,
    sigmoid,
    to_numpy,
    unusable_line,
)
from splat.formats.positions import near_zero
from splat.formats.scene_file import NO_NOTES, Notes, SceneFile
from splat.gaussians import Gaussians
from splat.sh import SH_C0

Array = npt.NDArray[Any]

HIGHEST_DEGREE = 2
COMPRESSION = 1  # that is written: nothing of it shows, and it halves the file
_BANDS = ((0, 3), (3, 8))  # first and last coefficient of each degree
_HALF_SH_RANGE = 1.5  # bounds of bytes at compression 2 where the header has zeros
_STEPS = 32767  # of a position offset to each side of a bucket's centre
_BUCKET_SIZE = 256
_STEPS_A_GAUSSIAN = 100  # steps of a position in the median Gaussian's standard deviation
_MOST_BLOCKS = 1 << 20  # along an axis, so that three indices fit 64 bits
_LARGEST_HALF = float(np.finfo(np.float16).max)


def _fields(size: int, **fields: tuple[Any, int]) -> np.dtype[Any]:
    """A header of `size` bytes whose fields have a type and start at a byte; the rest is unused."""
    types, starts = [kind for kind, _ in fields.values()], [start for _, start in fields.values()]
    return np.dtype({"names": list(fields), "formats": types, "offsets": starts, "itemsize": size})


HEADER = _fields(
    4096,
    major=("u1", 0),
    minor=("u1", 1),
    max_sections=("<u4", 4),
    sections=("<u4", 8),
    max_splats=("<u4", 12),
    splats=("<u4", 16),
    compression=("<u2", 20),
    sh=(("<f4", 2), 36),  # the values of bytes 0 and 255 at compression 2
)
SECTION = _fields(
    1024,
    splats=("<u4", 0),
    max_splats=("<u4", 4),  # that the section has room for
    capacity=("<u4", 8),  # of a bucket
    buckets=("<u4", 12),
    block=("<f4", 16),  # side of the cube that a bucket's positions lie in
    bucket_bytes=("<u2", 20),
    range=("<u4", 24),  # steps from a bucket's centre to its side
    bytes=("<u4", 28),
    full=("<u4", 32),
    partial=("<u4", 36),
    degree=("<u2", 40),
)


def record(compression: int, degree: int) -> np.dtype[Any]:
    """The bytes of one Gaussian."""
    centre, real, colour = (("<f4", "<f4", "<f4"), ("<u2", "<f2", "<f2"), ("<u2", "<f2", "u1"))[compression]
    rest = 3 * ((degree + 1) ** 2 - 1)
    return np.dtype(
        [("means", centre, 3), ("scales", real, 3), ("quats", real, 4), ("rgba", "u1", 4), ("sh", colour, (rest,))]
    )


@dataclass(frozen=True)
class _Section:
    """One section as it lies in the file."""

    records: Array  # [N] of `record`
    centres: Array  # [N, 3] the centre of each record's bucket, or [1, 3] zeros
    step: float  # of the position offsets
    middle: int  # the offset that is the bucket's centre


def _buckets(path: Path, data: bytes, start: int, head: Any, count: int) -> Array:
    """[N, 3] float64 centres of the buckets of the records."""
    full, partial, capacity = int(head["full"]), int(head["partial"]), int(head["capacity"])
    lengths = np.frombuffer(data, "<u4", partial, start).astype(np.int64)
    if full + partial != int(head["buckets"]) or full * capacity + int(lengths.sum()) != count:
        raise SplatError(f"{path} is a damaged KSPLAT file: its buckets do not hold {count:,} Gaussians")
    centres = np.frombuffer(data, "<f4", 3 * int(head["buckets"]), start + 4 * partial).reshape(-1, 3)
    return np.repeat(centres, np.concatenate([np.full(full, capacity), lengths]), axis=0).astype(np.float64)


def _section(path: Path, data: bytes, start: int, head: Any, compression: int) -> tuple[_Section, int]:
    """The section at a byte of the file, and the byte behind it."""
    degree, count, room = int(head["degree"]), int(head["splats"]), int(head["max_splats"])
    if degree > HIGHEST_DEGREE:
        raise SplatError(f"{path} is a damaged KSPLAT file: it announces SH degree {degree}; the format has 0 to 2")
    layout = record(compression, degree)
    before = int(head["buckets"]) * int(head["bucket_bytes"]) + 4 * int(head["partial"])
    end = start + before + room * layout.itemsize
    if count > room or end > len(data):
        raise SplatError(
            f"{path} is cut short: a section announces {max(count, room):,} Gaussians in {int(head['buckets']):,} "
            "buckets; download or export it again"
        )
    records = np.frombuffer(data, layout, count, start + before)
    if not compression or not count:
        return _Section(records, np.zeros((1, 3)), 1.0, 0), end
    if int(head["bucket_bytes"]) != 12:
        raise SplatError(f"{path} is a damaged KSPLAT file: its buckets have {int(head['bucket_bytes'])} bytes, not 12")
    steps = int(head["range"]) or _STEPS
    return _Section(records, _buckets(path, data, start, head, count), float(head["block"]) / 2 / steps, steps), end


def _sections(path: Path, data: bytes, header: Any) -> tuple[list[_Section], int]:
    """The sections, and the byte behind the last."""
    count = int(header["max_sections"])
    start = HEADER.itemsize + count * SECTION.itemsize
    if start > len(data):
        raise SplatError(f"{path} is cut short: it announces {count:,} sections; download or export it again")
    sections = []
    for head in np.frombuffer(data, SECTION, count, HEADER.itemsize):
        section, start = _section(path, data, start, head, int(header["compression"]))
        sections.append(section)
    return sections, start


def _directional(values: Array, header: Any) -> Array:
    """[N, K-1, 3] float64 coefficients of the stored ones, [N, 3 (K-1)]."""
    stored = values.astype(np.float64)
    if int(header["compression"]) == 2:
        low, high = (float(bound) for bound in header["sh"])
        low, high = low or -_HALF_SH_RANGE, high or _HALF_SH_RANGE
        stored = low + stored / 255 * (high - low)
    count = values.shape[1] // 3
    bands = [stored[:, 3 * a : 3 * b].reshape(-1, 3, b - a) for a, b in _BANDS if b <= count]
    return np.concatenate(bands, axis=2).transpose(0, 2, 1) if bands else np.zeros((len(values), 0, 3))


def _gaussians(section: _Section, header: Any) -> Gaussians:
    rows = section.records
    means = (rows["means"].astype(np.float64) - section.middle) * section.step + section.centres
    return gaussians_from_numpy(
        means=means.astype(np.float32),
        quats=rows["quats"],
        scales=np.log(rows["scales"].astype(np.float64)),
        opacities=logit(rows["rgba"][:, 3] / 255),
        sh0=(rows["rgba"][:, :3] / 255 - 0.5) / SH_C0,
        shN=_directional(rows["sh"], header),
    )


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # sorted out with the unusable rows
def read(path: Path) -> SceneFile:
    """Read a `.ksplat` scene of any compression; SH degree 0 to 2, the highest of its sections.

    Raises:
        SplatError: when the file is damaged, or of a later version.
    """
    data = Path(path).read_bytes()
    if len(data) < HEADER.itemsize:
        raise SplatError(f"{path} is no KSPLAT file: it has {len(data)} bytes, fewer than a header's {HEADER.itemsize}")
    header = np.frombuffer(data, HEADER, 1)[0]
    version = f"{header['major']}.{header['minor']}"
    if version != "0.1":
        raise SplatError(f"{path} is KSPLAT version {version}; version 0.1 is read")
    if header["compression"] > 2:
        raise SplatError(
            f"{path} is a damaged KSPLAT file: it announces compression {header['compression']}, not 0 to 2"
        )
    sections, end = _sections(path, data, header)
    held = sum(len(section.records) for section in sections)
    if held != header["splats"]:
        raise SplatError(
            f"{path} is a damaged KSPLAT file: it announces {header['splats']:,} Gaussians and has {held:,}"
        )
    empty = _Section(np.zeros(0, record(int(header["compression"]), 0)), np.zeros((1, 3)), 1.0, 0)
    gaussians = Gaussians.cat([_gaussians(section, header) for section in sections or [empty]])
    means, origin, remarks = near_zero(gaussians.means.numpy(), gaussians.scales.numpy())
    extra = (f"{len(data) - end:,} bytes behind the last section",) if end < len(data) else ()
    return SceneFile(gaussians.replace(means=torch.from_numpy(means)), Notes(None, origin), extra, tuple(remarks))


def _block(means: Array, scales: Array) -> float:
    """The side of a block, so that a position's step is small beside the Gaussians, in a scene of any unit."""
    size = float(np.exp(np.median(scales.astype(np.float64)))) if len(scales) else 1.0
    extent = float(np.ptp(means.astype(np.float64), axis=0).max()) if len(means) else 0.0
    side = max(size / _STEPS_A_GAUSSIAN * 2 * _STEPS, extent / _MOST_BLOCKS, float(np.finfo(np.float32).tiny))
    return float(np.float32(min(side, np.finfo(np.float32).max)))


@dataclass(frozen=True)
class _Buckets:
    order: Array  # [N] the Gaussians, bucket after bucket, the full ones first
    lengths: Array  # [B] Gaussians in each
    centres: Array  # [B, 3] float32
    full: int  # how many of them are full


def _into_buckets(means: Array, block: float) -> _Buckets:
    """Gaussians of a block of space in buckets of at most `_BUCKET_SIZE`, of which one a block may be partly full."""
    low = means.min(axis=0, initial=np.inf)
    cells = np.floor((means - low) / block).astype(np.int64)
    keys = (cells[:, 0] * 2 * _MOST_BLOCKS + cells[:, 1]) * 2 * _MOST_BLOCKS + cells[:, 2]
    by_block = np.argsort(keys, kind="stable")
    _, first, sizes = np.unique(keys[by_block], return_index=True, return_counts=True)
    within = np.arange(len(keys)) - np.repeat(first, sizes)  # place in the block
    whole = np.repeat(sizes // _BUCKET_SIZE * _BUCKET_SIZE, sizes)  # places of the block that are in full buckets
    order = by_block[np.argsort(within >= whole, kind="stable")]
    full, rest = sizes // _BUCKET_SIZE, sizes % _BUCKET_SIZE
    lengths = np.concatenate([np.full(full.sum(), _BUCKET_SIZE), rest[rest > 0]])
    blocks = np.concatenate([np.repeat(np.arange(len(sizes)), full), np.flatnonzero(rest)])
    centres = low + (cells[by_block[first[blocks]]] + 0.5) * block
    return _Buckets(order, lengths, centres.astype(np.float32), int(full.sum()))


def _in_bands(shN: Array, degree: int) -> Array:
    """[N, 3 (K-1)] coefficients in the file's order."""
    bands = [shN[:, a:b].transpose(0, 2, 1).reshape(len(shN), 3 * (b - a)) for a, b in _BANDS[:degree]]
    return np.concatenate(bands, axis=1) if bands else np.zeros((len(shN), 0), np.float32)


def _byte(values: Array) -> Array:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES, compression: int = COMPRESSION) -> None:
    """Write a `.ksplat` file of one section; SH degrees above 2 are cut off.

    It has no place for notes. Numbers are rounded to nearest (the viewer's converter truncates bytes). Positions are
    exact at compression 0; else off by at most half of a step, which is a hundredth of the median Gaussian's standard
    deviation, or a 2^36th of the extent where that is more.

    Args:
        gaussians: on any device.
        compression: 0 (44 bytes a Gaussian without directional colour), 1 (24), or 2 (24; directional colour in bytes).

    Gaussians with values that are not finite are left out: the file has no bits for them.
    """
    gaussians, _ = drop_unusable(gaussians)
    arrays = to_numpy(gaussians)
    degree = min(gaussians.sh_degree, HIGHEST_DEGREE)
    means = arrays["means"].astype(np.float64)
    block = _block(means, arrays["scales"])
    buckets = _into_buckets(means, block)
    bounds = _sh_bounds(arrays["shN"][:, : (degree + 1) ** 2 - 1])
    rows = np.zeros(len(gaussians), record(compression, degree))
    in_file = {name: values[buckets.order] for name, values in arrays.items()}
    if compression:
        offsets = means[buckets.order] - np.repeat(buckets.centres.astype(np.float64), buckets.lengths, axis=0)
        rows["means"] = np.clip(np.rint(offsets / (block / 2) * _STEPS) + _STEPS, 0, 2 * _STEPS + 1)
    else:
        rows["means"] = in_file["means"]
    rows["scales"] = np.clip(np.exp(in_file["scales"].astype(np.float64)), 0, _LARGEST_HALF if compression else None)
    quats = in_file["quats"].astype(np.float64)
    rows["quats"] = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    rows["rgba"][:, :3] = _byte((in_file["sh0"][:, 0].astype(np.float64) * SH_C0 + 0.5) * 255)
    rows["rgba"][:, 3] = _byte(sigmoid(in_file["opacities"]) * 255)
    rest = _in_bands(in_file["shN"].astype(np.float64), degree)
    if compression == 2:
        rest = _byte((rest - bounds[0]) / (bounds[1] - bounds[0]) * 255)
    rows["sh"] = np.clip(rest, -_LARGEST_HALF, _LARGEST_HALF) if compression == 1 else rest
    with Path(path).open("wb") as file:
        file.write(_header(len(rows), compression, bounds).tobytes())
        file.write(_section_header(len(rows), degree, rows.itemsize, block, buckets if compression else None).tobytes())
        if compression:
            file.write(buckets.lengths[buckets.full :].astype("<u4").tobytes())
            file.write(buckets.centres.astype("<f4").tobytes())
        file.write(rows.tobytes())


def _sh_bounds(shN: Array) -> tuple[float, float]:
    """The least and largest coefficient as float32; never zero, which a reader takes for missing."""
    tiny = 1e-6
    low, high = min(float(shN.min(initial=-tiny)), -tiny), max(float(shN.max(initial=tiny)), tiny)
    return float(np.float32(low)), float(np.float32(high))


def _header(count: int, compression: int, bounds: tuple[float, float]) -> Array:
    header = np.zeros(1, HEADER)
    header["minor"] = header["max_sections"] = header["sections"] = 1
    header["max_splats"] = header["splats"] = count
    header["compression"], header["sh"] = compression, bounds
    return header


def _section_header(count: int, degree: int, width: int, block: float, buckets: _Buckets | None) -> Array:
    """The header of a section of records of `width` bytes; without `buckets` their fields stay zero."""
    header = np.zeros(1, SECTION)
    header["splats"] = header["max_splats"] = count
    header["degree"], header["bytes"] = degree, count * width
    if buckets is not None:
        total = len(buckets.lengths)
        header["capacity"], header["bucket_bytes"], header["range"] = _BUCKET_SIZE, 12, _STEPS
        header["buckets"], header["full"], header["partial"] = total, buckets.full, total - buckets.full
        header["block"] = block
        header["bytes"] += 12 * total + 4 * (total - buckets.full)
    return header


def lost(gaussians: Gaussians) -> list[str]:
    """Directional colour above degree 2, and what bytes and 16-bit numbers have no room for."""
    usable, dropped = drop_unusable(gaussians)
    found = unusable_line(dropped)
    if gaussians.sh_degree > HIGHEST_DEGREE:
        found.append(
            f"directional colour of degree {gaussians.sh_degree} is cut to degree 2: a KSPLAT file has no more"
        )
    found += colors_beyond_bytes(usable)
    scales = usable.scales.double().exp()
    thin = int((scales < float(np.finfo(np.float16).tiny)).any(dim=-1).sum())
    large = int((scales > _LARGEST_HALF).any(dim=-1).sum())
    if thin:
        found.append(f"{thin:,} of {len(usable):,} Gaussians are thinner than 6e-5, where 16-bit scales become coarse")
    if large:
        found.append(f"{large:,} of {len(usable):,} Gaussians are larger than 65,504, where 16-bit scales end")
    return found
