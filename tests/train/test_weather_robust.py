"""Which pixels count as weather: known mixtures of clean and brightened pixels, and none in clean ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splat.train.weather.robust import BrighterRule, TrimRule, box, contrast, difference, ramp

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
        assert float((clean < 0.5).float().mean()) < 0.005


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


def test_trim_keeps_the_share_that_it_is_told() -> None:
    generator, rule = torch.Generator().manual_seed(4), TrimRule(0.8, torch.device("cpu"))
    scene = torch.full((*SIZE, 3), 0.5)
    for _ in range(30):
        kept = rule.clean(scene + noise(generator)[..., None].clamp(-0.5, 0.5), scene)
    assert abs(float(kept.mean()) - 0.8) < 0.02


def test_difference_and_contrast_are_what_they_say() -> None:
    photo, scene = torch.zeros(9, 9, 3), torch.zeros(9, 9, 3)
    photo[4, 4] = 0.9
    np.testing.assert_allclose(difference(photo, scene)[3:6, 3:6], 0.1, rtol=1e-5)
    assert float(difference(photo, scene)[2].abs().max()) == 0
    scene[:, 5:] = 0.4
    assert float(contrast(scene)[4, 4]) == pytest.approx(0.4) and float(contrast(scene)[4, 1]) == 0


def test_the_ramp() -> None:
    assert [ramp(step, 100, 0.1, 0.3) for step in (0, 10, 20, 30, 99)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert ramp(5, 100, 0.1, 0.1) == 0 and ramp(10, 100, 0.1, 0.1) == 1
