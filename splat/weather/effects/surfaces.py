"""What falls on surfaces: which face up, which see the sky, and what snow and water make of them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from splat.gaussians import Gaussians, quat_to_matrix
from splat.neighbours import nearest
from splat.sh import rgb_to_sh0, sh0_to_rgb
from splat.weather.effects.particle_splats import Splats, along_first_axis
from splat.weather.effects.sky import SkyMap

NEIGHBOURS = 12
FLAT = (0.5, 0.8)  # cosines to the vertical: no snow holds below the first, all above the second
THICKNESS = 0.02  # m of snow
PATCH = 0.4  # m, the size of patches of snow where not all is covered
SNOW = 0.97  # brightness of snow
MOST_SNOW = 100_000  # Gaussians of the layer
OVERLAP = 0.6  # their standard deviation, in cells


@torch.no_grad()
def surface_normals(scene: Gaussians, towards: Tensor) -> Tensor:
    """[N, 3] unit normals of the surface that each Gaussian lies on, on the side of the point `towards` [3].

    The shortest axis of the covariance of the mixture of a Gaussian and its nearest neighbours, each weighted by its
    opacity: of their centres, and of their own extents, since both lie along the surface.
    """
    means = scene.means.double().cpu()
    indices = torch.arange(len(means))[:, None]
    if len(means) > 1:
        found = nearest(means.numpy(), means.numpy(), min(NEIGHBOURS, len(means)))[1]
        indices = torch.from_numpy(found.astype(np.int64))
    turned = quat_to_matrix(scene.quats.double().cpu()) * scene.scales.double().cpu().exp()[:, None, :]
    own = turned @ turned.transpose(1, 2)
    # a neighbour that is much larger would speak for places far away
    size = turned.square().sum(dim=(1, 2))
    weights = torch.sigmoid(scene.opacities.double().cpu())[indices] * (size[:, None] / size[indices]).clamp(max=1)
    weights = weights / weights.sum(dim=1, keepdim=True)
    middle = (weights[..., None] * means[indices]).sum(dim=1)
    offsets = means[indices] - middle[:, None]
    spread = torch.einsum("nk,nki,nkj->nij", weights, offsets, offsets)
    spread += torch.einsum("nk,nkij->nij", weights, own[indices])
    normals = torch.linalg.eigh(spread).eigenvectors[..., 0]
    facing = ((towards.to(means) - means) * normals).sum(dim=1, keepdim=True)
    return torch.where(facing < 0, -normals, normals).to(scene.means)


@torch.no_grad()
def snowed(
    scene: Gaussians,
    open_air: Tensor,
    normals: Tensor,
    up: np.ndarray,
    amount: float,
    light: Tensor,
    metres: float,
    seed: int,
) -> Gaussians:
    """The scene with surfaces that face up turned white, as far as they see the sky.

    Args:
        open_air: [N] bool, what sees the sky.
        normals: [N, 3].
        amount: part of these surfaces under snow, 0 to 1. light: [3] RGB.
    """
    upward = normals @ torch.from_numpy(up).to(normals)
    weights = snow_weights(scene.means * metres, upward, amount, seed) * open_air.to(upward)
    base = sh0_to_rgb(scene.sh0[:, 0])
    lit = base.clamp(0, 1).mean(dim=1, keepdim=True)
    color = snow_color(light).to(base) * (0.9 + 0.1 * lit)  # a trace of the shading stays
    blended = base * (1 - weights[:, None]) + color * weights[:, None]
    shN = scene.shN * (1 - weights)[:, None, None]
    return Gaussians.from_dict({**scene.as_dict(), "sh0": rgb_to_sh0(blended)[:, None], "shN": shN})


@torch.no_grad()
def snow_layer(sky: SkyMap, up: np.ndarray, amount: float, light: Tensor, metres: float, seed: int) -> Splats:
    """A thin layer of snow: flat Gaussians, one to a cell of the map, a little above the surface and along it.

    They end where the surface ends, which whitened Gaussians of the scene, made to blend with others, do not.

    Args:
        up: [3]; the others as in `snowed`.
    """
    points, normals = sky.surface()
    upward = normals @ torch.from_numpy(up)
    weights = snow_weights(points * metres, upward, amount, seed)
    chosen = (weights > 0.05).nonzero()[:, 0]
    random = np.random.default_rng(seed)
    if len(chosen) > MOST_SNOW:
        chosen = chosen[torch.from_numpy(np.sort(random.permutation(len(chosen))[:MOST_SNOW]))]
    grow = math.sqrt(max(1.0, float((weights > 0.05).sum()) / MOST_SNOW))
    points, normals, weights = points[chosen], normals[chosen], weights[chosen]
    thickness = min(THICKNESS / metres, 2 * sky.cell)
    moved = torch.from_numpy(random.normal(size=points.shape)) * 0.2 * sky.cell
    across = OVERLAP * grow * sky.cell
    return Splats(
        means=(points + moved + normals * thickness / 2).float(),
        quats=along_first_axis(normals).float(),
        scales=torch.tensor([thickness / 3, across, across]).expand(len(points), 3).clone(),
        opacities=(0.95 * weights).float(),
        shades=torch.from_numpy(0.97 + 0.03 * random.random(len(points))).float(),
    )


def snow_color(light: Tensor) -> Tensor:
    """[3] RGB of fallen snow: the light's hue, brighter than all else that it shines on."""
    return SNOW * light / light.max().clamp(min=0.05)


