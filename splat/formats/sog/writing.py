"""Writing SOG version 2, as one `.sog` file."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from splat.errors import SplatError
from splat.formats.common import drop_unusable, sigmoid, to_numpy, unusable_line
from splat.formats.morton import morton_order
from splat.formats.scene_file import NO_NOTES, Notes
from splat.formats.smallest_three import smallest
from splat.formats.sog.container import META
from splat.formats.sog.meta import COEFFICIENTS, MOST_PALETTE, MOST_SIDE
from splat.formats.sog.palette import codebook, nearest_codes, palette
from splat.formats.sog.reading import LARGEST_TAG, PALETTE_ROW
from splat.gaussians import Gaussians

Array = npt.NDArray[Any]

HIGHEST_DEGREE = len(COEFFICIENTS) - 1
_POSITION_BITS = 16
_TOP = (1 << _POSITION_BITS) - 1
_EFFORT = 4  # of Pillow's 0 to 6: beyond it files shrink by a hundredth and take several times as long
_GENERATOR = "splat"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can say, so that the same scene gives the same bytes


def palette_size(count: int) -> int:
    """Sets of directional colour for `count` Gaussians: the power of two that is not more, at most 65,536."""
    return min(MOST_PALETTE, 1 << max(count.bit_length() - 1, 0))


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write a SOG bundle (version 2). The same scene gives the same bytes.

    Gaussians come in Morton order of their positions. Bytes are rounded to nearest (splat-transform truncates).
    Positions, of sign(x) ln(1 + |x|), are off by at most half of a 65,535th of their range; rotations by 0.0028 in a
    component; opacities by half of a 255th. Scales and colours have codebooks of 256 values each, directional colour a
    palette (see `palette`), whose numbers have another codebook.

    Args:
        gaussians: of SH degree 0 to 3, on any device.
        notes: `antialiased` is written as `model`, an origin into `extras`, which other programs leave alone.

    Gaussians with values that are not finite are left out: the file has no bits for them.

    Raises:
        SplatError: there are more than a picture has room for (134 million), or the SH degree is above 3.
    """
    if gaussians.sh_degree > HIGHEST_DEGREE:
        raise SplatError(f"SOG has SH degrees 0 to 3, not {gaussians.sh_degree}; choose another format")
    gaussians, _ = drop_unusable(gaussians)
    count = len(gaussians)
    if count > MOST_SIDE**2 // 2:
        raise SplatError(f"{count:,} Gaussians are too many for one SOG file; write PLY")
    arrays = to_numpy(gaussians)
    fractions, mins, maxs = _positions(arrays["means"])
    order = morton_order(arrays["means"])
    arrays = {name: values[order] for name, values in arrays.items()}
    pictures, shared = _pictures(arrays, fractions[order])
    meta = {
        "version": 2,
        "asset": {"generator": _GENERATOR},
        "count": count,
        **({} if notes.antialiased is None else {"model": "antialiased" if notes.antialiased else "default"}),
        "means": {"mins": mins, "maxs": maxs, "files": ["means_l.webp", "means_u.webp"]},
        **shared,
        **({"extras": {"origin": list(notes.origin)}} if any(notes.origin) else {}),
    }
    _bundle(path, json.dumps(meta, allow_nan=False).encode(), pictures)


def _positions(means: Array) -> tuple[Array, list[float], list[float]]:
    """[N, 3] int64 of 16 bits, and the bounds of sign(x) ln(1 + |x|) that they divide."""
    logs = np.sign(means) * np.log1p(np.abs(means.astype(np.float64)))
    if not len(logs):
        return np.zeros((0, 3), np.int64), [0.0] * 3, [0.0] * 3
    low, high = logs.min(axis=0), logs.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    return np.rint((logs - low) / span * _TOP).astype(np.int64), low.tolist(), high.tolist()


