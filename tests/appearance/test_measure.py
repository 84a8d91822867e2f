"""Planted exposures are found, constant ones are not, whatever hides points."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from splat.appearance.measure import between, certain, spread

NAN = math.nan


def seen_points(
    photos: int = 20, points: int = 400, noise: float = 0.1, hidden: float = 0.3, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Logarithms [F, P, 3] of colours: each point has one; noise, and a part of all looks that shows another point."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(points, 3, generator=generator, dtype=torch.float64) * 0.5 - 1
    colors = own + noise * torch.randn(photos, points, 3, generator=generator, dtype=torch.float64)
    other = torch.randint(0, points, (photos, points), generator=generator)
    covered = torch.rand(photos, points, generator=generator) < hidden
    colors = torch.where(covered[..., None], own[other], colors)
    colors[torch.rand(photos, points, generator=generator) < 0.3] = NAN  # outside of the picture
    return colors, torch.randint(0, 4, (photos, points), generator=generator)


def test_constant_exposure_is_found_constant() -> None:
    colors, quarters = seen_points()
    found = spread(colors, quarters)
    assert found.exposure < 0.02 and found.tint < 0.02 and found.kind(0.07) == "none"
    assert float(found.gains.abs().max()) < 0.03


def test_planted_exposures_are_found() -> None:
    colors, quarters = seen_points()
    stops = torch.linspace(-0.3, 0.3, 20).double()
    found = spread(colors + (stops * math.log(2))[:, None, None], quarters)
    assert torch.allclose(found.gains.double(), (stops * math.log(2))[:, None].expand(20, 3), atol=0.03)
    assert found.exposure == pytest.approx(float(stops.std()), rel=0.1)
    assert found.range == pytest.approx(2.2 * 0.54, rel=0.1)  # of light; from the 5th to the 95th percentile
    assert found.kind(0.07) == "exposure"


def test_planted_white_balance_is_found() -> None:
    colors, quarters = seen_points()
    tint = torch.linspace(-0.15, 0.15, 20).double()[:, None] * torch.tensor([1.0, 0.0, -1.0]).double()
    found = spread(colors + tint[:, None], quarters)
    assert torch.allclose(found.gains.double(), tint, atol=0.045)
    assert found.exposure < 0.03 and found.kind(0.07) == "affine"


def test_what_darkens_a_quarter_of_a_photo_is_no_exposure() -> None:
    """Shadows and reflections: another quarter in each photo, as strong as the exposures that are found above."""
    colors, quarters = seen_points()
    strength = torch.linspace(-0.6, 0.6, 20).double()
    where = torch.arange(20) % 4
    local = (quarters == where[:, None]) * strength[:, None]
    assert spread(colors + local[..., None], quarters).kind(0.07) == "none"


def test_photos_that_show_too_few_points_keep_their_colours() -> None:
    colors, quarters = seen_points()
    colors[3] += 0.5
    colors[3, 5:] = NAN
    assert float(spread(colors, quarters).gains[3].abs().max()) < 0.03


def test_photos_between_two_that_were_looked_at() -> None:
    found = between(torch.tensor([[0.0, 0.0, 0.0], [0.4, 0.2, 0.0]]), [0, 4], 6)
    assert torch.allclose(
        found - found[0], torch.tensor([0, 0.1, 0.2, 0.3, 0.4, 0.4])[:, None] * torch.tensor([1, 0.5, 0])
    )
    assert torch.allclose(found.mean(dim=0), torch.zeros(3), atol=1e-7)


def test_nothing_certain_of_one_photo() -> None:
    one = torch.ones(1, 3).double()
    values, size = certain(one, torch.zeros(4, 1, 3).double(), torch.full((1,), 4), torch.ones(1, dtype=torch.bool))
    assert float(values.abs().max()) == 0 and size == 0
