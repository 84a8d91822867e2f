"""Falling particles: a periodic field whose state is a function of seed and time, seen through a window.

The field repeats in space with the period `side` along the scene's axes, so it fills the world; the window, a cube of
that side, shows each particle exactly once, wherever it stands. A particle that leaves it on one side enters on the
other, a camera that moves finds the particles where they were, and any frame can be drawn alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.weather import physics

SMALLEST = {"rain": 0.5, "snow": 0.3}  # mm (melted); what is smaller is too faint to be seen
LARGEST = {"rain": 6.0, "snow": 8.0}  # mm (melted); larger ones break
OPACITY = {"rain": 1.0, "snow": 0.95}  # of a particle at rest: a drop shows the refracted surroundings, nothing behind
SWAY_SPEED = 0.25  # m/s, of the circles that a flake makes as it falls
GUST_SPEED = 0.15  # m/s of the slow drift of neighbouring flakes in calm air; wind adds a tenth of its speed


@dataclass(frozen=True)
class Sway:
    """What flakes do besides falling: each circles, and all drift with large eddies that fit the period."""

    radius: Tensor  # [P] m
    frequency: Tensor  # [P] radians per second
    phase: Tensor  # [P]
    level: Tensor  # [2, 3] two level unit vectors
    waves: Tensor  # [K, 3] wave vectors, whole multiples of 2 pi / side
    amplitudes: Tensor  # [K, 3] m, across the wave vectors: the drift has no divergence
    rates: Tensor  # [K] radians per second
    phases: Tensor  # [K]


@dataclass(frozen=True)
class ParticleField:
    """P particles in a cube; all tensors float64 in metres and seconds, in the scene's axes."""

    start: Tensor  # [P, 3] positions at time 0, in [0, side)
    velocity: Tensor  # [P, 3] fall and wind
    diameters: Tensor  # [P]
    chance: Tensor  # [P] in 0..1, for what is drawn by lot
    side: float
    sway: Sway | None = None

    def __len__(self) -> int:
        return self.start.shape[0]

    def state(self, time: float) -> tuple[Tensor, Tensor]:
        """Positions [P, 3], not wrapped, and velocities [P, 3] at a time in seconds."""
        moved = self.start + self.velocity * time
        if self.sway is None:
            return moved, self.velocity
        offset, speed = _swaying(self.sway, moved, self.velocity, time)
        return moved + offset, self.velocity + speed

    def wrapped(self, positions: Tensor, centre: Tensor) -> Tensor:
        """The copies [P, 3] of `positions` [P, 3] inside the cube around `centre` [3]."""
        low = centre - self.side / 2
        return low + torch.remainder(positions - low, self.side)


def field_of(effect: str, rate: float, wind: np.ndarray, up: np.ndarray, side: float, seed: int) -> ParticleField:
    """The particles of rain or snow in a cube.

    Args:
        effect: rain or snow.
        rate: mm/h; 0 gives no particles.
        wind: [3] m/s, which particles follow fully; up: [3] unit vector.
        side: of the cube, m. Their number is the integral of the size spectrum times its volume, rounded.
        seed: of positions, sizes and sways.
    """
    random = np.random.default_rng(seed)
    count = round(number_per_cubic_metre(effect, rate) * side**3)
    start = random.random((count, 3)) * side
    shares, chance = random.random(count), random.random(count)
    drops = spectrum_of(effect, rate).diameters(shares, SMALLEST[effect], LARGEST[effect]) if count else shares
    speed: Callable[[np.ndarray], np.ndarray] = physics.rain_fall_speed if effect == "rain" else physics.snow_fall_speed
    velocity = wind - speed(drops)[:, None] * up
    diameters = (drops if effect == "rain" else physics.flake_diameter(drops)) / 1000
    sway = _sway(random, count, up, side, float(np.linalg.norm(wind))) if effect == "snow" else None
    places, moves, sizes, lots = (torch.from_numpy(array) for array in (start, velocity, diameters, chance))
    return ParticleField(places, moves, sizes, lots, side, sway)


