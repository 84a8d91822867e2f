"""A scene with its weather, rendered at any moment from any camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera, stack_cameras
from splat.gaussians import Gaussians
from splat.images import to_bytes
from splat.render import rasterize
from splat.render.scene import SceneRenderer
from splat.sh import SH_C0, rgb_to_sh0, sh_basis
from splat.weather.effects.particle_splats import Shutter, Splats, drawn
from splat.weather.effects.particles import ParticleField
from splat.weather.effects.scattering import HORIZON, graded, optical_depth, scattered
from splat.weather.effects.sky import SkyMap
from splat.weather.effects.world import World


@dataclass(frozen=True)
class Weather:
    """What hangs in the air."""

    world: World
    light: Tensor  # [3] RGB 0..1 of the light that air, drops and flakes send on
    fog: float = 0.0  # extinction per m
    haze: float = 0.0  # … of falling particles, where they are not drawn one by one
    grade: float = 0.0
    field: ParticleField | None = None
    shutter: Shutter | None = None  # with a field
    ahead: float = 0.0  # m from the camera to the middle of the field's window
    sky: SkyMap | None = None  # what keeps particles away


class WeatherRenderer:
    """Renders one scene in one weather; the scene's surfaces are already snowed on or wet."""

    def __init__(self, clear: SceneRenderer, weather: Weather) -> None:
        """
        Args:
            clear: the scene without what hangs in the air; its background is taken to lie `HORIZON` away.
            weather: what hangs in the air.
        """
        self.weather, self.clear, self.scene, self.device = weather, clear, clear.scene, clear.device
        self._activated = clear.scene.activated()

    @torch.no_grad()
    def render(self, camera: Camera, time: float, camera_velocity: Tensor | None = None) -> np.ndarray:
        """The picture [H, W, 3] uint8 RGB at a time in seconds; the camera moves with [3] m/s (None: not at all)."""
        picture = self.radiance(camera, time, camera_velocity)
        return to_bytes(graded(picture, self.weather.grade))

    @torch.no_grad()
    def radiance(self, camera: Camera, time: float, camera_velocity: Tensor | None = None) -> Tensor:
        """The picture [H, W, 3] float32 before the grade.

        Scene and particles are drawn in one pass, so each hides what is behind it. Each Gaussian is seen through the
        air before it: for an opaque surface at distance d that is I = J exp(-beta d) + A (1 - exp(-beta d)), and at
        edges and in the half-transparent it blends as light does.
        """
        scene, weather = self.scene, self.weather
        parts = self.particles(camera, time, camera_velocity)
        means = torch.cat([scene.means, parts.means])
        colors = torch.cat([view_colors(scene, camera), self._light * parts.shades[:, None]])
        background = self.clear.background
        if weather.fog > 0 or weather.haze > 0:
            begins = weather.shutter.reach if weather.shutter else 0.0
            distances = (means - camera.position.to(means)).norm(dim=1) * weather.world.metres
            colors = scattered(colors, optical_depth(distances, weather.fog, weather.haze, begins), self._light)
            far = optical_depth(distances.new_tensor(HORIZON), weather.fog, weather.haze, begins)
            background = scattered(background, far, self._light)
        _, quats, scales, opacities = self._activated
        viewmats, Ks = stack_cameras([camera], self.device)
        renders, _, _ = rasterize(
            means,
            torch.cat([quats, parts.quats]),
            torch.cat([scales, parts.scales]),
            torch.cat([opacities, parts.opacities]),
            colors,
            viewmats,
            Ks,
            camera.width,
            camera.height,
            backgrounds=background[None],
            **self.clear.options.arguments(),
        )
        return renders[0]

    @torch.no_grad()
    def particles(self, camera: Camera, time: float, camera_velocity: Tensor | None = None) -> Splats:
        """What of the falling particles is drawn, on the scene's device; none where something keeps them away."""
        weather = self.weather
        if weather.field is None or weather.shutter is None:
            none = torch.zeros(0, device=self.device)
            return Splats(none.reshape(0, 3), none.reshape(0, 4), none.reshape(0, 3), none, none)
        metres = weather.world.metres
        forward = camera.camtoworld[:3, 2]
        centre = camera.position * metres + forward * weather.ahead
        parts = drawn(weather.field, time, camera, centre, metres, weather.shutter, camera_velocity)
        if weather.sky is not None:
            free = weather.sky.under_sky(parts.means)
            parts = Splats(*(value[free] for value in vars(parts).values()))
        return Splats(*(value.to(self.device) for value in vars(parts).values()))

    @property
    def _light(self) -> Tensor:
        return self.weather.light.to(self.device)

    @torch.no_grad()
    def moment(self, camera: Camera, time: float, fog_cloud: Splats | None = None) -> Gaussians:
        """The scene and the particles before a camera at one moment, as Gaussians; see `cloud_of` for fog."""
        scene = joined(self.scene, self.particles(camera, time), self._light)
        return scene if fog_cloud is None else joined(scene, fog_cloud, self._light)


def view_colors(scene: Gaussians, camera: Camera) -> Tensor:
    """[N, 3] RGB of the Gaussians from a camera, never below 0: what `render_gaussians` makes of sh0 and shN."""
    colors = scene.sh0[:, 0] * SH_C0 + 0.5
    if scene.shN.shape[1]:
        directions = torch.nn.functional.normalize(scene.means - camera.position.to(scene.means), dim=1)
        basis = sh_basis(directions, scene.sh_degree)[:, 1:]
        colors = colors + torch.einsum("nk,nkc->nc", basis, scene.shN)
    return colors.clamp(min=0)


def joined(scene: Gaussians, parts: Splats, light: Tensor) -> Gaussians:
    """The scene with drawn particles, in the colour `light` [3] times their shades, the same from all sides."""
    colors = light.to(parts.means) * parts.shades[:, None]
    added = {
        "means": parts.means,
        "quats": parts.quats,
        "scales": parts.scales.log(),
        "opacities": torch.logit(parts.opacities.clamp(1e-6, 1 - 1e-6)),
        "sh0": rgb_to_sh0(colors)[:, None],
        "shN": parts.means.new_zeros(len(parts), scene.shN.shape[1], 3),
    }
    return Gaussians.cat([scene, Gaussians(**{name: value.to(scene.means) for name, value in added.items()})])