def snow_weights(points: Tensor, upward: Tensor, amount: float, seed: int) -> Tensor:
    """[P] how far points [P, 3] in m are under snow, 0 to 1: the surface faces up and lies in a patch of snow.

    Args:
        upward: [P] cosines of the surface's normal to the vertical.
        amount: part of the points in patches.
    """
    part = ((upward - FLAT[0]) / (FLAT[1] - FLAT[0])).clamp(0, 1)
    holds = part * part * (3 - 2 * part)
    if amount <= 0 or amount >= 1:
        return holds * (amount > 0)
    return holds * ((amount - _patches(points, seed)) / 0.15 + 0.5).clamp(0, 1)


@torch.no_grad()
def wetted(scene: Gaussians, open_air: Tensor, normals: Tensor, up: np.ndarray, amount: float) -> Gaussians:
    """The scene wet: what sees the sky becomes darker, by up to 0.4 where it faces up and half of that on walls.

    Water on a rough surface reflects part of the light back onto it, which absorbs it again (Lekner and Dorf, "Why
    some things are darker when wet", Applied Optics 27, 1988); for common albedos that takes 0.3 to 0.5 of it.
    """
    upward = (normals @ torch.from_numpy(up).to(normals)).clamp(0, 1)
    factor = 1 - 0.4 * amount * (0.5 + 0.5 * upward) * open_air.to(upward)
    base = sh0_to_rgb(scene.sh0[:, 0]) * factor[:, None]
    shN = scene.shN * factor[:, None, None]
    return Gaussians.from_dict({**scene.as_dict(), "sh0": rgb_to_sh0(base)[:, None], "shN": shN})


def _patches(points: Tensor, seed: int) -> Tensor:
    """[P] smooth noise over points [P, 3] in m, evenly distributed over 0 to 1."""
    random = np.random.default_rng(seed)
    waves = random.normal(size=(12, 3))
    waves *= (2 * math.pi / PATCH * random.uniform(0.4, 2.0, 12) / np.linalg.norm(waves, axis=1))[:, None]
    phases = torch.from_numpy(random.uniform(0, 2 * math.pi, 12)).to(points)
    waved = torch.sin(points @ torch.from_numpy(waves).to(points).T + phases).sum(dim=1) / math.sqrt(6)
    return 0.5 * (1 + torch.erf(waved / math.sqrt(2)))  # the sum of many waves is nearly normal
