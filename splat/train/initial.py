"""The first Gaussians: the capture's points, and seeds where it has none."""

from __future__ import annotations

import math
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
from splat.train.views import TrainingViews

NEIGHBOURS = 5  # points whose median depth a seed takes
FEWEST_POINTS = 12  # a view that sees fewer points gives no seeds


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


def seed_points(
    cameras: list[Camera],
    image: Callable[[int], np.ndarray],
    mask: Callable[[int], np.ndarray | None],
    xyz: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the training views, placed at the median depth of the points that project near them.

    Structure from motion finds points only on texture; plain walls, floors and shells have none and would stay holes.
    A seed's depth is rough, which is enough: training moves it along its ray.

    Args:
        cameras: training cameras, in the frame of `xyz`.
        image: index -> [H, W, 3] uint8 of that camera.
        mask: index -> [H, W] bool, True where a pixel may become a seed, or None for all.
        xyz: [P, 3] known points.
        count: about how many seeds to make (views that see too few points give none).
        rng: picks the pixels.

    Returns:
        positions [S, 3] float64 and colors [S, 3] uint8, S <= count.
    """
    per_view = int(np.ceil(count / max(len(cameras), 1)))
    positions, colors = [], []
    for index, camera in enumerate(cameras):
        pixels, depths = _seen(camera, xyz)
        if len(depths) < FEWEST_POINTS:
            continue
        keep = mask(index)
        kept = 1.0 if keep is None else float(keep.mean())
        if kept == 0:
            continue
        wanted = min(math.ceil(per_view / kept), camera.width * camera.height)  # the mask takes its share of these
        picked = _stratified_pixels(camera.width, camera.height, wanted, rng)
        if keep is not None:
            picked = picked[keep[picked[:, 1].astype(int), picked[:, 0].astype(int)]]
        if len(picked) == 0:
            continue
        depth = np.median(depths[nearest(pixels, picked, NEIGHBOURS)[1]], axis=1)
        positions.append(camera.unproject(torch.from_numpy(picked), torch.from_numpy(depth)).numpy())
        colors.append(image(index)[picked[:, 1].astype(int), picked[:, 0].astype(int)])
    if not positions:
        return np.zeros((0, 3)), np.zeros((0, 3), np.uint8)
    order = rng.permutation(sum(map(len, positions)))[:count]
    return np.concatenate(positions)[order], np.concatenate(colors)[order]


def _seen(camera: Camera, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [V, 2] and depths [V] of the points [P, 3] that a camera sees."""
    pixels, depth = camera.project(torch.from_numpy(xyz))
    inside = (depth > 1e-6) & camera.contains(pixels)
    return pixels[inside].numpy(), depth[inside].numpy()


def _stratified_pixels(width: int, height: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """About `count` pixel positions [S, 2], one at random in each cell of a grid over the image."""
    columns = max(1, round(np.sqrt(count * width / height)))
    rows = max(1, int(np.ceil(count / columns)))
    corner = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    position = (corner + rng.random(corner.shape)) / [columns, rows] * [width, height]
    return np.minimum(position, [width - 1e-3, height - 1e-3])


def first_points(
    cameras: list[Camera],
    image: Callable[[int], np.ndarray],
    mask: Callable[[int], np.ndarray | None],
    points: tuple[np.ndarray, np.ndarray],
    total: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Nearly `total` points: the capture's (a random part of them if they are more), then seeds; 0: the capture's.

    A pixel seeded beside a known point adds nothing, so of one and a half times the missing number of seeds those
    farthest from the known points stay.
    """
    xyz, rgb = points
    if total == 0:
        return xyz, rgb
    if len(xyz) >= total:
        chosen = rng.permutation(len(xyz))[:total]
        return xyz[chosen], rgb[chosen]
    missing = total - len(xyz)
    seeds, colors = seed_points(cameras, image, mask, xyz, int(1.5 * missing), rng)
    if len(seeds) > missing:
        distance = nearest(xyz, seeds, 1)[0][:, 0]
        nearest_camera = nearest(np.stack([camera.position.numpy() for camera in cameras]), seeds, 1)[0][:, 0]
        farthest = np.argsort(-distance / np.maximum(nearest_camera, 1e-9))[:missing]
        seeds, colors = seeds[farthest], colors[farthest]
    return np.concatenate([xyz, seeds]), np.concatenate([rgb, colors])


def scene_scale(cameras: list[Camera]) -> float:
    """1.1 times the largest distance of a camera from their mean (gsplat); learning rates and thresholds use it."""
    positions = torch.stack([camera.position for camera in cameras])
    return max(1.1 * float((positions - positions.mean(dim=0)).norm(dim=1).max()), 1e-6)


def first_gaussians(
    config: TrainConfig, normalization: Normalization, views: TrainingViews, total: int, points: Points
) -> Gaussians:
    """The Gaussians to begin with, in the training frame.

    Args:
        config: of the training.
        normalization: from the capture's frame to that of training.
        views: training views, whose pixels become seeds.
        total: of points and seeds; 0: only the points.
        points: in the capture's frame.
    """
    rng = np.random.default_rng(config.seed)
    images, indices = views.capture.images, views.indices
    xyz, rgb = first_points(
        views.cameras,
        lambda position: images.image(indices[position]),
        lambda position: seedable(images, indices[position]),
        (normalization.points(torch.from_numpy(points.xyz)).numpy(), points.rgb),
        total,
        rng,
    )
    return initial_gaussians(xyz, rgb, config.initial, config.schedule.sh_degree, rng)


def seedable(images: ImageSource, index: int) -> np.ndarray | None:
    """[H, W] bool, True where a photo's pixel shows the scene: it counts and is not transparent; None where all do."""
    mask, alpha = images.mask(index), images.alpha(index)
    if alpha is None:
        return mask
    return alpha >= 128 if mask is None else mask & (alpha >= 128)
