"""FLIP against a closed form: in pictures of one colour nothing is filtered away and there are no edges."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from skimage.color import rgb2xyz

from splat.evaluate.flip_metric import PPD, flip, flip_map, why_no_flip


def hunt_lab(color: tuple[float, float, float]) -> np.ndarray:
    """CIELAB against the white of sRGB, a and b scaled by luminance as the paper does (Hunt effect)."""
    xyz = rgb2xyz(np.array([[color]], np.float64))[0, 0] / rgb2xyz(np.ones((1, 1, 3)))[0, 0]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness = 116 * f[1] - 16
    return np.array([lightness, *(0.01 * lightness * np.array([500 * (f[0] - f[1]), 200 * (f[1] - f[2])]))])


def hyab(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    """HyAB to the power 0.7: city block in lightness, Euclidean in chroma."""
    difference = np.abs(hunt_lab(a) - hunt_lab(b))
    return (difference[0] + np.hypot(difference[1], difference[2])) ** 0.7


def expected(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    """Andersson et al. 2020, section 4.1: 0.4 of the largest difference there is becomes 0.95, the rest is squeezed."""
    largest = hyab((0, 1, 0), (0, 0, 1))
    found, knee = hyab(a, b), 0.4 * largest
    return 0.95 * found / knee if found < knee else 0.95 + 0.05 * (found - knee) / (largest - knee)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((0, 1, 0), (0, 0, 1)),
        ((0, 0, 0), (1, 1, 1)),
        ((0.5, 0.5, 0.5), (0.6, 0.6, 0.6)),
        ((0.8, 0.2, 0.1), (0.7, 0.3, 0.1)),
    ],
)
def test_pictures_of_one_color_have_the_papers_value(a: tuple, b: tuple) -> None:
    first, second = (torch.tensor(color, dtype=torch.float32).expand(12, 17, 3) for color in (a, b))
    assert flip(first, second) == pytest.approx(expected(a, b), abs=2e-3)
    assert flip(second, first) == pytest.approx(expected(a, b), abs=2e-3)


def test_what_is_the_same_is_zero_and_the_largest_is_one() -> None:
    image = torch.rand(20, 30, 3, generator=torch.Generator().manual_seed(0))
    assert flip(image, image) == 0
    green, blue = torch.zeros(8, 9, 3), torch.zeros(8, 9, 3)
    green[..., 1], blue[..., 2] = 1, 1
    assert flip(green, blue) == pytest.approx(1, abs=1e-6)


def test_the_map_lies_where_the_error_is_and_the_mask_cuts_it() -> None:
    target = torch.full((60, 80, 3), 0.5)
    image = target.clone()
    image[10:20, 30:50] = 0.9
    errors = flip_map(image, target)
    assert errors.shape == (60, 80) and float(errors[15, 40]) > 0.3 and float(errors[55, 5]) == 0
    mask = torch.zeros(60, 80, dtype=torch.bool)
    mask[12:18, 33:47] = True
    assert flip(image, target, mask) == pytest.approx(float(errors[12:18, 33:47].double().mean()))
    assert np.isnan(flip(image, target, torch.zeros_like(mask)))


def test_the_observer_is_the_packages_default() -> None:
    import flip_evaluator

    image = torch.rand(40, 40, 3, generator=torch.Generator().manual_seed(0))
    target = torch.rand(40, 40, 3, generator=torch.Generator().manual_seed(1))
    _, mean, settings = flip_evaluator.evaluate(target.numpy(), image.numpy(), "LDR")
    assert settings["ppd"] == pytest.approx(PPD, rel=1e-6)
    assert flip(image, target) == pytest.approx(mean, rel=1e-5)


def test_without_the_package_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_no_flip(True) is None and "flip=false" in (why_no_flip(False) or "")
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)  # what Python does for a module that cannot be imported
    assert "flip-evaluator" in (why_no_flip(True) or "")
