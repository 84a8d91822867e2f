"""The tool that trains the network of `splat clean`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from splat.errors import SplatError
from splat.weather.network import WeatherNet, load_own
from tools.restorer import pictures, report
from tools.restorer.__main__ import write
from tools.restorer.training import TrainingOptions, learning_rate, train


@pytest.fixture(scope="module")
def some() -> pictures.Pictures:
    rng = np.random.default_rng(0)
    images = [pictures.leaves(rng, side=140, count=200) for _ in range(6)]
    return pictures.Pictures(images, np.full(6, 1 / 6), pictures.covers(6, rng))


def test_pieces_differ_by_weather_only(some: pictures.Pictures) -> None:
    wet, dry = some.batch(np.random.default_rng(1), 24, 64)
    assert wet.shape == dry.shape == (24, 3, 64, 64) and wet.min() >= 0 and wet.max() <= 1
    same = np.array([np.abs(a - b).max() <= 0.51 / 255 for a, b in zip(wet, dry)])
    assert 0 < same.sum() < 24  # dry ones are among them
    assert (wet - dry)[~same].mean() > 0.005  # weather is brighter than most of what is behind it
    assert np.allclose(wet[~same] * 255, np.rint(wet[~same] * 255), atol=1e-3)


def test_training_takes_weather_out(some: pictures.Pictures, tmp_path: Path) -> None:
    wet, dry = some.batch(np.random.default_rng(2), 16, 64)
    network = WeatherNet(widths=(8, 12), blocks=1)
    options = TrainingOptions(steps=400, cycles=1, batch=8, side=64, warm_up=10, lr=5e-3, bfloat16=False, threads=1)
    train(network, some, options)
    write(network, tmp_path)
    loaded, size = load_own(tmp_path)
    import torch

    with torch.no_grad():
        answer = loaded(torch.from_numpy(wet)).numpy()
    assert size == 480
    assert np.mean((answer - dry) ** 2) < 0.8 * np.mean((wet - dry) ** 2)


def test_the_rate_rises_and_falls() -> None:
    options = TrainingOptions(steps=1000, cycles=2, warm_up=100, lr=1.0)
    rates = [learning_rate(step, options) for step in range(2000)]
    assert rates[0] < 0.02 and 90 < int(np.argmax(rates)) < 110 and rates[999] < 1e-4
    np.testing.assert_allclose(np.array(rates[1000:]) - 1e-6, 0.75 * (np.array(rates[:1000]) - 1e-6), rtol=1e-9)


def test_training_goes_on_where_it_stopped(some: pictures.Pictures, tmp_path: Path) -> None:
    """Stopped after any step, and taken up by another process: the same weights as in one go."""
    import torch

    options = TrainingOptions(steps=6, cycles=2, batch=2, side=64, warm_up=4, threads=1, checkpoint_seconds=0.0)

    class StoppedError(Exception):
        pass

    class Stopping(pictures.Pictures):
        left = 7

        def batch(self, rng: np.random.Generator, count: int, side: int) -> tuple[NDArray, NDArray]:
            self.left -= 1
            if self.left < 0:
                raise StoppedError
            return super().batch(rng, count, side)

    def fresh(seed: int) -> WeatherNet:
        torch.manual_seed(seed)
        return WeatherNet(widths=(8, 12), blocks=1)

    whole, begun, resumed = fresh(0), fresh(0), fresh(3)
    train(whole, some, options)
    with pytest.raises(StoppedError):
        train(begun, Stopping(some.images, some.chances, some.covers), options, tmp_path / "checkpoint.pt")
    train(resumed, some, options, tmp_path / "checkpoint.pt")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters()))
    with pytest.raises(SplatError, match="other settings or pictures"):
        train(fresh(0), some, replace(options, seed=1), tmp_path / "checkpoint.pt")


def test_scores_of_a_network_that_changes_nothing() -> None:
    """An untrained network leaves photos as they are: what it is shown wet stays as wet, dry ones stay dry."""
    rng = np.random.default_rng(0)
    images = [pictures.leaves(rng, side=96, count=60) for _ in range(2)]
    found = report.on_photos(WeatherNet(widths=(8, 12), blocks=1), images, 480)
    assert found["dry_kept"] == 60.0 and found["photos"] == 2
    assert found["rain_before"] == found["rain_after"] < 30 and found["snow_before"] == found["snow_after"] < 30
