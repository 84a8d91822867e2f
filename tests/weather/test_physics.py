"""The physics of weather at known values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid

from splat.weather import physics


@pytest.mark.parametrize(("diameter", "measured"), [(1.0, 4.03), (2.0, 6.49), (3.0, 8.06), (5.0, 9.09)])
def test_drops_fall_as_gunn_and_kinzer_measured(diameter: float, measured: float) -> None:
    assert physics.rain_fall_speed(diameter) == pytest.approx(9.65 - 10.3 * math.exp(-0.6 * diameter))
    assert physics.rain_fall_speed(diameter) == pytest.approx(measured, rel=0.02)


def test_the_smallest_drops_do_not_rise() -> None:
    assert physics.rain_fall_speed(np.array([0.0, 0.05])).tolist() == [0.0, 0.0]


def test_flakes_fall_at_about_one_metre_a_second() -> None:
    speeds = physics.snow_fall_speed(np.array([0.5, 1.0, 2.0, 4.0]))
    assert (np.diff(speeds) > 0).all() and speeds.min() > 0.6 and speeds.max() < 1.3
    assert physics.snow_fall_speed(10.0) == pytest.approx(1.6)
    assert physics.flake_diameter(1.0) == pytest.approx(10 ** (1 / 3))  # the same mass at a tenth of the density


@pytest.mark.parametrize("rate", [1.0, 5.0, 25.0, 100.0])
def test_numbers_of_drops_are_the_integral_of_their_sizes(rate: float) -> None:
    spectrum = physics.rain_spectrum(rate)
    assert spectrum.density(0.0) == 8000
    assert spectrum.density(2.0) == pytest.approx(8000 * math.exp(-4.1 * rate**-0.21 * 2))
    sizes = np.linspace(0.5, 6, 100_001)
    assert spectrum.count(0.5, 6) == pytest.approx(trapezoid(spectrum.density(sizes), sizes), rel=1e-6)
    sizes = np.linspace(0, 40, 400_001)
    assert spectrum.moment(2) == pytest.approx(trapezoid(sizes**2 * spectrum.density(sizes), sizes), rel=1e-6)


def test_known_numbers_of_drops() -> None:
    assert physics.rain_spectrum(1).count() == pytest.approx(8000 / 4.1)
    assert physics.rain_spectrum(25).slope == pytest.approx(2.0856, rel=1e-3)


@pytest.mark.parametrize("rate", [1.0, 5.0, 25.0, 100.0])
def test_rain_brings_the_water_it_is_named_after(rate: float) -> None:
    """Sizes and speeds come from different measurements: together they must give the rate again."""
    assert physics.precipitation(physics.rain_spectrum(rate), physics.rain_fall_speed) == pytest.approx(rate, rel=0.2)


@pytest.mark.parametrize("rate", [0.3, 1.0, 2.0, 5.0])
def test_snow_brings_the_water_it_is_named_after(rate: float) -> None:
    assert physics.precipitation(physics.snow_spectrum(rate), physics.snow_fall_speed) == pytest.approx(rate, rel=0.2)


def test_drawn_diameters_have_the_spectrum() -> None:
    spectrum = physics.rain_spectrum(10)
    drawn = spectrum.diameters(np.array([0.0, 0.5, 1.0]), 0.5, 6.0)
    assert drawn[0] == pytest.approx(0.5) and drawn[2] == pytest.approx(6.0)
    assert spectrum.count(0.5, drawn[1]) == pytest.approx(spectrum.count(drawn[1], 6.0))  # the median halves the number


def test_visibility_is_where_contrast_falls_to_two_percent() -> None:
    assert physics.extinction(20.0) == pytest.approx(3.912 / 20, rel=1e-4)
    assert math.exp(-physics.extinction(137.0) * 137.0) == pytest.approx(0.02)


def test_heavy_rain_and_snow_hide_what_they_are_known_to() -> None:
    rain = physics.particle_extinction(physics.rain_spectrum(25))
    assert rain == pytest.approx(math.pi / 4 * 8000 * 2 / 2.0856**3 * 1e-6, rel=1e-3)
    assert 1000 < 3.912 / rain < 5000  # m
    snow = physics.particle_extinction(physics.snow_spectrum(2), physics.flake_diameter(1.0))
    assert 300 < 3.912 / snow < 3000


def test_a_streak_covers_what_the_drop_covers() -> None:
    sizes, lengths = np.array([0.001, 0.002, 0.003]), np.array([0.0, 0.05, 0.2])
    streak = physics.streaks(sizes, lengths)
    area = 2 * np.pi * streak.across * streak.along * streak.opacity
    assert area == pytest.approx(np.pi / 4 * sizes**2)
    assert streak.opacity[0] == 1 and (np.diff(streak.opacity) < 0).all()
    assert streak.along[2] == pytest.approx(0.2 / math.sqrt(12), rel=1e-3)
