"""Drops on the lens."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.weather.training.lens import LensMap

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

SIZE = (90, 120)


def moving_views(count: int, seed: int = 0) -> list[np.ndarray]:
    """A textured plane that moves past the camera: soft patches of random colour."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    plane = gaussian_filter(rng.random((300, 400, 3)), (1.5, 1.5, 0))
    plane = (plane - plane.min()) / (plane.max() - plane.min())
    corners = rng.integers(0, [200, 270], (count, 2))
    return [plane[y : y + SIZE[0], x : x + SIZE[1]].astype(np.float32) for y, x in corners]


def lens_of(views: list[np.ndarray], severity: int, blur: float) -> tuple[LensMap, np.ndarray]:
    """The map after all views; the scene is a little less sharp than the photos, as in training."""
    from scipy.ndimage import gaussian_filter

    from tools.weather_effects import add_drops

    lens, truth = LensMap(*SIZE, torch.device("cpu")), np.zeros(SIZE, bool)
    for view in views:
        photo = view
        if severity:
            photo, truth = add_drops(view, None, severity, np.random.default_rng(5))
        scene = gaussian_filter(view, (blur, blur, 0))
        lens.add(torch.from_numpy(photo), torch.from_numpy(scene), 0.65, 2.5)
    return lens, truth


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_drops_are_found(severity: int) -> None:
    lens, truth = lens_of(moving_views(60), severity, 0.7)
    mask = lens.mask.numpy()
    assert (mask & truth).sum() / (mask | truth).sum() > 0.7


@pytest.mark.parametrize("blur", [0.3, 1.0, 2.5])
def test_nothing_is_found_on_a_clean_lens(blur: float) -> None:
    lens, _ = lens_of(moving_views(60), 0, blur)
    assert lens.mask.float().mean() < 0.01
