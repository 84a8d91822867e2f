"""Particles as Gaussians for one camera and one moment."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.weather import physics
from splat.weather.effects.particles import ParticleField

NEAREST = 0.2  # m: what is nearer would be far out of focus
FADE = 0.8  # share of the reach beyond which particles fade into their haze
LEAST_OPACITY = 2 / 255  # renderers leave out what is below 1/255


@dataclass(frozen=True)
class Splats:
    """Gaussians after activation, in the scene's units; float32."""

    means: Tensor  # [M, 3]
    quats: Tensor  # [M, 4] wxyz, unit; the first axis lies along the motion
    scales: Tensor  # [M, 3] standard deviations
    opacities: Tensor  # [M] 0..1
    shades: Tensor  # [M] factor on the colour of the light, about 1

    def __len__(self) -> int:
        return self.means.shape[0]


@dataclass(frozen=True)
class Shutter:
    """How particles are taken."""

    exposure: float  # s
    reach: float  # m
    strength: float = 1.0  # opacities over the physical ones
    rest_opacity: float = 1.0  # of a particle that does not move
    blur: float = 0.3  # square pixels that the renderer adds to each Gaussian without taking from its opacity; 0: none


@torch.no_grad()
def drawn(
    field: ParticleField,
    time: float,
    camera: Camera,
    centre: Tensor,
    metres: float,
    shutter: Shutter,
    camera_velocity: Tensor | None = None,
) -> Splats:
    """The particles that the camera sees.

    A particle is a Gaussian along its motion relative to the camera during the exposure, with the opacity that
    keeps what it covers of the picture (`physics.streaks`), also after the renderer's blur. Those too faint to be drawn
    are drawn by lot, with the least opacity that can be, so often that they cover as much on average.

    Args:
        time: s.
        centre: [3] float64 of the window, in metres.
        metres: per unit of the scene.
        camera_velocity: [3] float64 m/s; None: it stands still.
    """
    positions, velocities = field.state(time)
    positions = field.wrapped(positions, centre)
    rotation = camera.viewmat[:3, :3].to(positions)
    local = positions @ rotation.T + camera.viewmat[:3, 3].to(positions) * metres
    length = velocities if camera_velocity is None else velocities - camera_velocity
    motion = length * shutter.exposure
    chosen = _in_view(local, motion.norm(dim=1), camera, shutter.reach).nonzero()[:, 0]
    local, motion, positions = local[chosen], motion[chosen], positions[chosen]
    lengths = motion.norm(dim=1)
    streak = physics.streaks(field.diameters[chosen].numpy(), lengths.numpy())
    across, along = torch.from_numpy(streak.across), torch.from_numpy(streak.along)
    directions = torch.nn.functional.normalize(motion, dim=1)
    opacities = shutter.strength * shutter.rest_opacity * torch.from_numpy(streak.opacity)
    if shutter.blur > 0:
        opacities = opacities * _kept_of_blur(local, directions @ rotation.T, across, along, camera, shutter.blur)
    opacities = opacities * _fading(local.norm(dim=1) / shutter.reach)
    lucky = opacities > LEAST_OPACITY * field.chance[chosen]
    opacities = opacities.clamp(LEAST_OPACITY, 0.99)[lucky]
    scales = torch.stack([along, across, across], dim=1)[lucky] / metres
    shades = 0.9 + 0.2 * torch.frac(field.chance[chosen][lucky] * 977)
    quats = along_first_axis(directions[lucky])
    parts = (positions[lucky] / metres, quats, scales, opacities, shades)
    return Splats(*(part.float() for part in parts))


def along_first_axis(directions: Tensor) -> Tensor:
    """Quaternions [P, 4] wxyz that turn the x axis the short way into unit `directions` [P, 3] or their opposites."""
    x, y, z = torch.where(directions[:, :1] < 0, -directions, directions).unbind(-1)
    quats = torch.stack([1 + x, torch.zeros_like(x), -z, y], dim=1)
    return torch.nn.functional.normalize(quats, dim=1)


def _in_view(local: Tensor, lengths: Tensor, camera: Camera, reach: float) -> Tensor:
    """[P] bool: whether any of the streak may lie in the picture. `local` [P, 3] in the camera's axes, m."""
    x, y, z = local.unbind(-1)
    fx, fy, cx, cy = (float(camera.K[i, j]) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    margin = lengths / 2 + 0.02
    left, right = -cx / fx * z - margin, (camera.width - cx) / fx * z + margin
    above, below = -cy / fy * z - margin, (camera.height - cy) / fy * z + margin
    near = (z > NEAREST) & (local.square().sum(dim=1) < reach * reach)
    return near & (x > left) & (x < right) & (y > above) & (y < below)


def _fading(distance: Tensor) -> Tensor:
    """[P] 1 up to FADE of the reach, then smoothly to 0 at the reach (distance 1)."""
    part = ((1 - distance) / (1 - FADE)).clamp(0, 1)
    return part * part * (3 - 2 * part)


def _kept_of_blur(
    local: Tensor, directions: Tensor, across: Tensor, along: Tensor, camera: Camera, blur: float
) -> Tensor:
    """[P] sqrt(det S / det(S + blur)) of the projected covariances S in square pixels.

    S = b² + s g gᵀ with b the width in pixels, s = along² - across², and g what a metre along the motion is in pixels.

    Args:
        local: [P, 3] positions, directions: [P, 3] of the motion; both in the camera's axes.
    """
    fx, fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    x, y, z = local.unbind(-1)
    gx = fx * (directions[:, 0] - x / z * directions[:, 2]) / z
    gy = fy * (directions[:, 1] - y / z * directions[:, 2]) / z
    width = fx * fy / (z * z) * across * across
    stretched = (along * along - across * across) * (gx * gx + gy * gy)
    before = width * (width + stretched)
    after = (width + blur) * (width + blur + stretched)
    return (before / after).sqrt()
