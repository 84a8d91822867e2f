"""Lengths between clicked points, and the frame that they give a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from splat.cli import main
from splat.errors import SplatError
from splat.frame import SceneFrame, Similarity, read_frame
from splat.gaussians import Gaussians
from splat.sh import rgb_to_sh0
from splat.view.app import ViewOptions
from splat.view.measuring import Length, direction, floor_words, scale_words, up_words, zero_of
from splat.view.opened import open_scene
from splat.view.picking import surface_point
from splat.view.serving import open_app
from tests.browser import needs_browser
from tests.edit.scenes import camera, write_run
from tests.view.pages import open_tab, wait_until
from tests.view.panels.using import fill, press

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PLACES = np.array([[-0.9, 0.3, 0.0], [0.5, 0.3, 0.0], [-0.2, -0.6, 0.0]])  # 1.4 between the first two


@pytest.fixture
def discs_run(tmp_path: Path) -> Path:
    """Three flat Gaussians, as large as plates, that face the first camera."""
    scene = Gaussians(
        means=torch.tensor(PLACES, dtype=torch.float32),
        quats=torch.tensor([1.0, 0, 0, 0]).expand(3, 4).clone(),
        scales=torch.tensor([0.2, 0.2, 0.001]).log().expand(3, 3).clone(),
        opacities=torch.full((3,), 6.0),
        sh0=rgb_to_sh0(torch.tensor([0.8, 0.4, 0.2])).expand(3, 1, 3).clone(),
        shN=torch.zeros(3, 15, 3),
    )
    return write_run(tmp_path / "discs", scene)


def place_of(point: np.ndarray, stood: object) -> tuple[float, float]:
    """Where a camera's picture shows a point, 0 to 1."""
    seen = stood.viewmat.numpy()[:3, :3] @ point + stood.viewmat.numpy()[:3, 3]
    x, y, z = stood.K.numpy() @ seen
    return x / z / stood.width, y / z / stood.height


def test_a_measured_length_is_the_true_one(discs_run: Path) -> None:
    scene, stood = open_scene(discs_run, "cpu"), camera(0).resized(960, 720)
    points = [surface_point(scene.renderer, stood, place_of(place, stood)) for place in PLACES]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        true = np.linalg.norm(PLACES[a] - PLACES[b])
        assert Length(points[a], points[b]).units == pytest.approx(true, rel=1e-3)


def test_lengths_in_words() -> None:
    length = Length(np.zeros(3), np.array([0.0, 3.0, 4.0]))
    assert length.describe(None) == "5 units"
    up_only = SceneFrame(Similarity(1.0, np.eye(3), np.zeros(3)), up_from="given")
    assert length.describe(up_only) == "5 units"
    metric = SceneFrame(Similarity(0.5, np.eye(3), np.zeros(3)), scale_from="distance")
    assert length.describe(metric) == "2.500 m (5 units)"
    assert Length(np.zeros(3), np.array([0.0, 0.1, 0.0])).describe(metric) == "5.0 cm (0.1 units)"


def test_scale_and_up_are_kept_one_after_the_other(discs_run: Path) -> None:
    scene_before = (discs_run / "scene.ply").read_bytes()
    length = Length(PLACES[0], PLACES[1])
    up = direction(np.array([0.0, 0.0, 0.0]), np.array([0.0, -3.0, 4.0]))

    def align(words: list[str]) -> SceneFrame:
        assert main(["align", str(discs_run), *words]) == 0
        frame = read_frame(discs_run)
        assert frame is not None
        return frame

    first = align(scale_words(length, 0.7, None))
    assert first.metres == pytest.approx(0.5)
    turned = align(up_words(up, first))
    np.testing.assert_allclose(turned.up, [0, -0.6, 0.8], atol=1e-9)
    assert turned.metres == pytest.approx(0.5)
    scaled = align(scale_words(length, 2.8, turned))
    np.testing.assert_allclose(scaled.up, turned.up, atol=1e-9)
    assert scaled.metres == pytest.approx(2.0)
    floor = np.array([[0.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 2.0, 1.0]])  # y is down, the cameras are at 0
    levelled = align(floor_words(floor, np.zeros((1, 3)), scaled))
    np.testing.assert_allclose(levelled.up, [0, -1, 0], atol=1e-9)
    assert levelled.metres == pytest.approx(2.0)
    np.testing.assert_allclose(levelled.similarity.apply(floor)[:, 2], 0, atol=1e-9)
    again = align(scale_words(length, 1.4, levelled))
    np.testing.assert_allclose(again.similarity.apply(floor)[:, 2], 0, atol=1e-6)  # zero is where it was
    np.testing.assert_allclose(zero_of(again), zero_of(levelled), atol=1e-6)
    assert (discs_run / "scene.ply").read_bytes() == scene_before


def test_points_of_maps_keep_their_places_in_words() -> None:
    start = np.array([500_000.125, 5_000_000.125, 100.5])
    words = scale_words(Length(start, start + np.array([0.0, 0.5, 0.0])), 1.0, None)
    assert words[0] == "between=500000.125,5000000.125,100.5 500000.125,5000000.625,100.5"


def test_what_tells_nothing_is_refused() -> None:
    point = np.ones(3)
    for wrong in (
        lambda: scale_words(Length(point, point), 1.0, None),
        lambda: scale_words(Length(point, 2 * point), 0.0, None),
        lambda: direction(point, point),
        lambda: floor_words(np.stack([point, 2 * point, 3 * point]), np.zeros((1, 3)), None),
    ):
        with pytest.raises(SplatError):
            wrong()


@pytest.mark.browser
class TestInTheBrowser:
    pytestmark = needs_browser

    def test_two_clicks_set_the_scale(self, chromium: Browser, discs_run: Path) -> None:
        app = open_app([discs_run], ViewOptions(port=0, backend="cpu"))
        try:
            tab, page = open_tab(chromium, app)
            page.stand_at(camera(0))
            tab.wait_for_timeout(1500)  # the page says where it stands
            tab.get_by_text("Measure", exact=True).first.click()
            tab.wait_for_timeout(500)
            press(tab, "Measure a distance")
            wait_until(lambda: page.hand.tool is not None, "the tool")
            tab.get_by_text("Click on its two ends.").wait_for()
            tab.wait_for_timeout(1500)  # the browser takes clicks for clicks from now on
            size = tab.viewport_size
            assert size is not None
            for place, said in ((PLACES[0], "1 more."), (PLACES[1], "units")):
                x, y = place_of(place, page.camera())
                tab.mouse.click(x * size["width"], y * size["height"])
                tab.get_by_text(said).first.wait_for()
            tab.get_by_text(re.compile(r"^1\.(39|4)\d* units$")).first.wait_for()  # clicks are on whole pixels
            fill(tab, "It is so many metres", "2.8")
            press(tab, "Set the scale by it")
            wait_until((discs_run / "frame.json").is_file, "the frame")
            frame = read_frame(discs_run)
            assert frame is not None and frame.metres == pytest.approx(2.0, rel=0.01)
            tab.get_by_text("2.800 m").first.wait_for()
            wait_until(lambda: not page.work.running, "the end")
            page.stand_at(camera(0))
            press(tab, "Up: as I look now")
            wait_until(lambda: read_frame(discs_run).up_from == "given", "up")  # type: ignore[union-attr]
            wait_until(lambda: bool(np.allclose(app.placing.up, [0, -1, 0], atol=0.05)), "the page to follow")
            kept = read_frame(discs_run)
            assert kept is not None and kept.metres == pytest.approx(frame.metres)
            tab.close()
        finally:
            app.stop()
