"""2D features onto Gaussians without training: the exact weighted mean over all pixels that show a Gaussian."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from splat.cameras import Camera
from splat.errors import SplatError
from splat.images import nearest_cells
from splat.language.types import MASKED, ViewFeatures
from splat.render.scene import SceneRenderer

CHUNK = 64  # channels that are lifted at once


@dataclass
class Lifted:
    """What the photos say about each Gaussian, at each level."""

    features: Tensor  # [N, L, R] float32, unit length; zeros where nothing is known
    weight: Tensor  # [N, L] float32, sum of the blending weight over the pixels about which something is said
    agreement: Tensor  # [N, L] 0..1, length of the mean of the unit vectors: 1 where all pixels say the same
    coverage: Tensor  # [N, L] 0..1, share of the pixels that count, by weight, about which the teacher says anything


def lift_features(
    renderer: SceneRenderer,
    views: Iterable[tuple[Camera, ViewFeatures]],
    levels: int,
    basis: Tensor | None = None,
    step: Callable[[], None] = lambda: None,
) -> Lifted:
    """f_i = sum_p w_ip F(p) / sum_p w_ip over the pixels p of all views, w_ip the weight alpha T of Gaussian i at p.

    This is the closed-form minimiser of the per-ray upper bound of the rendering error (Splat Feature Solver, 2025),
    and exact wherever one Gaussian fills a ray. Regions are lifted as one channel each and multiplied by their vectors
    afterwards, which is the same sum with far fewer channels; features with more regions than dimensions are lifted
    as they are, in chunks of channels.

    Args:
        renderer: of the scene, N Gaussians.
        views: camera and features of each photo, one at a time.
        levels: L.
        basis: [R, D] with orthonormal rows, in which the features are kept; None for all D dimensions.
        step: called after each view.

    Raises:
        SplatError: when nothing was seen at all.
    """
    count = len(renderer.scene)
    sums, weight = None, torch.zeros(count, levels, device=renderer.device)
    total = torch.zeros_like(weight)
    for camera, view in views:
        vectors = torch.from_numpy(np.ascontiguousarray(view.vectors, np.float32)).to(weight.device)
        if basis is not None:
            vectors = vectors @ basis.T
        if sums is None:
            sums = torch.zeros(count, levels, vectors.shape[1], device=weight.device)
        for level in range(levels):
            labels = (
                torch.from_numpy(nearest_cells(view.labels[level], camera.height, camera.width))
                .long()
                .to(weight.device)
            )
            into = sums[:, level], weight[:, level], total[:, level]
            _lift_level(renderer, camera, labels, vectors, into)
        step()
    if sums is None or not bool((weight > 0).any()):
        raise SplatError("the teacher says nothing about any Gaussian: are these the photos of this run?")
    length = sums.norm(dim=2)
    agreement = torch.where(weight > 0, length / weight.clamp(min=1e-12), 0.0).clamp(max=1)
    return Lifted(normalize(sums, dim=2, eps=1e-12), weight, agreement, (weight / total.clamp(min=1e-12)).clamp(max=1))


def _lift_level(
    renderer: SceneRenderer, camera: Camera, labels: Tensor, vectors: Tensor, into: tuple[Tensor, Tensor, Tensor]
) -> None:
    """Adds one level of one view to `into`, in place: sums [N, R], the weight [N] of labelled and of all pixels.

    Masked pixels are none of these: what a passer-by hides in some photos is known from the others.
    """
    sums, weight, total = into
    known = labels >= 0
    regions, index = torch.unique(labels[known], return_inverse=True)
    counted = (labels != MASKED).float()
    if len(regions) == 0:
        regions = labels.new_zeros(1)
        if len(vectors) == 0:
            vectors = vectors.new_zeros(1, sums.shape[1])
    dense = len(regions) > vectors.shape[1]
    place = torch.zeros_like(labels, dtype=torch.long)
    place[known] = index
    columns = vectors.shape[1] if dense else len(regions)
    for start in range(0, columns, CHUNK):
        stop = min(start + CHUNK, columns)
        if dense:
            image = torch.where(known[..., None], vectors[regions][:, start:stop][place], 0.0)
        else:
            image = ((place[..., None] == torch.arange(start, stop, device=place.device)) & known[..., None]).float()
        if start == 0:
            image = torch.cat([image, known[..., None].float()], dim=2)
        part, mass = renderer.lift(camera, image, counted)
        if start == 0:
            weight += part[:, -1]
            total += mass
            part = part[:, :-1]
        if dense:
            sums[:, start:stop] += part
        else:
            sums += part @ vectors[regions[start:stop]]


def confidence(lifted: Lifted, min_agreement: float, min_coverage: float, min_weight: float) -> Tensor:
    """The gate: [N, L] 0..1, agreement times coverage; 0 where either is below its bound or hardly any was seen.

    Args:
        min_agreement: Gaussians on a border between things, or seen through others, hear contradicting vectors.
        min_coverage: Gaussians of what nobody named hear a little about their neighbours.
        min_weight: pixels; a Gaussian that was drawn with less, in all photos together, is not judged.
    """
    known = (lifted.agreement >= min_agreement) & (lifted.coverage >= min_coverage) & (lifted.weight >= min_weight)
    return torch.where(known, lifted.agreement * lifted.coverage, 0.0)


def feature_basis(vectors: Tensor, energy: float, limit: int) -> Tensor | None:
    """[R, D] orthonormal rows: the fewest directions that hold the share `energy` of the vectors' squared length.

    Args:
        vectors: [M, D] all vectors that the teacher gave.
        limit: R is at most this. None is returned where no dimension would be saved.
    """
    gram = vectors.T.double() @ vectors.double()
    values, directions = torch.linalg.eigh(gram)
    held = values.flip(0).clamp(min=0).cumsum(0) / values.clamp(min=0).sum().clamp(min=1e-30)
    count = min(int((held < energy - 1e-12).sum()) + 1, limit)
    return directions.flip(1)[:, :count].T.float().contiguous() if count < vectors.shape[1] else None
