"""Tints that a photo alone can tell cost plain PSNR and not the corrected one; halves are fitted and scored apart."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from splat.capture.over import photo_over
from splat.capture.types import Capture
from splat.evaluate.colors import corrected_affine, fitted_on_the_left
from splat.evaluate.evaluate import EvaluationResult, score_views
from splat.evaluate.lpips_metric import LpipsChoice
from splat.evaluate.protocols import PROTOCOLS

MakeCapture = Callable[..., Capture]


def picture(height: int = 24, width: int = 30, seed: int = 0) -> Tensor:
    """[H, W, 3] float64 in 0.2..0.8."""
    return 0.2 + 0.6 * torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def score(capture: Capture, image: Tensor, protocol: str = "gsplat") -> EvaluationResult:
    return score_views(
        lambda camera: image, capture, [0], split="test", protocol=PROTOCOLS[protocol], background=torch.zeros(3),
        choice=LpipsChoice(None, "not here"), no_flip="not asked for",
    )  # fmt: skip


def test_a_tint_of_each_channel_is_undone() -> None:
    target = picture()
    tint, shift = torch.tensor([0.7, 1.1, 0.9]).double(), torch.tensor([0.05, -0.02, 0.0]).double()
    assert torch.allclose(corrected_affine(target * tint + shift, target), target, atol=1e-9)


def test_the_regression_runs_from_photo_to_render() -> None:
    """With noise in the render the slope from photo to render stays; the other way it would shrink."""
    target = picture(200, 200)
    noise = 0.1 * torch.randn(target.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    render = 0.8 * target + noise
    slope, shift = np.polyfit(target[..., 0].flatten(), render[..., 0].flatten(), 1)
    expected = ((render[..., 0] - shift) / slope).clamp(0, 1)
    assert torch.allclose(corrected_affine(render, target)[..., 0], expected, atol=1e-6)


def test_a_photo_of_one_colour_and_one_without_pixels() -> None:
    flat = torch.full((4, 4, 3), 0.5, dtype=torch.float64)
    assert corrected_affine(flat + 0.1, flat).isfinite().all()
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    assert torch.equal(corrected_affine(flat + 1, flat, nothing), torch.ones(4, 4, 3, dtype=torch.float64))


def test_scores_with_and_without_correction(memory_capture: MakeCapture) -> None:
    capture = memory_capture([(255 * picture().numpy()).astype(np.uint8)])
    seen = photo_over(capture, 0, torch.zeros(3))[0]
    result = score(capture, seen * 0.8 + 0.02)
    assert result.psnr is not None and result.cc_psnr is not None
    assert result.psnr < 22 and result.cc_psnr > 80
    assert result.views[0].cc_psnr == result.cc_psnr


def test_masked_pixels_do_not_choose_the_correction(memory_capture: MakeCapture) -> None:
    mask = np.ones((24, 30), bool)
    mask[:, :10] = False
    capture = memory_capture([(255 * picture().numpy()).astype(np.uint8)], masks=[mask])
    image = photo_over(capture, 0, torch.zeros(3))[0] * 0.8
    image[:, :10] = 1 - image[:, :10]
    assert (score(capture, image).cc_psnr or 0) > 80


def test_halves_take_colours_from_the_left_and_score_the_right(memory_capture: MakeCapture) -> None:
    capture = memory_capture([(255 * picture().numpy()).astype(np.uint8)])
    seen = photo_over(capture, 0, torch.zeros(3))[0]
    mixed = seen @ torch.tensor([[0.8, 0.1, 0.0], [0.0, 0.7, 0.1], [0.05, 0.0, 0.9]]) + 0.02
    assert (score(capture, mixed, "half").psnr or 0) > 55
    wrong = mixed.clone()
    wrong[:, 15:] += 0.1  # after the fit nothing of the right half is forgiven
    fitted = fitted_on_the_left(wrong, seen)
    assert float((fitted - seen)[:, :15].abs().max()) < 2e-3
    expected = -10 * float((fitted - seen)[:, 15:].double().square().mean().log10())
    assert score(capture, wrong, "half").psnr == pytest.approx(expected, abs=1e-4)
    assert score(capture, wrong, "half").protocol["halves"] is True
    hurt = mixed.clone()
    hurt[:, :15] = 0.5  # the left half is not scored, but nothing can be learnt from it
    assert (score(capture, hurt, "half").psnr or 0) < 30
