"""Fog between the cameras and the scene: what is trained and written is the clear scene, what is compared is not.

The fog, one density and one airlight for the capture, is measured once on points of the surface as it is by then (see
`haze_fit`). The Gaussians then take the colors that they have without it, so that the picture in the fog stays what
it was. From then on density and airlight are learned with the scene: it knows what `haze_fit` does not, that detail
fades with distance in clear air too, because the pixels of a photo are farther apart there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from splat.sh import rgb_to_sh0, sh0_to_rgb
from splat.weather.training.brightness import box
from splat.weather.training.haze_fit import HazeFit, fit_haze

if TYPE_CHECKING:
    from splat.train.params import Params
    from splat.train.strategies.context import StrategyContext

POINTS = 3000  # of the surface, that are followed through the views
VIEWS = 24  # in which they are looked up
SOURCES = 8  # from which they are taken
AGREES = 0.02  # of the depth: a point farther behind the surface of a view is hidden there
SOLID = 0.9  # opacity of a surface
FEWEST = 200  # points that must be seen in three views each
DENSITY_REACH, AIRLIGHT_REACH = 3.0, 0.3  # how far steps in one direction would lead, times the density; of 1
NEARLY_ALL, BEYOND = 0.98, 1.05  # of the points are no farther than the farthest surface is, times that
FEW_POINTS = 20  # in a view
FAINTEST = 0.08  # transmittance below which colors are not told from the airlight


@dataclass
class Haze:
    """The fog as it is known; in the training frame."""

    beta: Tensor | None = None  # [] float32, extinction per training unit; None before there is any
    airlight: Tensor | None = None  # [3] float32
    evidence: float = 0.0

    def veiled(self, image: Tensor, depth: Tensor, rays: Tensor, farthest: float = math.inf) -> Tensor:
        """A picture of the clear scene [H, W, 3] as it is seen in the fog; no gradient reaches the depth.

        Args:
            depth: [H, W] along the optical axis. rays: [H, W] length of the ray to depth 1.
            farthest: depth beyond which nothing is; in fog, what is too far away and too dark looks as it should.
        """
        if self.beta is None or self.airlight is None:
            return image
        t = torch.exp(-self.beta * depth.detach().clamp(max=farthest) * rays)[..., None]
        return image * t + self.airlight * (1 - t)


class HazeLearner:
    """Learns a fog along with the scene that is seen through it."""

    def __init__(self, haze: Haze, max_steps: int) -> None:
        """From here on `haze` holds parameters.

        Args:
            max_steps: of the training; Adam's steps are as long as takes the density to e times itself in a third.
        """
        assert haze.beta is not None and haze.airlight is not None
        lrs = (DENSITY_REACH * float(haze.beta.detach()) / max_steps, AIRLIGHT_REACH / max_steps)
        self.parameters = [haze.beta.requires_grad_(), haze.airlight.requires_grad_()]
        groups = [{"params": [parameter], "lr": lr} for parameter, lr in zip(self.parameters, lrs)]
        self.optimizer = torch.optim.Adam(groups)

    def step(self) -> None:
        """Follow the gradients of the last picture."""
        if self.parameters[0].grad is None:
            return
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.parameters[0].clamp_(min=0)
            self.parameters[1].clamp_(0, 1)

    def state(self) -> dict[str, Any]:
        """All that changes, for a checkpoint."""
        return {
            "parameters": [parameter.detach() for parameter in self.parameters],
            "lrs": [group["lr"] for group in self.optimizer.param_groups],
            "moments": [dict(self.optimizer.state.get(parameter, {})) for parameter in self.parameters],
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave, with parameters that are those of the record already."""
        for parameter, group, lr, moments in zip(
            self.parameters, self.optimizer.param_groups, record["lrs"], record["moments"]
        ):
            group["lr"] = lr
            on_device = {
                name: value if name == "step" else value.to(parameter.device) for name, value in moments.items()
            }
            if on_device:
                self.optimizer.state[parameter] = on_device


