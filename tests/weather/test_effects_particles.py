"""Falling particles: how many, where at any time, and how they enter what the camera sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid

from splat.weather import physics
from splat.weather.effects.particles import field_of, number_per_cubic_metre, reach_for, window
from tests.weather.places import UP

WIND = np.array([1.0, 0.0, 0.5])
CENTRE = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize(("effect", "rate"), [("rain", 5.0), ("rain", 100.0), ("snow", 2.0)])
def test_a_box_holds_as_many_as_the_integral_says(effect: str, rate: float) -> None:
    side = 3.0
    field = field_of(effect, rate, WIND, UP, side, seed=0)
    spectrum = physics.rain_spectrum(rate) if effect == "rain" else physics.snow_spectrum(rate)
    low, high = (0.5, 6.0) if effect == "rain" else (0.3, 8.0)
    sizes = np.linspace(low, high, 20_001)
    assert len(field) == pytest.approx(trapezoid(spectrum.density(sizes), sizes) * side**3, abs=1)
    half = field.wrapped(field.state(0.7)[0], CENTRE) - CENTRE  # a part of the box holds its part of them
    inside = int((half.abs() < side / 4).all(dim=1).sum())
    assert inside == pytest.approx(len(field) / 8, abs=5 * math.sqrt(len(field) / 8))


def test_drop_sizes_follow_the_spectrum() -> None:
    field = field_of("rain", 25.0, WIND, UP, 4.0, seed=1)
    spectrum = physics.rain_spectrum(25.0)
    for limit in (1.0, 2.0):
        share = float((field.diameters * 1000 < limit).double().mean())
        assert share == pytest.approx(spectrum.count(0.5, limit) / spectrum.count(0.5, 6), abs=0.01)


def test_drops_move_by_their_velocity_and_enter_where_others_leave() -> None:
    side, step = 2.0, 1 / 30
    field = field_of("rain", 25.0, WIND, UP, side, seed=0)
    before = field.wrapped(field.state(5.0)[0], CENTRE)
    after = field.wrapped(field.state(5.0 + step)[0], CENTRE)
    speeds = torch.from_numpy(physics.rain_fall_speed(field.diameters.numpy() * 1000))
    expected = torch.from_numpy(WIND) - speeds[:, None] * torch.from_numpy(UP)
    moved = after - before
    wraps = (moved - expected * step) / side  # whole numbers of box sides
    assert torch.allclose(wraps, wraps.round(), atol=1e-9)
    left = wraps[:, 1].round() != 0
    assert 0.01 < float(left.double().mean()) < 0.5
    assert (before[left, 1] > CENTRE[1] + 0.3 * side).all()  # y is down: they left through the floor ...
    assert (after[left, 1] < CENTRE[1] - 0.3 * side).all()  # ... and come from the top
    assert ((after - CENTRE).abs() <= side / 2 + 1e-9).all()


def test_a_moving_window_finds_particles_where_they_were() -> None:
    field = field_of("snow", 2.0, WIND, UP, 3.0, seed=0)
    positions = field.state(2.0)[0]
    here, there = field.wrapped(positions, CENTRE), field.wrapped(positions, CENTRE + torch.tensor([0.5, 0.2, -0.7]))
    same = (here - there).abs().max(dim=1).values < 1e-9
    overlap = (3 - 0.5) * (3 - 0.2) * (3 - 0.7) / 27
    assert float(same.double().mean()) == pytest.approx(overlap, abs=0.03)


def test_a_seed_is_a_weather() -> None:
    first, second = (field_of("snow", 2.0, WIND, UP, 2.0, seed=3) for _ in range(2))
    assert torch.equal(first.state(1.7)[0], second.state(1.7)[0])
    other = field_of("snow", 2.0, WIND, UP, 2.0, seed=4)
    assert len(other) == len(first) and not torch.allclose(other.start, first.start)


def test_flakes_sway_and_their_velocity_is_the_derivative() -> None:
    field = field_of("snow", 2.0, np.zeros(3), UP, 3.0, seed=0)
    step = 1e-5
    _, velocity = field.state(4.0)
    numeric = (field.state(4.0 + step)[0] - field.state(4.0 - step)[0]) / (2 * step)
    assert torch.allclose(velocity, numeric, atol=1e-6)
    level = velocity[:, [0, 2]].norm(dim=1)
    assert 0.05 < float(level.median()) < 0.6  # m/s
    assert float(velocity[:, 1].mean()) == pytest.approx(float(field.velocity[:, 1].mean()), abs=0.05)  # still fall
    assert 0.5 < float(velocity[:, 1].mean()) < 1.3


def test_drift_has_the_period_of_the_box() -> None:
    """Copies of a flake, one side apart, must drift alike, or the window would tear them apart."""
    import dataclasses

    field = field_of("snow", 2.0, WIND, UP, 3.0, seed=0)
    shifted = dataclasses.replace(field, start=field.start + torch.tensor([3.0, -6.0, 3.0]))
    assert torch.allclose(shifted.state(2.2)[0] - field.state(2.2)[0], torch.tensor([3.0, -6.0, 3.0]).double())


def test_nothing_falls_at_a_rate_of_zero() -> None:
    assert len(field_of("rain", 0.0, WIND, UP, 3.0, seed=0)) == 0


@pytest.mark.parametrize("angle", [0.3, 0.6, 1.0])
def test_the_window_holds_all_that_is_seen(angle: float) -> None:
    side, ahead = window(5.0, angle)
    random = np.random.default_rng(0)
    directions = random.normal(size=(20_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    axis = np.array([0.6, -0.48, 0.64])
    seen = directions[directions @ axis > np.cos(angle)]
    points = np.vstack([seen * 5.0, [np.zeros(3)]]) - ahead * axis
    assert np.abs(points).max() <= side / 2 + 1e-9


def test_the_reach_spends_the_particles() -> None:
    density = number_per_cubic_metre("rain", 50.0)
    reach = reach_for(density, 100_000, 0.6, 30.0)
    assert density * window(reach, 0.6)[0] ** 3 == pytest.approx(100_000)
    assert reach_for(1e-3, 100_000, 0.6, 30.0) == 30.0 and reach_for(0.0, 10, 0.6, 30.0) == 30.0
