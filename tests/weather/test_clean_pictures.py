"""Weather out of single photos, where the answer is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.weather.clean import cues, haze
from splat.weather.clean.classical import (
    Flakes,
    Streaks,
    _bright_lines,
    learn_flakes,
    learn_streaks,
    remove_flakes,
    remove_streaks,
)
from splat.weather.clean.config import LearnedRestorer
from splat.weather.clean.learned import feather, load_learned, starts
from tools.weather_effects import add_rain, add_snow


def blotches(seed: int = 0, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """[H, W, 3] float32: soft blotches of several sizes, bright and dark alike."""
    import cv2

    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((n, n, 3), np.float32), size[::-1], interpolation=cv2.INTER_CUBIC) for n in (8, 24, 60)
    ]
    return np.clip(0.15 + 0.5 * sum(layers) / 3, 0, 1).astype(np.float32)


def to_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2) / 255**2
    return float(-10 * np.log10(max(error, 1e-10)))


def test_a_streak_is_found_along_its_direction_and_nowhere_across() -> None:
    import cv2

    plane = np.full((80, 80), 0.3, np.float32)
    cv2.line(plane, (35, 54), (45, 27), 0.8, 3)  # 20 degrees from vertical, leaning to the right upwards
    along, across, dark = (
        _bright_lines(one, degrees, 0.0875)[1] for one, degrees in ((plane, 20.0), (plane, 110.0), (1 - plane, 20.0))
    )  # 7 pixels wide
    assert along.max() == pytest.approx(0.5, abs=1e-6) and (along > 0.4).sum() >= 25
    assert across.max() == 0 and dark.max() == 0


def test_rain_is_taken_out_and_a_clean_photo_stays() -> None:
    clean = [blotches(seed) for seed in range(3)]
    rainy = [add_rain(image, None, 2, np.random.default_rng(i), angle=-0.1) for i, image in enumerate(clean)]
    degrees, common = cues.fall(np.concatenate([cues.directions(image) for image in rainy], axis=1))
    assert degrees == pytest.approx(np.degrees(0.1) * -1, abs=4) or degrees == pytest.approx(np.degrees(0.1), abs=4)
    assert common > 3
    model = learn_streaks([to_bytes(image) for image in rainy], degrees)
    before = [psnr(to_bytes(a), to_bytes(b)) for a, b in zip(rainy, clean)]
    after = [psnr(remove_streaks(to_bytes(a), model), to_bytes(b)) for a, b in zip(rainy, clean)]
    assert np.mean(after) > np.mean(before) + 1.0
    unharmed = learn_streaks([to_bytes(image) for image in clean], degrees)
    assert all(psnr(remove_streaks(to_bytes(image), unharmed), to_bytes(image)) > 38 for image in clean)


def test_only_pixels_on_streaks_change() -> None:
    image = np.full((120, 160, 3), 90, np.uint8)
    image[30:90, 70:72] = 170
    model = Streaks(0.0, 0.03, (1.0,) * 9)
    restored = remove_streaks(image, model)
    assert np.abs(restored[:, 70:72].astype(int) - 90).max() <= 1
    elsewhere = np.ones(image.shape[:2], bool)
    elsewhere[26:94, 67:75] = False
    assert (restored[elsewhere] == image[elsewhere]).all()


def test_snow_is_taken_out() -> None:
    clean = [blotches(seed) for seed in range(3)]
    snowy = [add_snow(image, None, 2, np.random.default_rng(i)) for i, image in enumerate(clean)]
    model = learn_flakes([to_bytes(image) for image in snowy])
    before = [psnr(to_bytes(a), to_bytes(b)) for a, b in zip(snowy, clean)]
    after = [psnr(remove_flakes(to_bytes(a), model), to_bytes(b)) for a, b in zip(snowy, clean)]
    assert np.mean(after) > np.mean(before) + 1.0
    snow = to_bytes(snowy[0])
    assert (remove_flakes(snow, Flakes(0.02, (0.0,) * 9)) == snow).all()


def test_haze_is_inverted_where_the_dark_channel_holds() -> None:
    """A scene with dark details everywhere, a known airlight and a uniform transmittance."""
    import cv2

    rng = np.random.default_rng(1)
    spots = cv2.resize(rng.random((60, 80), np.float32), (320, 240), interpolation=cv2.INTER_NEAREST)
    clear = np.stack([np.where(spots < 0.4, 0.0, spots)] * 3, axis=-1).astype(np.float32) * (0.9, 0.7, 0.5)
    light, through = (0.85, 0.86, 0.88), 0.5
    hazy = clear * through + np.array(light) * (1 - through)
    found = haze.dehazed(to_bytes(hazy), light, 0.0).astype(np.float32) / 255
    assert np.abs(found - clear).mean() < 0.02
    assert np.abs(hazy - clear).mean() > 0.2
    assert haze.airlight(np.full((50, 60, 3), light, np.float32)) == pytest.approx(light)


def test_pieces_cover_and_blend() -> None:
    assert starts(100, 128, 16) == [0]
    places = starts(1000, 128, 16)
    assert places[0] == 0 and places[-1] == 1000 - 128
    assert all(b - a <= 112 for a, b in itertools.pairwise(places))
    weight = feather(40, 60, 8)[..., 0]
    assert weight.max() == 1 and weight.min() > 0 and weight[0, 0] < weight[20, 30]


class Halve(torch.nn.Module):
    """A real network: one convolution that halves the brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 3, padding=1, bias=False)
        with torch.no_grad():
            self.layer.weight.zero_()
            self.layer.weight[torch.arange(3), torch.arange(3), 1, 1] = 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def test_a_torchscript_file_restores_in_pieces(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Halve()), str(tmp_path / "halve.pt"))
    learned = load_learned(LearnedRestorer(str(tmp_path / "halve.pt"), tile=48, overlap=8, device="cpu"))
    image = to_bytes(blotches(3, (90, 131)))
    assert np.abs(learned.restore(image).astype(int) - np.rint(image / 2).astype(int)).max() <= 1


def test_a_model_of_transformers_restores(tmp_path: Path) -> None:
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    config = Swin2SRConfig(
        image_size=16, patch_size=1, embed_dim=12, depths=[1], num_heads=[2], window_size=4, upscale=1, upsampler="",
        img_range=1.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Swin2SRForImageSuperResolution(config).eval()
    model.save_pretrained(tmp_path / "tiny")
    learned = load_learned(LearnedRestorer(str(tmp_path / "tiny"), tile=64, device="cpu"))
    image = to_bytes(blotches(5, (32, 48)))
    batch = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = model(pixel_values=batch).reconstruction[0].permute(1, 2, 0).clamp(0, 1).numpy()
    assert np.abs(learned.restore(image) - 255 * expected).max() <= 1.01


@pytest.mark.parametrize("content", [None, b"no network"])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "model.pt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SplatError, match=r"does not exist|no TorchScript"):
        load_learned(LearnedRestorer(str(file), device="cpu"))
    with pytest.raises(SplatError, match=r"restorer\.model="):
        load_learned(LearnedRestorer("", device="cpu"))