def spectrum_of(effect: str, rate: float) -> physics.SizeSpectrum:
    """Diameters of drops, melted diameters of flakes."""
    return physics.rain_spectrum(rate) if effect == "rain" else physics.snow_spectrum(rate)


def number_per_cubic_metre(effect: str, rate: float) -> float:
    """Particles that are drawn one by one, per m^3."""
    return spectrum_of(effect, rate).count(SMALLEST[effect], LARGEST[effect]) if rate > 0 else 0.0


def haze_of(effect: str, rate: float) -> float:
    """Extinction per m of all the particles together."""
    if rate <= 0:
        return 0.0
    widening = 1.0 if effect == "rain" else physics.flake_diameter(1.0)
    return physics.particle_extinction(spectrum_of(effect, rate), widening)


def window(reach: float, half_angle: float) -> tuple[float, float]:
    """Side of the cube, and how far before the camera its middle lies, so that it holds all seen within `reach`.

    What a camera sees within a distance is a sector of a ball; the cube goes around the smallest ball around that, so
    the camera may turn as it likes.

    Args:
        reach: m.
        half_angle: from the viewing direction to the corner of the picture, in radians, below pi / 2.
    """
    if half_angle < math.pi / 4:
        radius = reach / (2 * math.cos(half_angle))
        return 2 * radius, radius
    return 2 * reach * math.sin(half_angle), reach * math.cos(half_angle)


def reach_for(density: float, most: int, half_angle: float, farthest: float) -> float:
    """The reach in m at which the cube holds `most` particles, at most `farthest`."""
    if density <= 0:
        return farthest
    return min(farthest, (most / density) ** (1 / 3) / window(1.0, half_angle)[0])


def _sway(random: np.random.Generator, count: int, up: np.ndarray, side: float, wind: float) -> Sway:
    frequency = 2 * math.pi * random.uniform(0.4, 1.2, count)
    level = np.linalg.svd(up[None])[2][1:]
    numbers = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, -1], [-1, 0, 1]], float)
    waves = 2 * math.pi / side * numbers
    across = np.cross(waves, random.normal(size=waves.shape))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    rates = 2 * math.pi * random.uniform(0.1, 0.3, len(waves))
    # each wave moves flakes by at most a third of its length over 2 pi, or the drift would fold into itself
    share = (GUST_SPEED + 0.1 * wind) / math.sqrt(len(waves) / 2)
    sizes = np.minimum(share / rates, 0.33 / np.linalg.norm(waves, axis=1) / math.sqrt(len(waves)))
    arrays = (
        SWAY_SPEED * random.uniform(0.3, 1.0, count) / frequency, frequency, random.uniform(0, 2 * math.pi, count),
        level, waves, across * sizes[:, None], rates, random.uniform(0, 2 * math.pi, len(waves)),
    )  # fmt: skip
    return Sway(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


def _swaying(sway: Sway, moved: Tensor, velocity: Tensor, time: float) -> tuple[Tensor, Tensor]:
    """Offsets [P, 3] and what they add to the velocity [P, 3]: its exact derivative."""
    turn = sway.frequency * time + sway.phase
    sine, cosine = sway.radius * torch.sin(turn), sway.radius * torch.cos(turn)
    circle = torch.stack([sine, cosine], dim=1) @ sway.level
    circling = torch.stack([cosine, -sine], dim=1) * sway.frequency[:, None] @ sway.level
    angle = moved @ sway.waves.T + sway.rates * time + sway.phases  # [P, K]
    change = velocity @ sway.waves.T + sway.rates
    drift = torch.sin(angle) @ sway.amplitudes
    drifting = (torch.cos(angle) * change) @ sway.amplitudes
    return circle + drift, circling + drifting
