"""Our own network: what it is before training, what the trained one takes out, and what it leaves alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.capture.photo import read_photo
from splat.errors import SplatError
from splat.weather.clean.config import LearnedRestorer
from splat.weather.clean.learned import Learned, load_learned
from splat.weather.network import WeatherNet, load_own
from tools.weather_effects import add_rain, add_snow

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo" / "images"
ADDED = {"rain": add_rain, "snow": add_snow}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((a.astype(np.float64) - b) ** 2) / 255**2))


@pytest.fixture(scope="module")
def own() -> Learned:
    return load_learned(LearnedRestorer(device="cpu"))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(read_photo(sorted(DEMO.iterdir())[10])[..., :3])


def wet(photo: np.ndarray, kind: str, severity: int) -> np.ndarray:
    image = ADDED[kind](photo.astype(np.float32) / 255, None, severity, np.random.default_rng(severity))
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def test_before_training_it_changes_nothing() -> None:
    network = WeatherNet(widths=(4, 6, 8), blocks=1)
    images = torch.rand(2, 3, 48, 24)
    assert network.multiple == 8
    assert torch.equal(network(images), images)


def test_it_sees_as_far_as_its_convolutions_reach_and_no_farther() -> None:
    torch.manual_seed(0)
    network = WeatherNet(widths=(4, 6), blocks=1)
    torch.nn.init.normal_(network.last.weight)
    images = torch.rand(1, 3, 96, 96)
    other = images.clone()
    other[..., 0, 0] = 0
    change = (network(images) - network(other)).abs().sum(1)[0] > 0
    assert change[:2, :2].all() and not change[48:].any() and not change[:, 48:].any()


@pytest.mark.parametrize("kind", ["rain", "snow"])
@pytest.mark.parametrize("severity", [1, 2, 3])
def test_weather_on_a_photo_that_it_never_saw_goes(own: Learned, photo: np.ndarray, kind: str, severity: int) -> None:
    seen = wet(photo, kind, severity)
    assert psnr(own.restore(seen), photo) > psnr(seen, photo) + 2.5


def test_a_dry_photo_stays(own: Learned, photo: np.ndarray) -> None:
    assert psnr(own.restore(photo), photo) > 36


def test_large_photos_keep_their_detail(own: Learned, photo: np.ndarray) -> None:
    large = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(-20, 21, large.shape)
    large = np.clip(large + grain, 0, 255).astype(np.uint8)
    assert psnr(own.restore(large), large) > 33  # seen at half the size, where the grain is nearly gone
    assert own.restore(large).shape == large.shape


def test_odd_sizes_are_whole(own: Learned, photo: np.ndarray) -> None:
    part = np.ascontiguousarray(photo[:101, :75])
    assert own.restore(part).shape == part.shape


def test_weights_that_are_not_there_say_so(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match=r"tools\.restorer"):
        load_own(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    (tmp_path / "config.json").write_text('{"widths": [4, 6], "blocks": 1, "size": 480}')
    with pytest.raises(SplatError, match="cannot read"):
        load_own(tmp_path)
