"""Reading compressed PLY."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from splat.errors import SplatError
from splat.formats import ply_notes
from splat.formats.common import gaussians_from_numpy, logit
from splat.formats.compressed_ply.layout import CHUNK, chunk_properties, vertex_properties
from splat.formats.ply_file import read_elements, read_header, unused_parts
from splat.formats.positions import near_zero
from splat.formats.scene_file import Notes, SceneFile
from splat.formats.smallest_three import restored
from splat.sh import SH_C0


def _fraction(words: np.ndarray, shift: int, bits: int) -> np.ndarray:
    """[N] float64 in [0, 1]: the `bits` wide field that starts at bit `shift`."""
    top = (1 << bits) - 1
    field: np.ndarray = ((words >> np.uint32(shift)) & np.uint32(top)).astype(np.float64)
    return field / top


def _between(chunk: np.ndarray, chunk_of: np.ndarray, names: tuple[str, ...], fractions: np.ndarray) -> np.ndarray:
    """[N, 3] float64: fractions [N, 3] of the way from each chunk's min_NAME to its max_NAME."""
    low = np.stack([chunk[f"min_{name}"] for name in names], axis=-1).astype(np.float64)[chunk_of]
    high = np.stack([chunk[f"max_{name}"] for name in names], axis=-1).astype(np.float64)[chunk_of]
    values: np.ndarray = low * (1 - fractions) + high * fractions
    return values


def _vector(words: np.ndarray) -> np.ndarray:
    """[N, 3] float64 in [0, 1] from fields of 11, 10 and 11 bits, x in the highest."""
    return np.stack([_fraction(words, 21, 11), _fraction(words, 11, 10), _fraction(words, 0, 11)], axis=-1)


def _quats(words: np.ndarray) -> np.ndarray:
    """[N, 4] float64 wxyz: the top two bits name the largest component, which is left out and positive.

    The other three follow in order, 10 bits each, over +-1/sqrt(2), the most that a component beside a larger one has.
    """
    fields = np.stack([_fraction(words, shift, 10) for shift in (20, 10, 0)], axis=-1)
    small = (fields - 0.5) * math.sqrt(2)
    return restored(small, (words >> np.uint32(30)).astype(np.int64))


def _directional(elements: dict[str, np.ndarray], count: int, path: Path) -> np.ndarray | None:
    """[N, K-1, 3] coefficients from bytes over [-4, 4], or None where the file has none."""
    table = elements.get("sh")
    if table is None:
        return None
    width = len(table.dtype.names or ())
    if width not in (9, 24, 45) or len(table) != count:
        raise SplatError(f"{path} is a damaged compressed PLY: {width} colour coefficients for {len(table)} Gaussians")
    values = np.stack([table[f"f_rest_{i}"] for i in range(width)], axis=-1).astype(np.float64)
    # Writers put a value into the middle of one of 256 bins, but keep the two ends exact.
    fractions: np.ndarray = np.where(values == 0, 0.0, np.where(values == 255, 1.0, (values + 0.5) / 256))
    coefficients: np.ndarray = ((fractions - 0.5) * 8).reshape(count, 3, width // 3).transpose(0, 2, 1)
    return coefficients


_USED = {
    "chunk": set(chunk_properties()),
    "vertex": set(vertex_properties()),
    "sh": {f"f_rest_{i}" for i in range(45)},
}


def read(path: Path) -> SceneFile:
    """Read a compressed PLY, with or without colour bounds and directional colour.

    Raises:
        SplatError: when the file is damaged.
    """
    header = read_header(path)
    elements = {element.name: element.data for element in read_elements(path, header).elements}
    try:
        chunk, vertex = elements["chunk"], elements["vertex"]
        position, rotation, scale, color = (
            np.asarray(vertex[f"packed_{name}"], dtype=np.uint32) for name in ("position", "rotation", "scale", "color")
        )
        if len(chunk) * CHUNK < len(vertex):
            raise SplatError(f"{path} is a damaged compressed PLY: {len(chunk)} chunks for {len(vertex)} Gaussians")
        chunk_of = np.arange(len(vertex)) // CHUNK
        rgb = np.stack([_fraction(color, shift, 8) for shift in (24, 16, 8)], axis=-1)
        if "min_r" in (chunk.dtype.names or ()):
            rgb = _between(chunk, chunk_of, ("r", "g", "b"), rgb)
        scales = _between(chunk, chunk_of, ("scale_x", "scale_y", "scale_z"), _vector(scale))
        means = _between(chunk, chunk_of, ("x", "y", "z"), _vector(position))
        precise = chunk.dtype["min_x"].itemsize > 4  # else the bounds were rounded before, and steps are coarser
        means, origin, remarks = near_zero(means if precise else means.astype(np.float32), scales)
        gaussians = gaussians_from_numpy(
            means=means,
            quats=_quats(rotation),
            scales=scales,
            opacities=logit(_fraction(color, 0, 8)),
            sh0=(rgb - 0.5) / SH_C0,
            shN=_directional(elements, len(vertex), path),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise SplatError(f"{path} is a damaged compressed PLY: it lacks {error}") from error
    notes, said = ply_notes.parse(header.comments)
    x, y, z = (noted + moved for noted, moved in zip(notes.origin, origin))
    unused = unused_parts(path, header, _USED)
    return SceneFile(gaussians, Notes(notes.antialiased, (x, y, z)), unused, (*said, *remarks))
