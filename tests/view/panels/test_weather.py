"""Weather on the exact pictures is that of `splat weather`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from splat.cli import main
from splat.files import read_json
from splat.render.track import Keyframe, Track, save_track
from splat.view.app import App
from splat.view.opened import open_scene
from splat.view.panels.weather import InWeather, Stock, film_words, option_words, standing, up_of, wind_of
from splat.view.shown import Shown, draw
from splat.weather.effects.config import EffectOptions
from tests.browser import needs_browser
from tests.edit.scenes import camera
from tests.view.pages import FREE, open_tab, settled, wait_until
from tests.view.panels.using import choose, open_folder, press

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RAIN = EffectOptions(effect="rain", rate=100.0, strength=20.0, wetness=0.5, particles=30_000)
SNOW = EffectOptions(effect="snow", rate=5.0, cover=0.4, particles=30_000, visibility=15.0)
FOG = EffectOptions(effect="fog", visibility=6.0)


@pytest.mark.parametrize("options", [RAIN, SNOW, FOG], ids=lambda options: options.effect)
def test_the_picture_is_that_of_the_command(options: EffectOptions, balls_run: Path, tmp_path: Path) -> None:
    scene = open_scene(balls_run, "cpu")
    stood = camera(20, distance=3.5)
    if options.effect != "fog":
        options = dataclasses.replace(options, wind=wind_of(3.0, 40.0, stood, up_of(scene)))
    file = tmp_path / "here.json"
    save_track(file, Track((Keyframe.of(stood),)), 96, 72)
    words = film_words(balls_run, options, 1.3, str(file), 1.0, 96)
    assert main([*words, "backend=cpu", "video=false", f"out={tmp_path / 'filmed'}"]) == 0
    (picture,) = (tmp_path / "filmed").glob("*.png")
    stock = Stock()
    stock.scenes = [scene]
    seen = draw(scene, stood, Shown(colours=InWeather(stock, options, 1.3)))
    assert np.array_equal(seen, np.asarray(Image.open(picture)))
    clear = draw(scene, stood, Shown())
    assert np.abs(seen.astype(int) - clear).mean() > 1
    assert read_json(tmp_path / "filmed" / "weather.json")["time"] == 1.3


def test_what_was_prepared_serves_a_camera_that_walks(balls_run: Path) -> None:
    scene = open_scene(balls_run, "cpu")
    stock = Stock()
    stock.scenes = [scene]
    first = stock.prepared(scene.renderer, SNOW, camera(0))
    assert stock.prepared(scene.renderer, SNOW, camera(77, distance=2.0)) is first
    assert stock.prepared(scene.renderer, SNOW, camera(0).scaled(0.25)) is first  # a small picture before the whole one
    other = stock.prepared(scene.renderer, dataclasses.replace(SNOW, rate=1.0), camera(0))
    assert other is not first and other.renderer.weather.sky is first.renderer.weather.sky
    wide = camera(0)
    wide = dataclasses.replace(wide, K=wide.K * wide.K.new_tensor([[0.5, 1, 1], [1, 0.5, 1], [1, 1, 1]]))
    wider = stock.prepared(scene.renderer, SNOW, wide)
    assert wider is not first and wider.renderer.weather.ahead != first.renderer.weather.ahead
    stock.forget()
    assert stock.prepared(scene.renderer, SNOW, wide) is not wider


def test_only_what_is_not_usual_is_said_to_the_command() -> None:
    assert option_words(FOG) == ["effect=fog", "visibility=6"]
    assert option_words(EffectOptions(effect="rain", rate=12.5, wind="1,0,0")) == [
        "effect=rain",
        "rate=12.5",
        "wind=1,0,0",
    ]
    assert film_words(Path("run"), FOG, 0.0, "orbit", 2.0, 640)[-3:] == ["path=orbit", "width=640", "frames=60"]
    assert film_words(Path("run"), FOG, 0.5, "test", 2.0, 640)[-2:] == ["width=640", "time=0.5"]


def test_wind_blows_as_one_looks() -> None:
    up = np.array([0.0, -1.0, 0.0])
    assert wind_of(0.0, 90.0, camera(0), up) == "0"
    for degrees, wanted in ((0, [2, 0, 0]), (90, [0, 0, 2]), (180, [-2, 0, 0])):
        found = [float(value) for value in wind_of(2.0, degrees, camera(0), up).split(",")]
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_standing_still_is_a_path_too() -> None:
    frames = standing(camera(30), 2.0).frames()
    assert len(frames) == 61
    np.testing.assert_allclose([frame.position for frame in frames], [camera(30).position.numpy()] * 61, atol=1e-12)


@pytest.mark.browser
class TestInTheBrowser:
    pytestmark = needs_browser

    def test_fog_is_seen_and_filmed(self, chromium: Browser, viewer: App, balls_run: Path) -> None:
        tab, page = open_tab(chromium, viewer)
        before = settled(tab, lambda seen: seen[:, FREE].max() > 100, "the scene")
        open_folder(tab, "Make", "Weather")
        choose(tab, "Effect", "fog")
        wait_until(lambda: isinstance(page.shown.colours, InWeather), "the fog")
        # the black background is far away, and bright in the fog
        settled(tab, lambda seen: int(np.median(seen[:, FREE])) > np.median(before[:, FREE]) + 60, "fog")
        choose(tab, "Film along", "test")
        press(tab, "Write pictures and video of the weather")
        wait_until(lambda: any((balls_run / "weather").glob("*/weather.json")), "the video")
        choose(tab, "Effect", "none")
        wait_until(lambda: page.shown.colours is None, "clear air")
        tab.close()
