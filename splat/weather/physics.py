"""The physics of weather: how large, how many and how fast its particles are, and what they take from the light.

Diameters are in millimetres where the sources have them so, lengths and distances in metres, speeds in m/s, rates of
precipitation in mm of water per hour. Sources:

- drop sizes: Marshall and Palmer, "The distribution of raindrops with size", J. Meteorology 5, 1948;
- speed of drops: Atlas, Srivastava and Sekhon, "Doppler radar characteristics of precipitation at vertical incidence",
  Reviews of Geophysics 11, 1973;
- sizes of flakes (diameters once melted): Sekhon and Srivastava, "Snow size spectra and radar reflectivity",
  J. Atmospheric Sciences 27, 1970;
- speed of flakes: Langleben, "The terminal velocity of snowflakes", Q. J. Royal Meteorological Society 80, 1954;
- visibility: Koschmieder's law with a contrast threshold of 2 % (WMO Guide to Instruments, part I, chapter 9);
- streaks: Garg and Nayar, "Vision and rain", Int. J. Computer Vision 75, 2007: a drop covers a pixel for a part of the
  exposure only, and takes that part of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Number = TypeVar("Number", float, np.ndarray)

CONTRAST = 0.02  # of a black thing before the sky, where it is just seen
SNOW_DENSITY = 100.0  # kg/m^3, of a dry flake
WATER_DENSITY = 1000.0


@dataclass(frozen=True)
class SizeSpectrum:
    """An exponential distribution of diameters: N(D) = intercept * exp(-slope * D) per m^3 and mm."""

    intercept: float  # m^-3 mm^-1
    slope: float  # mm^-1

    def density(self, diameter: Number) -> Number:
        """N(D) in m^-3 mm^-1, of diameters in mm."""
        return self.intercept * np.exp(-self.slope * diameter)  # type: ignore[return-value]

    def count(self, low: float = 0.0, high: float = math.inf) -> float:
        """Particles per m^3 with diameters from `low` to `high` mm: the integral of N(D)."""
        return self.intercept / self.slope * (math.exp(-self.slope * low) - math.exp(-self.slope * high))

    def moment(self, order: float) -> float:
        """The integral of D^order N(D) over all diameters, in mm^order m^-3."""
        return self.intercept * math.gamma(order + 1) / self.slope ** (order + 1)

    def diameters(self, shares: np.ndarray, low: float, high: float) -> np.ndarray:
        """Diameters in mm below which `shares` (0 to 1) of the particles between `low` and `high` lie."""
        first, last = math.exp(-self.slope * low), math.exp(-self.slope * high)
        return -np.log(first - shares * (first - last)) / self.slope


def rain_spectrum(rate: float) -> SizeSpectrum:
    """Drop diameters of rain (Marshall and Palmer): N(D) = 8000 exp(-4.1 R^-0.21 D); rate R above 0 mm/h."""
    return SizeSpectrum(8000.0, 4.1 * rate**-0.21)


def snow_spectrum(rate: float) -> SizeSpectrum:
    """Melted diameters of snow flakes (Sekhon and Srivastava): N0 = 2500 R^-0.94, slope 2.29 R^-0.45 mm^-1."""
    return SizeSpectrum(2500.0 * rate**-0.94, 2.29 * rate**-0.45)


def rain_fall_speed(diameter: Number) -> Number:
    """Terminal speed in m/s of drops of `diameter` mm (Atlas et al.): 9.65 - 10.3 exp(-0.6 D), never below 0."""
    return np.maximum(9.65 - 10.3 * np.exp(-0.6 * diameter), 0.0)  # type: ignore[return-value]


def snow_fall_speed(melted: Number) -> Number:
    """Terminal speed in m/s of flakes by their melted diameter in mm (Langleben, dendrites): 1.6 (D / 10 mm)^0.31."""
    return 1.6 * (melted / 10.0) ** 0.31


def flake_diameter(melted: Number) -> Number:
    """Diameter of a flake from that of the drop it melts to; its mass stays, its density is a tenth of water's."""
    return melted * (WATER_DENSITY / SNOW_DENSITY) ** (1 / 3)


def precipitation(spectrum: SizeSpectrum, speed: Callable[[np.ndarray], np.ndarray]) -> float:
    """The rate in mm/h that falling particles bring: the integral of N(D) pi/6 D^3 v(D), 1 mm^3/m^2/s = 0.0036 mm/h.

    Args:
        speed: v in m/s of (melted) diameters in mm.
    """
    diameters = np.linspace(0.0, 40 / spectrum.slope, 20_001)
    flux = spectrum.density(diameters) * math.pi / 6 * diameters**3 * speed(diameters)  # mm^3 m^-2 s^-1 mm^-1
    return float(np.sum((flux[1:] + flux[:-1]) / 2) * (diameters[1] - diameters[0])) * 3600e-6


def particle_extinction(spectrum: SizeSpectrum, widening: float = 1.0) -> float:
    """What falling particles take from the light, per m: their cross-sections in a m^3, pi/4 D^2 N(D) integrated.

    Diffraction, which doubles extinction in the textbooks, turns light by less than a pixel here and takes nothing.

    Args:
        widening: the particle's diameter over the spectrum's (flakes are wider than the drops they melt to).
    """
    return math.pi / 4 * widening**2 * spectrum.moment(2) * 1e-6


def extinction(visibility: float) -> float:
    """Extinction coefficient per m of air with a visibility in m: -ln(0.02) / V = 3.912 / V (Koschmieder)."""
    return -math.log(CONTRAST) / visibility


@dataclass(frozen=True)
class Streak:
    """Gaussians that cover what moving spheres cover during an exposure, on average over it."""

    across: np.ndarray  # [P] standard deviation in m across the motion
    along: np.ndarray  # [P] … along it
    opacity: np.ndarray  # [P] factor on the opacity of the sphere at rest


def streaks(diameters: np.ndarray, lengths: np.ndarray) -> Streak:
    """The Gaussians of spheres of `diameters` m that move by `lengths` m during the exposure.

    At rest a sphere is a Gaussian with the area of its disc: 2 pi across^2 = pi/4 D^2. Moving evenly adds the variance
    L^2 / 12 of a uniform distribution along the path. The area times opacity is what the sphere covers of the picture,
    which motion does not change: so the opacity falls as the streak grows.
    """
    across = diameters / math.sqrt(8)
    along = np.sqrt(across**2 + lengths**2 / 12)
    return Streak(across, along, across / along)