def _pictures(arrays: dict[str, Array], fractions: Array) -> tuple[dict[str, Array], dict[str, Any]]:
    """The pictures by name, [H, W, 3 or 4] uint8, and what `meta.json` says of all but the positions."""
    scales, colors = codebook(arrays["scales"]), codebook(arrays["sh0"])
    alphas = np.rint(sigmoid(arrays["opacities"]) * 255).astype(np.uint8)
    rows: dict[str, Array] = {
        "means_l.webp": (fractions & 255).astype(np.uint8),
        "means_u.webp": (fractions >> 8).astype(np.uint8),
        "scales.webp": nearest_codes(arrays["scales"], scales),
        "quats.webp": packed_quats(arrays["quats"]),
        "sh0.webp": np.concatenate([nearest_codes(arrays["sh0"][:, 0], colors), alphas[:, None]], axis=1),
    }
    meta: dict[str, Any] = {
        "scales": {"codebook": scales.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": colors.tolist(), "files": ["sh0.webp"]},
    }
    centroids = {}
    if arrays["shN"].shape[1]:
        rows["shN_labels.webp"], centroids["shN_centroids.webp"], meta["shN"] = _directional(arrays["shN"])
    return {name: _laid_out(values) for name, values in rows.items()} | centroids, meta


def packed_quats(quats: Array) -> Array:
    """[N, 4] uint8 of quaternions [N, 4] wxyz of any length: the three smallest, and which is the largest."""
    largest, small = smallest(quats)
    return np.concatenate([np.rint((small * math.sqrt(2) + 1) * 127.5), largest[:, None] + LARGEST_TAG], axis=1).astype(
        np.uint8
    )


def _directional(shN: Array) -> tuple[Array, Array, dict[str, Any]]:
    """Labels [N, 3] uint8, the palette's picture, and what `meta.json` says of them."""
    count, coefficients = shN.shape[:2]
    sets, labels = palette(shN.reshape(count, 3 * coefficients), palette_size(count))
    codes = codebook(sets)
    rows = math.ceil(len(sets) / PALETTE_ROW)
    table = np.zeros((rows * PALETTE_ROW * coefficients, 3), np.uint8)
    table[: len(sets) * coefficients] = nearest_codes(sets, codes).reshape(-1, 3)
    files = ["shN_centroids.webp", "shN_labels.webp"]
    meta = {"count": len(sets), "bands": COEFFICIENTS.index(coefficients), "codebook": codes.tolist(), "files": files}
    pixels = np.stack([labels & 255, labels >> 8, np.zeros_like(labels)], axis=1).astype(np.uint8)
    return pixels, table.reshape(rows, PALETTE_ROW * coefficients, 3), meta


def _laid_out(rows: Array) -> Array:
    """[H, W, C] of rows [N, C], about square and in fours; zeros behind the end."""
    width = 4 * math.ceil(math.sqrt(max(len(rows), 1)) / 4)
    height = 4 * math.ceil(max(len(rows), 1) / width / 4)
    picture = np.zeros((height * width, rows.shape[1]), np.uint8)
    picture[: len(rows)] = rows
    return picture.reshape(height, width, -1)


def _bundle(path: Path, meta: bytes, pictures: dict[str, Array]) -> None:
    """Write the ZIP, stored: its pictures are packed already."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(META), meta)
        for name, pixels in pictures.items():
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "WEBP", lossless=True, exact=True, method=_EFFORT)
            archive.writestr(_entry(name), data.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3  # the same on every system
    return entry


def lost(gaussians: Gaussians) -> list[str]:
    """What bytes, codebooks and the palette make of the scene, with figures."""
    usable, dropped = drop_unusable(gaussians)
    found = unusable_line(dropped)
    if not len(usable):
        return found
    arrays = to_numpy(usable)
    means = arrays["means"].astype(np.float64)
    logs = np.sign(means) * np.log1p(np.abs(means))
    off = np.ptp(logs, axis=0) / _TOP / 2 * (1 + np.abs(means))  # [N, 3]
    size = float(np.exp(np.median(arrays["scales"].astype(np.float64))))
    found.append(
        f"positions have 16 bits: half of them move by less than {np.median(off.max(axis=1)):.2g}, the farthest by up "
        f"to {off.max():.2g} (median Gaussian: {size:.2g}); scales and colours have 256 levels, rotations three bytes"
    )
    if usable.sh_degree and (sets := palette_size(len(usable))) < len(usable):
        found.append(f"directional colour: {len(usable):,} Gaussians share a palette of {sets:,}")
    return found
