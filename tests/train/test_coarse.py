"""Half-size views: what their pixels mean, and that a training which begins with them ends at the full size."""

import torch

from splat.train.coarse import halved
from splat.train.views import View


def view(width: int, height: int, alpha: torch.Tensor | None = None, mask: torch.Tensor | None = None) -> View:
    K = torch.tensor([[[100.0, 0, width / 2 + 3], [0, 110.0, height / 2 - 2], [0, 0, 1]]])
    target = torch.arange(height * width * 3, dtype=torch.int64).reshape(height, width, 3) % 251
    return View(torch.eye(4)[None], K, width, height, target.to(torch.uint8), alpha, mask)


def test_a_pixel_is_the_mean_of_the_four_that_it_covers() -> None:
    full = view(8, 6)
    half = halved(full)
    assert (half.width, half.height, tuple(half.target.shape)) == (4, 3, (3, 4, 3))
    expected = full.target.double().reshape(3, 2, 4, 2, 3).mean(dim=(1, 3)).round()
    assert torch.equal(half.target.double(), expected)


def test_a_point_stays_at_the_same_place_of_the_picture() -> None:
    full = view(9, 7)  # odd: the sides shrink by different factors
    half = halved(full)
    point = torch.tensor([0.3, -0.2, 2.0])
    before, after = full.K[0] @ point / 2.0, half.K[0] @ point / 2.0
    assert torch.allclose(after[0] / half.width, before[0] / full.width)
    assert torch.allclose(after[1] / half.height, before[1] / full.height)


def test_hidden_colours_do_not_bleed_and_a_mask_only_shrinks() -> None:
    alpha = torch.full((2, 4, 1), 255, dtype=torch.uint8)
    alpha[0, 0] = 0
    mask = torch.ones(2, 4, dtype=torch.bool)
    mask[1, 2] = False
    full = view(4, 2, alpha, mask)
    half = halved(full)
    assert half.alpha is not None and half.alpha.flatten().tolist() == [191, 255]
    shown = full.target[:, :2].reshape(4, 3)[1:].double().mean(dim=0).round()
    assert torch.equal(half.target[0, 0].double(), shown)
    assert half.mask is not None and half.mask.tolist() == [[True, False]]
