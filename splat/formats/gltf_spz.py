"""Gaussians that a glTF primitive holds as SPZ, as globes stream them: a draft extension within the extension.

Its bytes are a whole SPZ file, version 2 by its name; other versions are read as well. Numbers are taken in the axes of
the glTF file, which SPZ's are too (y up, z back). The primitive's accessors have counts and types and no data.
"""

from __future__ import annotations

import numpy as np
import torch

from splat.errors import SplatError
from splat.formats import spz
from splat.formats.common import sigmoid, to_numpy
from splat.formats.gltf_file import Gltf
from splat.formats.placed import HALF_TURN, Part
from splat.formats.scene_file import SceneFile
from splat.records import Record

NAMES = ("KHR_gaussian_splatting_compression_spz_2", "KHR_gaussian_splatting_compression_spz")


def spz_name(extension: Record) -> str | None:
    """The name under which an extension object KHR_gaussian_splatting says that its Gaussians are SPZ."""
    inner = extension.part("extensions")
    return next((name for name in NAMES if inner.has(name)), None)


def spz_part(gltf: Gltf, extension: Record, name: str, matrix: np.ndarray, rows: int) -> tuple[Part, SceneFile]:
    """The Gaussians of a primitive, opacities 0..1 and scales as standard deviations, and the SPZ file as it was read.

    Args:
        gltf: the file.
        extension: the primitive's object KHR_gaussian_splatting.
        name: see `spz_name`.
        matrix: [4, 4] float64, from the primitive's axes into those of PLY.
        rows: how many Gaussians its accessors announce.

    Raises:
        SplatError: when the bytes are damaged or hold another number of Gaussians.
    """
    packed = extension.part("extensions").part(name)
    found = spz.read_bytes(gltf.path, gltf.view(packed.whole("bufferView")))
    if len(found.gaussians) != rows:
        raise SplatError(f"{packed.where} is damaged: {len(found.gaussians):,} Gaussians where {rows:,} are announced")
    arrays = to_numpy(found.gaussians.transformed(torch.from_numpy(HALF_TURN)))
    part = Part(
        f"{packed.where}: its node",
        matrix,
        arrays["means"],
        arrays["quats"],
        np.exp(arrays["scales"].astype(np.float64)),
        sigmoid(arrays["opacities"]),
        arrays["sh0"].reshape(rows, 3),
        arrays["shN"],
    )
    return part, found
