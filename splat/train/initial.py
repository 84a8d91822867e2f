"""The first Gaussians: the capture's points, and seeds where it has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.types import ImageSource, Points
from splat.gaussians import Gaussians
from splat.neighbours import nearest
from splat.sh import rgb_to_sh0
from splat.train.config import InitialOptions, TrainConfig
from splat.train.depth_maps import DepthMaps
from splat.train.normalize import Normalization
from splat.train.stereo.seeds import UNSURE, Seeds, stereo_seeds
from splat.train.strategies import AutoStrategy
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
    points: tuple[np.ndarray, np.ndarray],
    seeds: Seeds,
    total: int,
    rng: np.random.Generator,
    transparent: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The capture's points (a random part of them if they are more than `total`), and seeds up to nearly `total`.

    There are fewer seeds where photos agree on little of what they show (see `Seeds.some`). A pixel seeded beside a
    known point adds little, so those farthest from the known points stay; at least a quarter do, for plain surfaces.

    Args:
        cameras: training cameras.
        points: xyz [P, 3] and rgb [P, 3] uint8 of the capture.
        seeds: all that there are, in the frame of the points.
        total: 0 for the capture's points alone.
        rng: picks.
        transparent: whether photos show where there is nothing, so that guesses of depth do no harm.

    Returns:
        xyz [N, 3] and rgb [N, 3] uint8.
    """
    xyz, rgb = points
    if total == 0:
        return xyz, rgb
    if len(xyz) >= total:
        chosen = rng.permutation(len(xyz))[:total]
        return xyz[chosen], rgb[chosen]
    some = seeds.some(total, rng, unsure=1.0 if transparent else UNSURE)
    room = min(total - len(xyz), max(len(some.xyz) - len(xyz), len(some.xyz) // LEAST_PART))
    if len(some.xyz) > room:
        some = farthest(some, xyz, cameras, room)
    return np.concatenate([xyz, some.xyz]), np.concatenate([rgb, some.rgb])


def farthest(seeds: Seeds, known: np.ndarray, cameras: list[Camera], count: int) -> Seeds:
    """The `count` seeds that stand farthest from the known points [P, 3].

    Distances are counted in those to the nearest camera: near ones are seen in more detail.
    """
    distance = nearest(known, seeds.xyz, 1)[0][:, 0]
    away = nearest(np.stack([camera.position.numpy() for camera in cameras]), seeds.xyz, 1)[0][:, 0]
    return seeds.at(np.argsort(-distance / np.maximum(away, 1e-9), kind="stable")[:count])


def scene_scale(cameras: list[Camera]) -> float:
    """1.1 times the largest distance of a camera from their mean (gsplat); learning rates and thresholds use it."""
    positions = torch.stack([camera.position for camera in cameras])
    return max(1.1 * float((positions - positions.mean(dim=0)).norm(dim=1).max()), 1e-6)


@dataclass(frozen=True)
class Beginning:
    """What the first Gaussians are made of, in the training frame."""

    points: Points  # known from the photos, or at random
    seeds: Seeds
    transparent: bool  # photos show where there is nothing

    @property
    def agreed(self) -> float | None:
        """Share of what photos show on whose depth they agree; None where it could not be measured."""
        return self.seeds.agreed if len(self.seeds.xyz) else None


def beginning(config: TrainConfig, normalization: Normalization, views: TrainingViews, points: Points) -> Beginning:
    """Look for surfaces in the training photos.

    Args:
        config: of the training.
        normalization: from the capture's frame to that of training.
        views: training views, whose pixels become seeds.
        points: in the capture's frame; random ones say nothing of surfaces, then there are no seeds, as where neither
            seeds are wanted nor a strategy is chosen by what photos agree on.
    """
    images, indices = views.capture.images, views.indices
    useless = points.origin == "random" or (config.initial.seeds == 0 and not isinstance(config.strategy, AutoStrategy))
    maps = DepthMaps(views)
    known = Points(normalization.points(torch.from_numpy(points.xyz)).numpy(), points.rgb, points.origin)
    seeds = stereo_seeds(
        views.cameras,
        lambda position: images.image(indices[position]),
        lambda position: seedable(images, indices[position]),
        np.zeros((0, 3)) if useless else known.xyz,
        np.random.default_rng(config.seed),
        maps if config.initial.depth else lambda view: None,
    )
    maps.say_problems()
    return Beginning(known, seeds, views.capture.transparent("train"))


def first_gaussians(config: TrainConfig, views: TrainingViews, total: int, found: Beginning) -> Gaussians:
    """The Gaussians to begin with, in the training frame.

    Args:
        config: of the training.
        views: training views.
        total: of points and seeds; 0: only the points.
        found: what they are made of.
    """
    rng = np.random.default_rng(config.seed)
    points = found.points.xyz, found.points.rgb
    xyz, rgb = first_points(views.cameras, points, found.seeds, total, rng, found.transparent)
    return initial_gaussians(xyz, rgb, config.initial, config.schedule.sh_degree, rng)


def seedable(images: ImageSource, index: int) -> np.ndarray | None:
    """[H, W] bool, True where a photo's pixel shows the scene: it counts and is not transparent; None where all do."""
    mask, alpha = images.mask(index), images.alpha(index)
    if alpha is None:
        return mask
    return alpha >= 128 if mask is None else mask & (alpha >= 128)