def ray_lengths(K: Tensor, height: int, width: int) -> Tensor:
    """[H, W]: distance from the camera of a point at depth 1, for K [3, 3] in pixels."""
    x = (torch.arange(width, device=K.device) + 0.5 - K[0, 2]) / K[0, 0]
    y = (torch.arange(height, device=K.device) + 0.5 - K[1, 2]) / K[1, 1]
    return (1 + x[None, :].square() + y[:, None].square()).sqrt()


@torch.no_grad()
def measured_haze(access: StrategyContext, params: Params, generator: torch.Generator) -> HazeFit | None:
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
    colors, distances, valid = (torch.stack([look[part] for look in looked], dim=1) for part in range(3))
    enough = valid.sum(dim=1) >= 3
    if int(enough.sum()) < FEWEST:
        return None
    return fit_haze(colors[enough], distances[enough], valid[enough])


def _solid_depth(access: StrategyContext, params: Params, position: int) -> Tensor:
    """[H, W] depth, 0 where there is no surface or the photo's pixel does not count."""
    depth, alpha, _ = access.renderer(params).render(access.camera(position), "ED")
    solid = alpha > SOLID
    mask = access.views[position].mask
    return torch.where(solid if mask is None else solid & mask, depth[..., 0], 0.0)


def _surface_points(
    access: StrategyContext, depth: Tensor, position: int, count: int, generator: torch.Generator
) -> Tensor:
    """[<= count, 3] points of the world on random pixels of a view that show a surface."""
    camera = access.camera(position)
    picked = torch.randint(0, camera.width * camera.height, (count,), generator=generator).to(depth.device)
    z = depth.reshape(-1)[picked]
    pixels = torch.stack([picked % camera.width, picked // camera.width], dim=1).to(z) + 0.5
    return camera.unproject(pixels, z)[z > 0]


def _look_up(access: StrategyContext, depth: Tensor, position: int, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Colours [P, 3] of points in a photo, distances [P] from its camera, and [P] bool where they are seen."""
    camera = access.camera(position)
    pixels, z = camera.project(points)
    size = pixels.new_tensor([camera.width, camera.height])
    place = (pixels / size * 2 - 1)[None, None]
    photo = access.photo(position)
    smooth = torch.stack([box(photo[..., channel]) for channel in range(3)])
    colors = grid_sample(smooth[None], place, align_corners=False, padding_mode="border")[0, :, 0].T
    surface = grid_sample(depth[None, None], place, mode="nearest", align_corners=False)[0, 0, 0]
    inside = (z > 1e-6) & ((pixels >= 1) & (pixels < size - 1)).all(dim=1)
    seen = inside & (surface > 0) & ((z - surface).abs() < AGREES * z)
    return colors, (points - camera.position.to(points)).norm(dim=1).clamp(min=1e-6), seen


@torch.no_grad()
def transmittances(access: StrategyContext, means: Tensor, beta: float) -> Tensor:
    """[N]: mean of exp(-beta d) of the Gaussians over the training views that they lie in front of."""
    total, views = torch.zeros(len(means), device=means.device), torch.zeros(len(means), device=means.device)
    for position in range(len(access)):
        camera = access.camera(position)
        inside = camera.sees(means)
        total += torch.exp(-beta * (means - camera.position.to(means)).norm(dim=1)) * inside
        views += inside
    return torch.where(views > 0, total / views.clamp(min=1), 1.0)


@torch.no_grad()
def recolor(access: StrategyContext, params: Params, haze: Haze) -> None:
    """Give the Gaussians, in place, the colors that look in the fog as their own do now."""
    assert haze.airlight is not None and haze.beta is not None
    t = transmittances(access, params["means"], float(haze.beta)).clamp(min=FAINTEST)[:, None]
    clear = (sh0_to_rgb(params["sh0"][:, 0]) - haze.airlight * (1 - t)) / t
    params["sh0"].copy_(rgb_to_sh0(clear.clamp(-0.1, 1.1))[:, None])
    params["shN"].div_(t[..., None])


def farthest(access: StrategyContext, position: int) -> float:
    """Depth beyond which nothing is in a view, from the points known from the photos; infinite with too few of them."""
    camera = access.camera(position)
    pixels, z = camera.project(access.points)
    inside = (z > 0) & camera.contains(pixels)
    return BEYOND * float(z[inside].quantile(NEARLY_ALL)) if int(inside.sum()) >= FEW_POINTS else math.inf
