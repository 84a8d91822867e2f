"""A scene as a point cloud: one coloured point with a normal for every Gaussian that can be seen.

A plain PLY (x y z nx ny nz red green blue), as measuring and modelling programs read it. It is only written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from splat.formats.common import drop_unusable
from splat.formats.mesh import named_origin, vertex_table
from splat.formats.scene_file import NO_NOTES, Notes
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh0_to_rgb

LEAST_OPACITY = 0.1  # fainter ones are haze or nothing by themselves


@dataclass(frozen=True)
class PointCloud:
    """Coloured points."""

    points: np.ndarray  # [N, 3] float32
    normals: np.ndarray  # [N, 3] float32, unit vectors
    colors: np.ndarray  # [N, 3] uint8 sRGB


def point_cloud(
    gaussians: Gaussians, viewers: np.ndarray | None = None, least: float = LEAST_OPACITY
) -> tuple[PointCloud, int]:
    """The centres of a scene's Gaussians.

    Args:
        gaussians: on any device.
        viewers: [M, 3] where cameras stood; normals look to the nearest. None: which side they look to means nothing.
        least: opacity in [0, 1] that a Gaussian must have.

    Returns:
        The points, with the axis along which the Gaussian is thinnest as normal and the colour that it has on average
        over all directions; and how many Gaussians are left out for their opacity or for values that are no numbers.
    """
    usable, _ = drop_unusable(gaussians.detach().to("cpu"))
    kept = usable[usable.opacities.sigmoid() >= least]
    points = kept.means.numpy()
    thinnest = kept.scales.argmin(dim=1)
    normals = quat_to_matrix(kept.quats.double())[torch.arange(len(kept)), :, thinnest].numpy()
    if viewers is not None and len(viewers) and len(points):
        _, nearest = cKDTree(viewers).query(points)
        away = np.einsum("nc,nc->n", normals, np.asarray(viewers)[nearest] - points) < 0
        normals = np.where(away[:, None], -normals, normals)
    colors = np.rint(sh0_to_rgb(kept.sh0[:, 0]).clamp(0, 1).numpy() * 255).astype(np.uint8)
    return PointCloud(points, normals.astype(np.float32), colors), len(gaussians) - len(kept)


def write(path: Path, cloud: PointCloud, notes: Notes = NO_NOTES) -> None:
    """Write a binary little-endian PLY; an origin stands in a comment."""
    vertices, properties = vertex_table(cloud.points, cloud.normals, cloud.colors)
    origin = [f"comment {named_origin(notes.origin)}"] if any(notes.origin) else []
    header = ["ply", "format binary_little_endian 1.0", *origin, *properties, "end_header"]
    with path.open("wb") as file:
        file.write("".join(f"{line}\n" for line in header).encode("ascii"))
        file.write(vertices.tobytes())
