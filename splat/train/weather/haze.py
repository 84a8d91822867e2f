"""Fog between the cameras and the scene: what is trained and written is the clear scene, what is compared is not.

The fog, one density and one airlight for the capture, is measured a few times while training on points of the surface
as it is by then (see `haze_fit`). Each time the Gaussians take the colours that they have without it, so that the
picture in the fog stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from splat.sh import rgb_to_sh0, sh0_to_rgb
from splat.train.priors import project
from splat.train.weather.haze_fit import HazeFit, fit_haze
from splat.train.weather.robust import box

if TYPE_CHECKING:
    from splat.train.access import SceneAccess
    from splat.train.strategies.base import Params

POINTS = 3000  # of the surface, that are followed through the views
VIEWS = 24  # in which they are looked up
SOURCES = 8  # from which they are taken
AGREES = 0.02  # of the depth: a point farther behind the surface of a view is hidden there
SOLID = 0.9  # opacity of a surface
FEWEST = 200  # points that must be seen in three views each
FAINTEST = 0.08  # transmittance below which colours are not told from the airlight


@dataclass
class Haze:
    """The fog as it is known; in the training frame."""

    beta: float = 0.0  # extinction per training unit
    airlight: Tensor | None = None  # [3] float32
    evidence: float = 0.0

    def veiled(self, image: Tensor, depth: Tensor, rays: Tensor) -> Tensor:
        """A picture of the clear scene [H, W, 3] as it is seen in the fog; no gradient reaches the depth.

        Args:
            depth: [H, W] along the optical axis. rays: [H, W] length of the ray to depth 1.
        """
        if self.airlight is None or self.beta == 0:
            return image
        t = torch.exp(-self.beta * depth.detach() * rays)[..., None]
        return image * t + self.airlight * (1 - t)


def ray_lengths(K: Tensor, height: int, width: int) -> Tensor:
    """[H, W]: distance from the camera of a point at depth 1, for K [3, 3] in pixels."""
    x = (torch.arange(width, device=K.device) + 0.5 - K[0, 2]) / K[0, 0]
    y = (torch.arange(height, device=K.device) + 0.5 - K[1, 2]) / K[1, 1]
    return (1 + x[None, :].square() + y[:, None].square()).sqrt()


@torch.no_grad()
def measured_haze(access: SceneAccess, params: Params, generator: torch.Generator) -> HazeFit | None:
    """The fog that the photos show on the surfaces of the scene as it is; None where too little is seen to tell."""
    count = len(access)
    places = torch.linspace(0, count - 1, min(VIEWS, count)).round().long().tolist()
    depths = {position: _solid_depth(access, params, position) for position in places}
    sources = places[:: max(1, len(places) // SOURCES)]
    points = torch.cat(
        [_surface_points(access, depths[place], place, POINTS // len(sources), generator) for place in sources]
    )
    if len(points) < FEWEST:
        return None
    looked = [_look_up(access, depths[place], place, points) for place in places]
    colours, distances, valid = (torch.stack([look[part] for look in looked], dim=1) for part in range(3))
    enough = valid.sum(dim=1) >= 3
    if int(enough.sum()) < FEWEST:
        return None
    return fit_haze(colours[enough], distances[enough], valid[enough])


def _solid_depth(access: SceneAccess, params: Params, position: int) -> Tensor:
    """[H, W] depth, 0 where there is no surface or the photo's pixel does not count."""
    depth, alpha = access.picture(params, position, "ED")
    solid = alpha[..., 0] > SOLID
    mask = access.views[position].mask
    return torch.where(solid if mask is None else solid & mask, depth[..., 0], 0.0)


def _surface_points(
    access: SceneAccess, depth: Tensor, position: int, count: int, generator: torch.Generator
) -> Tensor:
    """[<= count, 3] points of the world on random pixels of a view that show a surface."""
    view = access.views[position]
    picked = torch.randint(0, view.width * view.height, (count,), generator=generator).to(depth.device)
    z = depth.reshape(-1)[picked]
    rows, columns = picked // view.width, picked % view.width
    pixels = torch.stack([columns + 0.5, rows + 0.5, torch.ones_like(z)], dim=1)
    local = pixels @ torch.linalg.inv(view.K[0]).T * z[:, None]
    R, t = view.viewmat[0, :3, :3], view.viewmat[0, :3, 3]
    return ((local - t) @ R)[z > 0]


def _look_up(access: SceneAccess, depth: Tensor, position: int, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Colours [P, 3] of points in a photo, distances [P] from its camera, and [P] bool where they are seen."""
    view = access.views[position]
    pixels, z = project(points, view.viewmat[0], view.K[0])
    size = pixels.new_tensor([view.width, view.height])
    place = (pixels / size * 2 - 1)[None, None]
    photo = access.photo(position)
    smooth = torch.stack([box(photo[..., channel]) for channel in range(3)])
    colours = grid_sample(smooth[None], place, align_corners=False, padding_mode="border")[0, :, 0].T
    surface = grid_sample(depth[None, None], place, mode="nearest", align_corners=False)[0, 0, 0]
    inside = (z > 1e-6) & ((pixels >= 1) & (pixels < size - 1)).all(dim=1)
    seen = inside & (surface > 0) & ((z - surface).abs() < AGREES * z)
    camera = -view.viewmat[0, :3, :3].T @ view.viewmat[0, :3, 3]
    return colours, (points - camera).norm(dim=1).clamp(min=1e-6), seen


@torch.no_grad()
def transmittances(access: SceneAccess, means: Tensor, beta: float) -> Tensor:
    """[N]: mean of exp(-beta d) of the Gaussians over the training views that they lie in front of."""
    total, views = torch.zeros(len(means), device=means.device), torch.zeros(len(means), device=means.device)
    for position in range(len(access)):
        view = access.views[position]
        pixels, z = project(means, view.viewmat[0], view.K[0])
        inside = (z > 0) & ((pixels >= 0) & (pixels < pixels.new_tensor([view.width, view.height]))).all(dim=1)
        camera = -view.viewmat[0, :3, :3].T @ view.viewmat[0, :3, 3]
        total += torch.exp(-beta * (means - camera).norm(dim=1)) * inside
        views += inside
    return torch.where(views > 0, total / views.clamp(min=1), 1.0)


@torch.no_grad()
def recolour(access: SceneAccess, params: Params, before: Haze, after: Haze) -> None:
    """Give the Gaussians, in place, the colours under the new fog that look as the old ones did under the old."""
    assert after.airlight is not None
    airlight = after.airlight
    t = transmittances(access, params["means"], after.beta).clamp(min=FAINTEST)[:, None]
    colours = sh0_to_rgb(params["sh0"][:, 0])
    gain = 1 / t
    if before.airlight is not None:
        old = transmittances(access, params["means"], before.beta).clamp(min=FAINTEST)[:, None]
        colours, gain = colours * old + before.airlight * (1 - old), old / t
    clear = ((colours - airlight * (1 - t)) / t).clamp(-0.1, 1.1)
    params["sh0"].copy_(rgb_to_sh0(clear)[:, None])
    params["shN"].mul_(gain[..., None])
