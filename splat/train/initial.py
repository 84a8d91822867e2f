"""The first Gaussians: the capture's points, and seeds where it has none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.types import ImageSource, Points
from splat.gaussians import Gaussians
from splat.neighbours import nearest
from splat.sh import rgb_to_sh0
from splat.train.config import InitialOptions, TrainConfig
from splat.train.normalize import Normalization
from splat.train.stereo.seeds import UNSURE, stereo_seeds
from splat.train.views import TrainingViews

LEAST_PART = 4  # of the seeds a quarter stays, however many points are known


def initial_gaussians(
    xyz: np.ndarray, rgb: np.ndarray, options: InitialOptions, sh_degree: int, rng: np.random.Generator
) -> Gaussians:
    """Isotropic Gaussians at points, as large as their neighbours are far (3DGS, section 5.1).

    Args:
        xyz: [N, 3] positions in the training frame.
        rgb: [N, 3] colors, 0 to 255.
        options: opacity and relative size of a new Gaussian.
        sh_degree: 0 to 3.
        rng: gives the first rotations.
    """
    count = len(xyz)
    neighbours = min(4, count)
    distance = nearest(xyz, xyz, neighbours)[0][:, 1:].astype(np.float64)
    spread = np.sqrt((distance**2).mean(axis=1)) if neighbours > 1 else np.ones(count)
    spread = np.maximum(spread, 1e-7) * options.scale
    scales = torch.from_numpy(np.log(spread)).float()[:, None].repeat(1, 3)
    return Gaussians(
        means=torch.from_numpy(xyz).float().contiguous(),
        quats=torch.from_numpy(rng.random((count, 4))).float(),
        scales=scales,
        opacities=torch.logit(torch.full((count,), options.opacity)),
        sh0=rgb_to_sh0(torch.from_numpy(rgb).float() / 255.0)[:, None, :].contiguous(),
        shN=torch.zeros(count, (sh_degree + 1) ** 2 - 1, 3),
    )


def first_points(
    cameras: list[Camera],
    image: Callable[[int], np.ndarray],
    keep: Callable[[int], np.ndarray | None],
    points: tuple[np.ndarray, np.ndarray],
    total: int,
    rng: np.random.Generator,
    transparent: bool = False,
) -> tuple[np.ndarray, np.ndarray, float | None]:
    """The capture's points (a random part of them if they are more than `total`), and seeds up to nearly `total`.

    There are fewer seeds where photos agree on little of what they show (see `stereo_seeds`). A pixel seeded beside a
    known point adds little, so those farthest from the known points stay; at least a quarter do, for plain surfaces.

    Args:
        keep: index -> [H, W] bool, see `stereo_seeds`.
        points: xyz [P, 3] and rgb [P, 3] uint8 of the capture.
        total: 0 for the capture's points alone.
        transparent: whether photos show where there is nothing.

    Returns:
        xyz [N, 3], rgb [N, 3] uint8, and the share of pixels on whose depth photos agree; None if none was looked at.
    """
    xyz, rgb = points
    if total == 0:
        return xyz, rgb, None
    if len(xyz) >= total:
        chosen = rng.permutation(len(xyz))[:total]
        return xyz[chosen], rgb[chosen], None
    seeds = stereo_seeds(cameras, image, keep, xyz, total, rng, unsure=1.0 if transparent else UNSURE)
    room = min(total - len(xyz), max(len(seeds.xyz) - len(xyz), len(seeds.xyz) // LEAST_PART))
    distance = nearest(xyz, seeds.xyz, 1)[0][:, 0] if len(seeds.xyz) > room else np.zeros(len(seeds.xyz))
    positions = np.stack([camera.position.numpy() for camera in cameras])
    away = nearest(positions, seeds.xyz, 1)[0][:, 0] if len(seeds.xyz) > room else np.ones(len(seeds.xyz))
    farthest = np.argsort(-distance / np.maximum(away, 1e-9), kind="stable")[:room]
    return np.concatenate([xyz, seeds.xyz[farthest]]), np.concatenate([rgb, seeds.rgb[farthest]]), seeds.agreed


def scene_scale(cameras: list[Camera]) -> float:
    """1.1 times the largest distance of a camera from their mean (gsplat); learning rates and thresholds use it."""
    positions = torch.stack([camera.position for camera in cameras])
    return max(1.1 * float((positions - positions.mean(dim=0)).norm(dim=1).max()), 1e-6)


def first_gaussians(
    config: TrainConfig, normalization: Normalization, views: TrainingViews, total: int, points: Points
) -> tuple[Gaussians, float | None]:
    """The Gaussians to begin with, in the training frame, and the share of pixels on whose depth photos agree.

    Args:
        config: of the training.
        normalization: from the capture's frame to that of training.
        views: training views, whose pixels become seeds.
        total: of points and seeds; 0: only the points.
        points: in the capture's frame.
    """
    rng = np.random.default_rng(config.seed)
    images, indices = views.capture.images, views.indices
    xyz, rgb, agreed = first_points(
        views.cameras,
        lambda position: images.image(indices[position]),
        lambda position: seedable(images, indices[position]),
        (normalization.points(torch.from_numpy(points.xyz)).numpy(), points.rgb),
        min(total, len(points.xyz)) if points.origin == "random" else total,
        rng,
        transparent=views.capture.transparent("train"),
    )
    return initial_gaussians(xyz, rgb, config.initial, config.schedule.sh_degree, rng), agreed


def seedable(images: ImageSource, index: int) -> np.ndarray | None:
    """[H, W] bool, True where a photo's pixel shows the scene: it counts and is not transparent; None where all do."""
    mask, alpha = images.mask(index), images.alpha(index)
    if alpha is None:
        return mask
    return alpha >= 128 if mask is None else mask & (alpha >= 128)
