"""Reading SPZ."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from splat.errors import SplatError
from splat.formats.axes import to_rdf
from splat.formats.common import gaussians_from_numpy, logit
from splat.formats.scene_file import Notes, SceneFile
from splat.formats.spz import decoding
from splat.formats.spz.extensions import parse_extensions
from splat.formats.spz.layout import FLAG_ANTIALIASED
from splat.formats.spz.unpacking import unpack

_MOST_SH_DEGREE = 3  # of Gaussians here; SPZ has 4


def read(path: Path) -> SceneFile:
    """Read an SPZ scene of versions 1 to 4, turned from its y-up axes (or those that it names) into the axes of PLY.

    Raises:
        SplatError: when the file is damaged, of another version, or needs zstd and none is installed.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
    return read_bytes(path, data)


def read_bytes(path: Path, data: bytes) -> SceneFile:
    """`read` of bytes that `path`, which messages name, holds.

    Raises:
        SplatError: see `read`.
    """
    try:
        found = unpack(path, data)
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise SplatError(f"{path} is a damaged SPZ file: {error}") from error
    header, (positions, alphas, colors, scales, rotations, directional) = found.header, found.streams
    degree = min(header.sh_degree, _MOST_SH_DEGREE)
    extensions = parse_extensions(found.extensions)
    gaussians = gaussians_from_numpy(
        means=decoding.positions(positions, header),
        quats=decoding.rotations(rotations, header),
        scales=decoding.scales(scales),
        opacities=logit(np.frombuffer(alphas, np.uint8) / 255),
        sh0=decoding.colors(colors),
        shN=decoding.directional(directional, header, degree),
    )
    remarks = list(extensions.remarks)
    if header.sh_degree > degree:
        remarks.append(f"directional colour of SH degree {header.sh_degree} is cut to degree {degree}")
    return SceneFile(
        to_rdf(gaussians, extensions.axes),
        Notes(bool(header.flags & FLAG_ANTIALIASED)),
        extensions.unused + found.unused,
        tuple(remarks),
    )
