"""What the browser draws while one walks: Gaussians without directional colour, thinned where there are too many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh0_to_rgb
from splat.view.placing import Placing


@dataclass(frozen=True)
class WalkingSplats:
    """Arguments of viser's `add_gaussian_splats`, in the page's frame."""

    centers: np.ndarray  # [M, 3] float32
    covariances: np.ndarray  # [M, 3, 3] float32
    rgbs: np.ndarray  # [M, 3] float32 0..1
    opacities: np.ndarray  # [M, 1] float32 0..1
    total: int  # Gaussians of the scene

    def in_words(self) -> str:
        """What is left out; empty where nothing is."""
        if len(self.centers) == self.total:
            return ""
        return (
            f"while you walk the browser draws {len(self.centers):,} of {self.total:,} Gaussians; at rest all are drawn"
        )


@torch.no_grad()
def walking_splats(scene: Gaussians, placing: Placing, most: int) -> WalkingSplats:
    """The scene for the browser: all of it, or the `most` Gaussians that cover most, by opacity times area.

    Colours are those of spherical harmonics of degree 0: viser has no others.
    """
    scene = scene.to("cpu")
    total = len(scene)
    opacities = torch.sigmoid(scene.opacities)
    scales = scene.scales.double().exp()
    if total > most:
        largest = scales.topk(2, dim=1).values.prod(dim=1)
        kept = (opacities * largest).topk(most).indices.sort().values
        scene, opacities, scales = scene[kept], opacities[kept], scales[kept]
    turned = quat_to_matrix(scene.quats.double()) * (scales * placing.scale)[:, None, :]
    covariances = turned @ turned.transpose(1, 2)
    colors = sh0_to_rgb(scene.sh0[:, 0]).clamp(0, 1)
    centers = placing.to_page(scene.means.double().numpy())
    return WalkingSplats(
        centers.astype(np.float32),
        covariances.float().numpy(),
        colors.float().numpy(),
        opacities.float()[:, None].numpy(),
        total,
    )
