"""Which pixels count as weather: known mixtures of clean and brightened pixels, and none in clean ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.weather.training.brightness import (
    DIRECTIONS,
    BrighterRule,
    Fall,
    along,
    box,
    chance,
    contrast,
    ramp,
    without,
)

SIZE = (60, 80)


def noise(generator: torch.Generator, size: float = 0.03) -> torch.Tensor:
    """Differences of clean pixels: heavy-tailed, as often too dark as too bright, alike over 3 x 3 pixels."""
    uniform = torch.rand(SIZE, generator=generator) - 0.5
    return -size * uniform.sign() * torch.log1p(-2 * uniform.abs() * 0.999)


def test_clean_differences_are_kept() -> None:
    """Weights of clean residuals are about 1, however large the residuals are."""
    for size in (0.01, 0.05, 0.15):
        generator, rule = torch.Generator().manual_seed(0), BrighterRule(torch.device("cpu"))
        for _ in range(30):
            clean = rule.clean(noise(generator, size), torch.zeros(SIZE))
        assert float(clean.mean()) > 0.97
        assert float((clean < 0.5).float().mean()) < 0.03


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_what_is_brightened_is_found_and_little_else(share: float) -> None:
    generator, rule = torch.Generator().manual_seed(1), BrighterRule(torch.device("cpu"))
    for _ in range(30):
        flakes = box((torch.rand(SIZE, generator=generator) < share / 9).float()) > 0
        differs = noise(generator, 0.015) + flakes * 0.25
        clean = rule.clean(differs, torch.zeros(SIZE))
    left_out = clean < 0.5
    assert float(left_out[box(flakes.float()) > 0.99].float().mean()) > 0.9
    inner = box(flakes.float(), 5) == 0  # smoothing reaches the pixels beside a flake
    assert float(left_out[inner].float().mean()) < 0.02


def test_a_scene_that_is_too_dark_is_not_mistaken_for_weather() -> None:
    """All pixels are brighter than the scene by the same: it must be allowed to become brighter."""
    generator, rule = torch.Generator().manual_seed(2), BrighterRule(torch.device("cpu"))
    for _ in range(30):
        clean = rule.clean(noise(generator, 0.02) + 0.1, torch.zeros(SIZE))
    assert float((clean < 0.5).float().mean()) < 0.01


def test_darker_pixels_always_count() -> None:
    generator, rule = torch.Generator().manual_seed(3), BrighterRule(torch.device("cpu"))
    for _ in range(30):
        differs = noise(generator, 0.01)
        differs[:20] -= 0.3
        clean = rule.clean(differs, torch.zeros(SIZE))
    assert float((clean[:20] < 0.5).float().mean()) == 0


def test_masked_pixels_are_not_counted() -> None:
    rule = BrighterRule(torch.device("cpu"))
    counted = torch.zeros(SIZE, dtype=torch.bool)
    counted[:10] = True
    rule.clean(noise(torch.Generator().manual_seed(0)), torch.zeros(SIZE), counted)
    assert float(rule.counts.sum()) == 10 * SIZE[1]


def test_lines_keep_streaks_of_their_direction_and_no_detail() -> None:
    picture = torch.zeros(41, 41)
    picture[5:36, 20] = 0.5
    assert float(along(picture, 0)[20, 20]) == 0.5 and float(along(picture, 0)[20, 19]) == 0
    assert float(along(picture, DIRECTIONS // 2).max()) == 0  # across
    diagonal = torch.eye(41) * 0.5
    assert float(along(diagonal, DIRECTIONS // 4)[20, 20]) == 0.5
    assert float(along(diagonal, 3 * DIRECTIONS // 4)[20, 20]) == 0
    dots = torch.zeros(41, 41)
    dots[::3, ::3] = 1.0
    assert float(along(dots, 0)[5:-5].max()) == 0


@pytest.mark.parametrize("direction", range(DIRECTIONS))
def test_the_direction_of_the_fall_is_found(direction: int) -> None:
    generator, fall = torch.Generator().manual_seed(5), Fall(torch.device("cpu"))
    angle = np.pi * direction / DIRECTIONS
    rows, columns = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    across = rows * -np.sin(angle) + columns * np.cos(angle)  # the same all along a streak
    for step in range(3 * DIRECTIONS):
        phase = 20 * float(torch.rand(1, generator=generator))
        streaks = ((across + phase) % 11 < 2.0) * 0.2
        fall.look(step, streaks + 0.02 * torch.randn(60, 80, generator=generator))
    assert fall.direction == direction


def test_a_veil_is_taken_out_exactly() -> None:
    scene = torch.rand(8, 9, 3, generator=torch.Generator().manual_seed(6)) * 0.9
    opacity = torch.linspace(0, 0.8, 9).expand(8, 9)
    photo = scene * (1 - opacity[..., None]) + opacity[..., None]
    differs = (photo - scene).mean(dim=2)
    everywhere = torch.ones(8, 9, dtype=torch.bool)
    torch.testing.assert_close(without(photo, scene, differs, everywhere), scene)
    torch.testing.assert_close(without(photo, scene, differs, ~everywhere), photo)
    darker = scene - 0.05
    torch.testing.assert_close(without(darker, scene, (darker - scene).mean(dim=2), everywhere), darker)


def test_taking_out_by_chance_leaves_the_median_of_clean_pixels() -> None:
    """Clean pixels about 0, a third brightened: what remains is as often too dark as too bright, at every visit."""
    generator, rule = torch.Generator().manual_seed(7), BrighterRule(torch.device("cpu"))
    above = below = 0
    for step in range(200):
        rain = torch.rand(SIZE, generator=generator) < 1 / 3
        differs = noise(generator, 0.02) + rain * (0.1 + 0.1 * torch.rand(SIZE, generator=generator))
        weather = 1 - rule.shares_of(differs, torch.zeros(SIZE))
        left = torch.where(weather > chance(step), 0.0, differs)
        if step >= 50:
            above, below = above + int((left > 0.02).sum()), below + int((left < -0.02).sum())
    assert abs(above / below - 1) < 0.15


def test_chance_is_spread_evenly() -> None:
    for first in (0, 977):
        counts = np.histogram([chance(step) for step in range(first, first + 100)], 10, (0, 1))[0]
        assert counts.min() >= 8 and counts.max() <= 12


def test_contrast_is_what_it_says() -> None:
    scene = torch.zeros(9, 9, 3)
    scene[:, 5:] = 0.4
    assert float(contrast(scene)[4, 4]) == pytest.approx(0.4) and float(contrast(scene)[4, 1]) == 0


def test_the_ramp() -> None:
    assert [ramp(step, 100, 0.1, 0.3) for step in (0, 10, 20, 30, 99)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert ramp(5, 100, 0.1, 0.1) == 0 and ramp(10, 100, 0.1, 0.1) == 1
