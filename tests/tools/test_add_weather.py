"""Weather that is added for measurements: what the formulas say, and which photos it touches."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from splat.capture import load_capture
from splat.errors import SplatError
from tests.train.blobs import write_blob_capture
from tools.add_weather import Added, weathered, write_weathered
from tools.weather_effects import AIRLIGHT, EXTINCTION, add_drops, add_fog, add_rain, add_snow

SIZE = (120, 160)
GREY = np.full((*SIZE, 3), 0.4, np.float32)
FALLING = {"rain": add_rain, "snow": add_snow}


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_fog_is_the_formula() -> None:
    depth = np.linspace(0, 10, GREY[..., 0].size, dtype=np.float32).reshape(SIZE)
    foggy = add_fog(GREY, depth, 2, seeded())
    airlight = np.asarray(AIRLIGHT) * seeded().uniform(0.92, 1.08)
    t = np.exp(-EXTINCTION[2] * depth.astype(np.float64))[..., None]
    np.testing.assert_allclose(foggy, 0.4 * t + airlight * (1 - t), atol=1e-6)
    assert np.abs(foggy[0, 0] - 0.4).max() < 1e-6


@pytest.mark.parametrize("kind", FALLING)
def test_particles_brighten_more_and_more_and_differ_between_photos(kind: str) -> None:
    covers = []
    for severity in (1, 2, 3):
        image = FALLING[kind](GREY, None, severity, seeded())
        assert image.shape == GREY.shape and image.dtype == np.float32
        assert image.min() >= 0.4 - 1e-6 and image.max() <= 1
        covers.append(float((image[..., 0] > 0.45).mean()))
        other = FALLING[kind](GREY, None, severity, seeded(1))
        assert np.abs(image - other).max() > 0.1
        np.testing.assert_array_equal(image, FALLING[kind](GREY, None, severity, seeded()))
    assert 0.01 < covers[0] < covers[1] < covers[2] < 0.8


@pytest.mark.parametrize("kind", FALLING)
def test_the_scene_hides_what_falls_behind_it(kind: str) -> None:
    near, far = np.full(SIZE, 0.2, np.float32), np.full(SIZE, 50.0, np.float32)
    np.testing.assert_array_equal(FALLING[kind](GREY, near, 2, seeded()), GREY)
    np.testing.assert_array_equal(FALLING[kind](GREY, far, 2, seeded()), FALLING[kind](GREY, None, 2, seeded()))


def test_streaks_run_along_the_wind() -> None:
    """Energy of the gradient across the streaks is a multiple of that along them."""
    rain = add_rain(GREY, None, 2, seeded(), angle=0.0)[..., 0]
    across, along = np.square(np.diff(rain, axis=1)).sum(), np.square(np.diff(rain, axis=0)).sum()
    assert across > 3 * along


def test_drops_are_the_same_in_every_photo_and_change_nothing_else() -> None:
    rng = seeded(7)
    texture = rng.random((*SIZE, 3)).astype(np.float32)
    image, mask = add_drops(texture, None, 2, seeded())
    _, same = add_drops(texture[::-1].copy(), None, 2, seeded())
    np.testing.assert_array_equal(mask, same)
    assert 0.03 < mask.mean() < 0.35
    assert np.abs(image - texture)[mask].mean() > 0.1
    assert np.abs(image - texture)[~mask].max() < 0.15 + 1e-6  # the unsharp rim of a drop
    assert np.square(np.diff(image, axis=1))[mask[:, 1:]].mean() < 0.3 * np.square(np.diff(texture, axis=1)).mean()


def test_photos_of_a_capture_share_the_wind_the_fog_and_the_drops() -> None:
    depth = np.full(SIZE, 4.0, np.float32)
    for kind, same in (("drops", True), ("fog", True), ("rain", False), ("snow", False)):
        first, second = (weathered(GREY, depth, Added(kind, 2), index)[0] for index in (0, 1))
        assert np.array_equal(first, second) == same


def test_only_training_photos_are_touched(tmp_path: Path) -> None:
    write_blob_capture(tmp_path / "clean")
    write_weathered(tmp_path / "clean", tmp_path / "out", Added("drops", 2), factor=1.0, test_every=4)
    clean = load_capture(tmp_path / "clean", test_every=4)
    out = load_capture(tmp_path / "out")
    assert [frame.split for frame in out.frames] == [frame.split for frame in clean.frames]
    for index, (before, after) in enumerate(zip(clean.frames, out.frames, strict=True)):
        np.testing.assert_allclose(after.camera.viewmat.numpy(), before.camera.viewmat.numpy(), atol=1e-9)
        np.testing.assert_allclose(after.camera.K.numpy(), before.camera.K.numpy())
        equal = np.array_equal(clean.images.image(index), out.images.image(index))
        assert equal == (before.split == "test")
        if before.split == "train":
            truth = cv2.imread(str(tmp_path / "out" / "weather_truth" / "images" / after.path.name))[..., ::-1]
            np.testing.assert_array_equal(truth, clean.images.image(index))
    assert out.points is not None and clean.points is not None
    np.testing.assert_allclose(out.points.xyz, clean.points.xyz, atol=1e-5)
    assert cv2.imread(str(tmp_path / "out" / "weather_truth" / "lens.png")) is not None
    assert json.loads((tmp_path / "out" / "weather_added.json").read_text())["test_photos"] == "clean"
    with pytest.raises(SplatError, match="already"):
        write_weathered(tmp_path / "clean", tmp_path / "out", Added("drops", 2), factor=1.0)
