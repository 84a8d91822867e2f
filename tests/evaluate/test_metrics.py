"""PSNR and SSIM against closed forms, scikit-image and a direct float64 sum; quantisation; masks."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from splat.evaluate.metrics import MAX_PSNR, hide_uncounted, psnr, quantise, ssim, ssim_map


def image_pair(height: int = 40, width: int = 53, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(height, width, 3, generator=generator)
    image = (target + noise * torch.randn(height, width, 3, generator=generator)).clamp(0, 1)
    return image, target


def waves() -> tuple[torch.Tensor, torch.Tensor]:
    """Two smooth images [40, 56, 3] that need no random numbers."""
    y, x, c = torch.meshgrid(*(torch.arange(n).double() for n in (40, 56, 3)), indexing="ij")
    target = 0.5 + 0.4 * torch.sin(0.31 * x + 0.17 * y + c)
    return (target + 0.1 * torch.cos(0.9 * x - 0.7 * y)).clamp(0, 1), target


@pytest.mark.parametrize(("error", "decibels"), [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0), (0.5, 6.020599913)])
def test_psnr_of_a_constant_error(error: float, decibels: float) -> None:
    image = torch.full((9, 7, 3), error, dtype=torch.float64)
    assert psnr(image, torch.zeros(9, 7, 3)) == pytest.approx(decibels, abs=1e-9)


def test_psnr_against_scikit_image() -> None:
    image, target = image_pair()
    expected = peak_signal_noise_ratio(target.double().numpy(), image.double().numpy(), data_range=1.0)
    assert psnr(image, target) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_identical_images_is_finite() -> None:
    image, _ = image_pair()
    assert psnr(image, image) == MAX_PSNR


def test_psnr_accumulates_in_double_precision() -> None:
    # a megapixel of tiny errors: a float32 sum would be off in the fourth digit
    image = torch.full((1000, 1000, 3), 0.5) + 1e-4
    expected = -10 * math.log10(float(image.double()[0, 0, 0] - 0.5) ** 2)
    assert psnr(image, torch.full((1000, 1000, 3), 0.5)) == pytest.approx(expected, abs=1e-6)


def test_psnr_counts_only_the_mask() -> None:
    image, target = torch.zeros(8, 8, 3), torch.zeros(8, 8, 3)
    image[:4] = 0.1
    image[4:] = 0.9
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:4] = True
    assert psnr(image, target, mask) == pytest.approx(20.0, abs=1e-6)
    assert math.isnan(psnr(image, target, torch.zeros(8, 8, dtype=torch.bool)))


def test_ssim_against_scikit_image() -> None:
    image, target = image_pair()
    expected = structural_similarity(
        image.double().numpy(),
        target.double().numpy(),
        data_range=1.0,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(image, target, border="valid") == pytest.approx(expected, abs=1e-12)


def test_ssim_with_mirrored_border_is_the_inside_of_a_mirrored_image() -> None:
    image, target = image_pair(20, 24)
    larger = [
        torch.nn.functional.pad(x.permute(2, 0, 1), (5, 5, 5, 5), mode="reflect").permute(1, 2, 0)
        for x in (image, target)
    ]
    assert torch.allclose(ssim_map(image, target, "reflect"), ssim_map(*larger, "valid"), atol=1e-12)


def test_ssim_against_torchmetrics() -> None:
    """What torchmetrics 1.9.0, StructuralSimilarityIndexMeasure(data_range=1.0), gives (its mean is float32)."""
    assert ssim(*waves()) == pytest.approx(0.84941489, abs=1e-7)


def test_ssim_with_zero_padding_at_a_corner_by_direct_sum() -> None:
    image, target = (x.double().numpy() for x in image_pair(16, 16))
    values = ssim_map(torch.from_numpy(image), torch.from_numpy(target), "zeros")
    assert values.shape == (16, 16, 3)
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / 4.5)
    window = (window / window.sum())[5:, 5:]  # what lies inside the image for a window centred on pixel (0, 0)
    x, y = image[:6, :6, 1], target[:6, :6, 1]
    mx, my, mxx, myy, mxy = ((window * v).sum() for v in (x, y, x * x, y * y, x * y))
    expected = (2 * mx * my + 1e-4) * (2 * (mxy - mx * my) + 9e-4)
    expected /= (mx**2 + my**2 + 1e-4) * (mxx - mx**2 + myy - my**2 + 9e-4)
    assert float(values[0, 0, 1]) == pytest.approx(expected, abs=1e-12)
    # inside, padding changes nothing
    assert torch.allclose(
        values[5:-5, 5:-5], ssim_map(torch.from_numpy(image), torch.from_numpy(target), "valid"), atol=1e-12
    )


def test_ssim_of_constant_images_is_the_luminance_term() -> None:
    a, b = 0.3, 0.6
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    value = ssim(torch.full((20, 20, 3), a, dtype=torch.float64), torch.full((20, 20, 3), b, dtype=torch.float64))
    assert value == pytest.approx(expected, abs=1e-9)


def test_what_is_masked_changes_nothing() -> None:
    image, target = image_pair()
    mask = torch.ones(40, 53, dtype=torch.bool)
    mask[10:20, 15:30] = False
    spoiled = image.clone()
    spoiled[~mask] = torch.rand(int((~mask).sum()), 3)
    assert not torch.equal(spoiled, image)
    for border in ("reflect", "zeros", "valid"):
        scores = [ssim(hide_uncounted(x, target, mask), target, mask, border) for x in (image, spoiled)]
        assert scores[0] == scores[1]
    assert psnr(image, target, mask) == psnr(spoiled, target, mask)


@pytest.mark.parametrize("border", ["reflect", "zeros", "valid"])
def test_a_mask_counts_windows_by_their_centre(border: str) -> None:
    image, target = torch.rand(2, 30, 40, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(30, 40, dtype=torch.bool)
    mask[8, 27] = True
    windows = ssim_map(image, target, border)  # type: ignore[arg-type]
    row, column = (3, 22) if border == "valid" else (8, 27)  # the first whole window has its centre at 5
    assert ssim(image, target, mask, border) == pytest.approx(float(windows[row, column].mean()))  # type: ignore[arg-type]


def test_too_small_for_a_window() -> None:
    small = torch.zeros(5, 30, 3)
    assert math.isnan(ssim(small, small))
    assert math.isnan(ssim(torch.zeros(10, 30, 3), torch.zeros(10, 30, 3), border="valid"))
    assert ssim(small, small, border="zeros") == 1.0


def test_quantise_is_a_png_round_trip() -> None:
    import cv2

    image = torch.rand(31, 17, 3, generator=torch.Generator().manual_seed(3)) * 1.4 - 0.2
    levels = (image.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
    decoded = cv2.imdecode(cv2.imencode(".png", levels)[1], cv2.IMREAD_UNCHANGED)
    assert np.array_equal((quantise(image) * 255).round().numpy(), decoded.astype(np.float32))
