"""Weather that the network sees: it is taken out as a veil, and what a surface shows in every view is given back."""

import numpy as np
import pytest
import torch

from splat.weather.network import WeatherNet
from splat.weather.training.rain_snow import LIGHT, RainSnowModel, resized, smaller
from tests.train.half_planes import SIZE, wall_access, wall_camera, wall_params, wall_pixels

CAMERAS = [wall_camera(x) for x in np.linspace(-0.3, 0.3, 12)]
FALSE, TRUE = 0.3, 0.4  # opacities
STRIP = 0.4  # of the wall is taken for weather by mistake, from this x on


def drying() -> RainSnowModel:
    return RainSnowModel(wall_access(CAMERAS), WeatherNet(widths=(4, 6), blocks=1), 48)


def seen(rng: np.random.Generator, share: float = 0.2) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Opacities that a network might find in each photo, and the true ones: blocks of 4 x 4 pixels."""
    found, true = [], []
    for camera in CAMERAS:
        flakes = np.kron(rng.random((SIZE // 4, SIZE // 4)) < share, np.ones((4, 4))) * TRUE
        mistaken = np.where(wall_pixels(camera)[..., 0] > STRIP, FALSE, 0.0)
        found.append(torch.from_numpy(np.maximum(flakes, mistaken)).float())
        true.append(torch.from_numpy(flakes).float())
    return found, true


def test_a_veil_is_taken_out() -> None:
    one = drying()
    generator = torch.Generator().manual_seed(0)
    scene, opacity = torch.rand(40, 48, 3, generator=generator), torch.rand(40, 48, generator=generator) * 0.8
    one.seen[0] = (opacity * 255).round().to(torch.uint8)
    veil = one.seen[0][..., None].float() / 255
    assert torch.allclose(one.dried(0, scene * (1 - veil) + LIGHT * veil), scene, atol=1e-5)
    one.own[0] = (one.seen[0].float() / 255 * 127).round().to(torch.int8)  # all of it is the scene's own
    assert (one.dried(0, scene) - scene).abs().mean() < 0.01


def test_a_reduced_photo_gets_the_mean_opacity() -> None:
    one = drying()
    one.seen[0] = torch.zeros(48, 48, dtype=torch.uint8)
    one.seen[0][::2] = 102  # 0.4 in every other row
    dry = one.dried(0, torch.full((24, 24, 3), 0.8 * 0.5 + 0.2 * LIGHT))
    assert torch.allclose(dry, torch.full_like(dry, 0.5), atol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_what_is_on_the_same_surface_in_every_view_is_no_weather(share: float) -> None:
    one = drying()
    found, true = seen(np.random.default_rng(1), share)
    one.seen = {i: (opacity * 255).round().to(torch.uint8) for i, opacity in enumerate(found)}
    one.compare(wall_params(side=30))  # type: ignore[arg-type]
    kept = [(opacity - one.own[i].float() / 127).clamp(0, 1) for i, opacity in enumerate(found)]
    inner = [wall_pixels(camera)[..., 0] for camera in CAMERAS]
    strip = [torch.from_numpy((x > STRIP + 0.1) & (x < 0.8)) for x in inner]
    plain = [torch.from_numpy((x < STRIP - 0.1) & (x > -0.8)) for x in inner]
    before = torch.cat([(a - b)[place] for a, b, place in zip(found, true, strip)]).mean()
    after = torch.cat([(a - b)[place] for a, b, place in zip(kept, true, strip)]).mean()
    assert before == pytest.approx(FALSE * (1 - share), abs=0.02)
    assert abs(after) < 0.3 * before
    beside = torch.cat([(a - b)[place] for a, b, place in zip(kept, true, plain)])
    assert abs(beside.mean()) < 0.02 and beside.abs().mean() < 0.1


def test_what_the_network_misses_before_a_surface_is_taken_out_where_asked() -> None:
    found = [torch.where(torch.from_numpy(wall_pixels(camera)[..., 0] > STRIP), 0.1, 0.3) for camera in CAMERAS]
    for misses in (True, False):
        one = RainSnowModel(wall_access(CAMERAS), WeatherNet(widths=(4, 6), blocks=1), 48, misses)
        one.seen = {i: (opacity * 255).round().to(torch.uint8) for i, opacity in enumerate(found)}
        one.compare(wall_params(side=30))  # type: ignore[arg-type]
        x = wall_pixels(CAMERAS[5])[..., 0]
        strip = torch.from_numpy((x > STRIP + 0.1) & (x < 0.8))
        taken = (found[5] - one.own[5].float() / 127)[strip].mean()
        assert float(taken) == pytest.approx(0.3 if misses else 0.1, abs=0.03)


@pytest.mark.parametrize("weather", [True, False])
def test_mistakes_alone_are_no_weather(weather: bool) -> None:
    one = drying()
    found, _ = seen(np.random.default_rng(2), 0.15 if weather else 0.0)
    one.seen = {i: (opacity * 255).round().to(torch.uint8) for i, opacity in enumerate(found)}
    photo = one.access.photo(0)
    assert one.there and not torch.equal(one.dried(0, photo), photo)
    one.compare(wall_params(side=30))  # type: ignore[arg-type]
    assert one.there == weather
    assert torch.equal(one.dried(0, photo), photo) != weather
    assert (one.mean() > 0.02) == weather


def test_an_untrained_network_sees_no_weather() -> None:
    one = drying()
    assert one.opacity(3).shape == (48, 48) and int(one.opacity(3).max()) == 0
    photo = one.access.photo(3)
    assert torch.allclose(one.dried(3, photo), photo, atol=1e-6)
    assert torch.allclose(one.restored(photo[:50, :41]), photo[:50, :41], atol=1e-6)  # no multiple of anything


def test_sizes() -> None:
    assert smaller(300, 600, 480) == (240, 480) and smaller(30, 60, 480) == (30, 60)
    image = torch.arange(24.0).reshape(4, 6)
    assert torch.equal(resized(image, 4, 6), image)
    assert torch.allclose(resized(image, 2, 3), image.reshape(2, 2, 3, 2).mean(dim=(1, 3)))
    assert resized(image[..., None].expand(4, 6, 3), 8, 9).shape == (8, 9, 3)
