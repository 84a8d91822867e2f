"""Reading SOG, versions 1 and 2: pictures of bytes and what the bytes stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from splat.errors import SplatError
from splat.formats.common import gaussians_from_numpy, logit
from splat.formats.positions import near_zero
from splat.formats.scene_file import Notes, SceneFile
from splat.formats.smallest_three import restored
from splat.formats.sog.container import LOD_META, Files, open_files
from splat.formats.sog.meta import COEFFICIENTS, Bytes, Meta, Palette, parse

Array = npt.NDArray[Any]

PALETTE_ROW = 64  # value sets in a row of the palette's picture
# A damaged or hostile file can announce what it does not hold: real scenes shrink to a twentieth, so memory for more
# than some Gaussians is only set aside where the size of the files makes them likely.
_FREE_GAUSSIANS = 1 << 18
_LIKELY_RATIO = 100
_FREE_PIXELS = 1 << 20  # beyond those that the Gaussians need
LARGEST_TAG = 252  # alpha of a rotation: this and the number of its largest component, of w x y z


def read(path: Path) -> SceneFile:
    """Read a SOG scene: a `.sog` file, a folder with a `meta.json`, or that file.

    Raises:
        SplatError: when it is damaged or incomplete, of another version, flat (2DGS), or in chunks (`lod-meta.json`).
    """
    path = Path(path)
    if path.name.lower() == LOD_META or (path / LOD_META).is_file():
        raise SplatError(
            f"{path} is a streamed SOG scene (lod-meta.json: chunks in several levels of detail), which is not read; "
            "make one file of it, for example with `splat-transform lod-meta.json scene.ply`"
        )
    with open_files(path) as files:
        meta = parse(path, files.meta)
        _check_likely(files, meta)
        return _read(files, meta)


def _check_likely(files: Files, meta: Meta) -> None:
    """
    Raises:
        SplatError: when the files are too small for what `meta.json` announces.
    """
    held = sum(files.sizes.get(name, 0) for name in set(meta.files))
    degree = 0 if meta.shN is None else 3 if meta.shN.degree is None else meta.shN.degree
    size = 4 * meta.count * (14 + 3 * COEFFICIENTS[degree])
    if meta.count > _FREE_GAUSSIANS and size > _LIKELY_RATIO * held:
        raise SplatError(
            f"{files.path} announces {meta.count:,} Gaussians ({size / 1e6:,.0f} MB unpacked), but has only "
            f"{held / 1e3:,.1f} kB; it is damaged or made to fill memory; download or export it again"
        )


def _read(files: Files, meta: Meta) -> SceneFile:
    scales = _values(files, meta.scales, meta.count)
    colors = _values(files, meta.sh0, meta.count)
    quats, unknown = _quats(_pixels(files, meta.quats[0], meta.count))
    shN, beyond = _directional(files, meta.shN, meta.count)
    means, origin, remarks = near_zero(_means(files, meta), scales)
    gaussians = gaussians_from_numpy(
        means=means,
        quats=quats,
        scales=scales,
        opacities=colors[:, 3] if meta.opacity_is_logit else logit(colors[:, 3]),
        sh0=colors[:, :3],
        shN=shN,
    )
    if unknown:
        remarks.append(f"{unknown:,} rotations of {meta.count:,} are marked as none that is known, read as no rotation")
    if beyond:
        remarks.append(
            f"{beyond:,} of {meta.count:,} Gaussians name directional colour that is not there; they get none"
        )
    others = len(set(files.sizes) - set(meta.files))
    unused = (*meta.unused, *((f"{others} other files",) if others else ()))
    x, y, z = (noted + moved for noted, moved in zip(meta.origin, origin))
    return SceneFile(gaussians, Notes(meta.antialiased, (x, y, z)), unused, (*meta.remarks, *remarks))


def _pixels(files: Files, name: str, count: int) -> Array:
    """[count, 4] uint8."""
    return files.picture(name, count, 4 * count + _FREE_PIXELS)[:count]


def _values(files: Files, part: Bytes, count: int) -> Array:
    """[count, C] float32 what the first channels of a picture stand for."""
    pixels = _pixels(files, part.files[0], count)
    columns = [table.astype(np.float32)[pixels[:, channel]] for channel, table in enumerate(part.values)]
    values = np.stack(columns, axis=-1)
    if np.isnan(values).any():
        raise SplatError(f"{files.path} is a damaged SOG scene: {part.files[0]} has values beyond its codebook")
    return values


@np.errstate(over="ignore")  # absurd numbers become infinite: sorted out with the unusable rows
def _means(files: Files, meta: Meta) -> Array:
    """[N, 3] float32: 16-bit fractions of the way between two bounds of sign(x) ln(1 + |x|)."""
    low, high = (_pixels(files, name, meta.count)[:, :3].astype(np.uint16) for name in meta.means)
    fractions = (low | (high << 8)) / 65535
    logs = meta.mins + (meta.maxs - meta.mins) * fractions
    return (np.sign(logs) * np.expm1(np.abs(logs))).astype(np.float32)


def _quats(pixels: Array) -> tuple[Array, int]:
    """[N, 4] float64 wxyz of unit length, and how many are not marked as they should be.

    Alpha names the largest component, which is left out and positive; red, green and blue are the others in order, over
    +-1/sqrt(2), the most that a component beside a larger one has.
    """
    small = (pixels[:, :3] / 127.5 - 1) / np.sqrt(2)
    largest = pixels[:, 3].astype(np.int64) - LARGEST_TAG
    unknown = largest < 0
    quats = restored(small, np.maximum(largest, 0))
    quats[unknown] = (1, 0, 0, 0)
    return quats, int(unknown.sum())


def _directional(files: Files, palette: Palette | None, count: int) -> tuple[Array | None, int]:
    """[N, K-1, 3] float32 coefficients, or None; and how many Gaussians name a set that is not there."""
    if palette is None:
        return None, 0
    rows = -(-palette.count // PALETTE_ROW)
    table = files.table(palette.files[0], PALETTE_ROW * COEFFICIENTS[palette.degree or 3] * max(rows, 1))
    width = table.shape[1] // PALETTE_ROW
    expected = COEFFICIENTS[1:] if palette.degree is None else (COEFFICIENTS[palette.degree],)
    if table.shape[1] % PALETTE_ROW or width not in expected:
        wanted = " or ".join(str(PALETTE_ROW * number) for number in expected)
        raise SplatError(
            f"{files.path} is a damaged SOG scene: {palette.files[0]} is {table.shape[1]} pixels wide, not {wanted}"
        )
    sets = palette.values.astype(np.float32)[table[:, :, :3]].reshape(-1, width, 3)[: palette.count]
    if np.isnan(sets).any():
        raise SplatError(f"{files.path} is a damaged SOG scene: {palette.files[0]} has values beyond its codebook")
    sets = np.concatenate([sets, np.zeros((1, width, 3), np.float32)])
    labels = _pixels(files, palette.files[1], count)[:, :2].astype(np.int64)
    numbers = np.minimum(labels[:, 0] + 256 * labels[:, 1], len(sets) - 1)
    return sets[numbers], int((numbers == len(sets) - 1).sum())
