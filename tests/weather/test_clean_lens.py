"""Drops on the lens are masked; a clean scene that moves through the picture never is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from splat.capture.photo import read_photo
from splat.images import shrunk
from splat.weather.clean.lens import find_spots, presence
from splat.weather.clean.morphology import disk, luma
from splat.weather.clean.static_marks import Sums
from tools.weather_effects import add_drops

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo" / "images"
GROWN = 2  # pixels at this size, as lens.grow does


def photos(folder: Path, count: int, side: int = 480) -> list[np.ndarray]:
    files = sorted(folder.iterdir())
    chosen = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int))
    return [shrunk(read_photo(files[i])[..., :3], side).astype(np.float32) / 255 for i in chosen]


def spots_of(images: list[np.ndarray]) -> tuple[np.ndarray, bool, Sums]:
    sums = Sums()
    for image in images:
        sums.add(luma(image))
    spots, still = find_spots(sums)
    return spots, still, sums


def iou(spots: np.ndarray, truth: np.ndarray) -> float:
    import cv2

    found = cv2.dilate((spots > 0).astype(np.uint8), disk(2 * GROWN + 1)) > 0
    return float((found & truth).sum() / (found | truth).sum())


def test_a_clean_moving_scene_is_never_marked() -> None:
    for count, side in ((8, 480), (24, 480), (72, 240)):
        spots, still, _ = spots_of(photos(DEMO, count, side))
        assert (spots > 0).mean() < 0.01 and not still


@pytest.mark.parametrize("severity", [1, 2])
def test_drops_are_found_where_they_are(severity: int) -> None:
    clean = photos(DEMO, 36)
    wet = [add_drops(image, None, severity, np.random.default_rng(0)) for image in clean]
    spots, _, _ = spots_of([image for image, _ in wet])
    assert iou(spots, wet[0][1]) >= 0.7


def test_drops_over_much_of_small_photos_are_no_scene_that_stands_still() -> None:
    wet = [add_drops(image, None, 3, np.random.default_rng(0)) for image in photos(DEMO, 72, 240)]
    spots, still, _ = spots_of([image for image, _ in wet])
    assert not still and iou(spots, wet[0][1]) >= 0.5


def test_a_lens_that_was_wiped_is_clean_from_then_on() -> None:
    clean = photos(DEMO, 24)
    wet = [add_drops(image, None, 1, np.random.default_rng(0))[0] for image in clean]
    spots, _, sums = spots_of(wet[:16] + clean[16:])
    here = presence(sums, spots)
    assert spots.max() >= 3
    assert here[:16].mean() > 0.85 and here[16:].mean() < 0.25


def test_real_photos(shared_data: Callable[[str], Path]) -> None:
    clean = photos(shared_data("fox") / "images", 50)
    spots, still, _ = spots_of(clean)
    assert (spots > 0).mean() < 0.01 and not still
    wet = [add_drops(image, None, 2, np.random.default_rng(0)) for image in clean]
    assert iou(spots_of([image for image, _ in wet])[0], wet[0][1]) >= 0.7


def test_a_scene_that_hardly_moves_is_not_judged(shared_data: Callable[[str], Path]) -> None:
    spots, still, _ = spots_of(photos(shared_data("desk") / "images", 29))
    assert still and not spots.any()
