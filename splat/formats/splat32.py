"""The `.splat` format of antimatter15's web viewer: 32 bytes a Gaussian, no header.

Bytes 0-11 position, 12-23 standard deviations (both float32 little endian), 24-27 red green blue opacity, 28-31
quaternion wxyz as 128 + 128 q. Directional colour is lost. The viewer draws progressively, so the big and opaque ones
come first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

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

RECORD = np.dtype([("means", "<f4", 3), ("scales", "<f4", 3), ("rgba", "u1", 4), ("quats", "u1", 4)])


def read(path: Path) -> SceneFile:
    """Read a `.splat` file; the scene has SH degree 0.

    Raises:
        SplatError: when the size is no multiple of 32 bytes.
    """
    data = Path(path).read_bytes()
    if len(data) % RECORD.itemsize:
        raise SplatError(f"{path} is no .splat file: {len(data)} bytes are no multiple of {RECORD.itemsize}")
    records = np.frombuffer(data, RECORD)
    with np.errstate(divide="ignore", invalid="ignore"):  # zero and negative scales: sorted out with the unusable rows
        scales = np.log(records["scales"].astype(np.float64))
    means, origin, remarks = near_zero(records["means"].astype(np.float32), scales)
    gaussians = gaussians_from_numpy(
        means=means,
        quats=(records["quats"].astype(np.float32) - 128) / 128,
        scales=scales,
        opacities=logit(records["rgba"][:, 3] / 255),
        sh0=(records["rgba"][:, :3] / 255 - 0.5) / SH_C0,
    )
    return SceneFile(gaussians, Notes(None, origin), remarks=tuple(remarks))


def _byte(values: np.ndarray) -> np.ndarray:
    """Nearest bytes; NaN becomes 0."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write a `.splat` file, ordered by volume times opacity from large to small, as the viewer's converter does.

    It has no place for notes.

    Bytes are rounded to nearest (the converter truncates), so that reading and writing again changes nothing more but
    the last bit of a few rotations. Gaussians with values that are not finite are left out: a byte cannot say so.

    Raises:
        SplatError: for a scene without Gaussians.
    """
    gaussians, _ = drop_unusable(gaussians)
    if not len(gaussians):
        raise SplatError(f"{path.name}: there are no Gaussians to write, and a .splat file of none is an empty file")
    arrays = to_numpy(gaussians)
    scales = np.exp(arrays["scales"].astype(np.float64))
    alphas = sigmoid(arrays["opacities"])
    quats = arrays["quats"].astype(np.float64)
    quats /= np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-12)
    records = np.empty(len(gaussians), RECORD)
    records["means"] = arrays["means"]
    records["scales"] = scales
    records["rgba"][:, :3] = _byte((arrays["sh0"][:, 0].astype(np.float64) * SH_C0 + 0.5) * 255)
    records["rgba"][:, 3] = _byte(alphas * 255)
    records["quats"] = _byte(quats * 128 + 128)
    order = np.argsort(-scales.prod(axis=1) * alphas, kind="stable")
    Path(path).write_bytes(records[order].tobytes())


def lost(gaussians: Gaussians) -> list[str]:
    """Directional colour, colours that a byte has no room for, and Gaussians that are left out."""
    gaussians, dropped = drop_unusable(gaussians)
    found = unusable_line(dropped)
    if gaussians.sh_degree:
        found.append(
            f"directional colour is lost: a .splat file has none (the scene has SH degree {gaussians.sh_degree})"
        )
    found += colors_beyond_bytes(gaussians)
    return found
