"""Writing compressed PLY, rounded as splat-transform rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splat.formats import ply_notes
from splat.formats.common import drop_unusable, sigmoid, to_numpy, unusable_line
from splat.formats.compressed_ply.layout import CHUNK, chunk_properties, vertex_properties
from splat.formats.morton import morton_order
from splat.formats.scene_file import NO_NOTES, Notes
from splat.formats.smallest_three import smallest
from splat.gaussians import Gaussians
from splat.sh import SH_C0

_SCALE_LIMIT = 20.0  # of log scales: what other programs write, and their readers expect
_SH_LIMIT = 4.0
_STEPS = np.array([2047, 1023, 2047])  # of positions and scales in the bounds of their chunk
_MANY = 0.01  # the share of Gaussians that is worth a line


@dataclass(frozen=True)
class _Bounded:
    """Values [N, 3] as fractions of the way between the bounds of their chunk."""

    low: np.ndarray  # [chunks, 3] float32
    high: np.ndarray
    fractions: np.ndarray  # [N, 3] float64 in [0, 1]


def _bounded(values: np.ndarray) -> _Bounded:
    """Of float32 values [N, 3]; where a chunk has only one value, fractions are 0."""
    starts = np.arange(0, len(values), CHUNK)
    low, high = (reduce.reduceat(values, starts, axis=0) for reduce in (np.minimum, np.maximum))
    chunk_of = np.arange(len(values)) // CHUNK
    extent = high.astype(np.float64) - low
    fractions = (values - low[chunk_of].astype(np.float64)) / np.where(extent > 0, extent, 1)[chunk_of]
    return _Bounded(low, high, fractions)


def _fields(fractions: np.ndarray, top: np.ndarray | int) -> np.ndarray:
    """Nearest of the integers 0 to `top`, uint32."""
    return np.clip(np.floor(fractions * top + 0.5), 0, top).astype(np.uint32)


def _vectors(fractions: np.ndarray) -> np.ndarray:
    """[N] words of 11, 10 and 11 bits, x in the highest."""
    x, y, z = _fields(fractions, _STEPS).T
    words: np.ndarray = (x << np.uint32(21)) | (y << np.uint32(11)) | z
    return words


def _rotations(quats: np.ndarray) -> np.ndarray:
    """[N] words of quaternions wxyz of any length: two bits name the largest component, ten for each of the others."""
    largest, small = smallest(quats)
    a, b, c = _fields(small * math.sqrt(0.5) + 0.5, 1023).T
    words: np.ndarray = (largest.astype(np.uint32) << np.uint32(30)) | (a << np.uint32(20)) | (b << np.uint32(10)) | c
    return words


def _colors(fractions: np.ndarray, opacities: np.ndarray) -> np.ndarray:
    """[N] words of red, green, blue and opacity, red in the highest byte."""
    red, green, blue = _fields(fractions, 255).T
    alpha = _fields(sigmoid(opacities), 255)
    words: np.ndarray = (red << np.uint32(24)) | (green << np.uint32(16)) | (blue << np.uint32(8)) | alpha
    return words


def _directional(shN: np.ndarray) -> np.ndarray:
    """[N, 3 (K-1)] bytes over [-4, 4], all of red, then green, then blue."""
    values = shN.transpose(0, 2, 1).reshape(len(shN), 3 * shN.shape[1]).astype(np.float64)
    steps: np.ndarray = np.clip(np.trunc((values / (2 * _SH_LIMIT) + 0.5) * 256), 0, 255)
    return steps.astype(np.uint8)


def _header(count: int, directional: int, notes: Notes) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", *ply_notes.lines(notes)]
    lines += [f"element chunk {-(-count // CHUNK)}", *(f"property float {name}" for name in chunk_properties())]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in vertex_properties())]
    if directional:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{i}" for i in range(directional))]
    return ("\n".join([*lines, "end_header"]) + "\n").encode("ascii")


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write a compressed PLY, Gaussians in Morton order, so that those of a chunk lie close together.

    Gaussians that cannot be rendered are left out: there are no bits for NaN.
    """
    usable = drop_unusable(gaussians.detach().to("cpu"))[0]
    arrays = to_numpy(usable)
    order = morton_order(arrays["means"])
    rows = {name: array[order] for name, array in arrays.items()}
    rest = _directional(rows["shN"])
    header = _header(len(usable), rest.shape[1], notes)
    if not len(usable):
        Path(path).write_bytes(header)
        return
    means = _bounded(rows["means"])
    scales = _bounded(np.clip(rows["scales"], -_SCALE_LIMIT, _SCALE_LIMIT))
    colors = _bounded((rows["sh0"].reshape(-1, 3).astype(np.float64) * SH_C0 + 0.5).astype(np.float32))
    chunks = np.concatenate([part for each in (means, scales, colors) for part in (each.low, each.high)], axis=1)
    words = [
        _vectors(means.fractions),
        _rotations(rows["quats"]),
        _vectors(scales.fractions),
        _colors(colors.fractions, rows["opacities"]),
    ]
    with Path(path).open("wb") as file:
        file.write(header)
        file.write(chunks.astype("<f4").tobytes())
        file.write(np.stack(words, axis=1).astype("<u4").tobytes())
        file.write(rest.tobytes())


def lost(gaussians: Gaussians) -> list[str]:
    """Gaussians in chunks too wide for their positions, and values beyond what is stored, where there are such."""
    gaussians, dropped = drop_unusable(gaussians.detach().to("cpu"))
    total = f"of {len(gaussians):,} Gaussians"
    found = unusable_line(dropped)
    coarse = _coarse(gaussians) if len(gaussians) else 0
    if coarse > _MANY * len(gaussians):
        found.append(
            f"{coarse:,} {total} are smaller than the steps of positions in their chunk of {CHUNK}, which reaches far"
        )
    beyond = int((gaussians.shN.abs() > _SH_LIMIT).flatten(1).any(dim=1).sum())
    if beyond:
        found.append(f"{beyond:,} {total} have directional colour beyond +-{_SH_LIMIT:g}, which is cut off")
    sized = int((gaussians.scales > _SCALE_LIMIT).any(dim=1).sum())
    if sized:
        found.append(f"{sized:,} {total} are larger than e^{_SCALE_LIMIT:g} units, the most there is")
    return found


def _coarse(gaussians: Gaussians) -> int:
    """How many Gaussians are smaller than the steps between positions in their chunk."""
    arrays = to_numpy(gaussians)
    sizes, order = np.exp(arrays["scales"].max(axis=1)), morton_order(arrays["means"])
    bounds = _bounded(arrays["means"][order])
    steps = ((bounds.high.astype(np.float64) - bounds.low) / _STEPS).max(axis=1)  # [chunks]
    return int((steps[np.arange(len(order)) // CHUNK] > sizes[order]).sum())
