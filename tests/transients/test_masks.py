"""What is taken for a passer-by: gross, in most of a piece of like colour, and where the other photos agree."""

from __future__ import annotations

import math

import numpy as np
import torch

from splat.images import area_mean
from splat.train.losses import l1_ssim
from splat.transients.differences import BINS, MEMORY, Usual, differences, median_of
from splat.transients.hook import look_steps
from splat.transients.pieces import LONGEST, from_grid, grid_size, pieces_of, shares


def halves(height: int = 60, width: int = 80) -> torch.Tensor:
    """A picture that is dark on the left and light on the right."""
    picture = torch.full((height, width, 3), 0.2)
    picture[:, width // 2 :] = 0.8
    return picture


def test_pieces_follow_colours_and_have_no_gaps() -> None:
    pieces = pieces_of(halves(), 12)
    assert pieces.shape == (60, 80) and pieces.dtype == torch.int64
    assert torch.equal(torch.unique(pieces), torch.arange(int(pieces.max()) + 1))
    assert not set(pieces[:, :39].unique().tolist()) & set(pieces[:, 41:].unique().tolist())
    assert torch.equal(pieces, pieces_of(halves(), 12))


def test_large_photos_are_judged_on_a_grid() -> None:
    assert grid_size(3000, 4000) == (round(LONGEST * 0.75), LONGEST) and grid_size(60, 80) == (60, 80)
    photo = torch.rand(90, 2 * LONGEST, 3, generator=torch.Generator().manual_seed(0))
    small = area_mean(photo, (45, LONGEST))
    torch.testing.assert_close(small[3, 5], photo[6:8, 10:12].mean(dim=(0, 1)))
    mask = torch.zeros(45, LONGEST, dtype=torch.bool)
    mask[3, 5] = True
    large = from_grid(mask, 90, 2 * LONGEST)
    assert large[6:8, 10:12].all() and large.sum() == 4


def test_shares_are_of_the_pixels_that_count() -> None:
    pieces = torch.tensor([[0, 0, 1], [0, 0, 1]])
    flags = torch.tensor([[True, False, True], [True, False, False]])
    assert shares(flags, pieces).tolist() == [0.5, 0.5]
    counted = torch.tensor([[True, False, False], [True, True, False]])
    assert shares(flags, pieces, counted).tolist() == [np.float32(2 / 3), 0.0]


def test_detail_that_is_not_learned_differs_less_than_what_stands_before_it() -> None:
    """Stripes as wrong at each pixel as one brightness that is wrong everywhere, but in both directions."""
    scene, stripes = torch.full((30, 30, 3), 0.5), torch.full((30, 30, 3), 0.5)
    stripes[:, ::2], stripes[:, 1::2] = 0.7, 0.3
    assert differences(scene, stripes)[5:-5, 5:-5].max() < 0.07
    torch.testing.assert_close(differences(scene, scene + 0.2), torch.full((30, 30), 0.2))


def test_the_usual_difference_is_a_running_quantile() -> None:
    usual = Usual(torch.device("cpu"))
    assert usual.size() == 0.0
    usual.add(torch.linspace(0.1, 0.3, 2001))
    assert math.isclose(usual.size(), 0.25, abs_tol=2 / BINS)
    counted = torch.arange(2001) < 1000
    assert math.isclose(median_of(torch.linspace(0.1, 0.3, 2001), counted), 0.15, abs_tol=1e-3)
    assert median_of(torch.ones(4), torch.zeros(4, dtype=torch.bool)) == 0.0
    for _ in range(round(3 * math.log(0.5) / math.log(MEMORY))):  # after three half lives an eighth is of the first
        usual.add(torch.full((2001,), 0.5))
    assert math.isclose(usual.size(), 0.5, abs_tol=2 / BINS)


def test_looks_begin_when_photos_have_been_visited() -> None:
    looks = look_steps(60, 5000)
    assert len(looks) == 8 and min(looks) == 300 and max(looks) == 4500
    assert min(look_steps(600, 5000)) == 600
    assert look_steps(600, 500) == frozenset()


def test_what_is_masked_moves_nothing_on_either_side_of_ssim() -> None:
    """The gradient is zero there, and neither side's masked pixels reach the gradient elsewhere."""
    generator = torch.Generator().manual_seed(1)
    photo, mask = torch.rand(40, 40, 3, generator=generator), torch.ones(40, 40, dtype=torch.bool)
    mask[10:20, 10:25] = False
    gradients = []
    for disturb in (False, True):
        image = torch.rand(40, 40, 3, generator=torch.Generator().manual_seed(2))
        target = photo.clone()
        if disturb:
            image[~mask], target[~mask] = 0.9, 0.1
        image.requires_grad_()
        l1_ssim(image, target, 0.2, mask).backward()
        assert image.grad is not None and not image.grad[~mask].any() and image.grad[mask].any()
        gradients.append(image.grad)
    assert torch.equal(*gradients)
