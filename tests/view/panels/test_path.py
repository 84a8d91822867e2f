"""Camera paths in the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from splat.render.track import Keyframe, Track, load_track
from splat.view.app import App
from splat.view.opened import open_scene
from splat.view.page import Page
from splat.view.panels.path import entries, line_points, picture_size
from tests.browser import needs_browser
from tests.edit.scenes import camera
from tests.view.pages import open_tab, wait_until
from tests.view.panels.using import fill, open_folder, press

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def track(loop: bool = False) -> Track:
    return Track(tuple(Keyframe.of(camera(angle), 1.5) for angle in (0, 40, 90)), loop=loop)


@pytest.mark.parametrize("loop", [False, True])
def test_the_line_goes_from_keyframe_to_keyframe(balls_run: Path, loop: bool) -> None:
    placing = open_scene(balls_run, "cpu").placing
    pieces = line_points(track(loop), placing)
    np.testing.assert_allclose(pieces[1:, 0], pieces[:-1, 1])  # in one piece
    places = placing.to_page(np.stack([frame.position for frame in track().keyframes]))
    for place in places:
        assert np.linalg.norm(pieces - place, axis=-1).min() < 1e-9
    np.testing.assert_allclose(pieces[-1, 1], places[0] if loop else places[-1], atol=1e-9)


def test_the_list_says_when_a_keyframe_is_reached() -> None:
    assert entries(track()) == ["1 at 0.0 s", "2 at 1.5 s", "3 at 3.0 s"]
    assert entries(Track()) == ["none yet"]


def test_videos_have_even_sides() -> None:
    assert picture_size(1280, 16 / 9) == (1280, 720)
    assert picture_size(321, 1.51) == (320, 212)


def keyframes_seen(page: Page) -> list[bool]:
    nodes = page.client.scene._handle_from_node_name
    return [nodes[f"/path/keyframe/{number}"].visible for number in range(2)]


@pytest.mark.browser
class TestInTheBrowser:
    pytestmark = needs_browser

    def test_a_path_is_recorded_filmed_and_opened_again(self, chromium: Browser, viewer: App, balls_run: Path) -> None:
        tab, page = open_tab(chromium, viewer)
        open_folder(tab, "Make", "Camera path")
        for number, name in enumerate((0, 2), 1):
            page.stand_at(viewer.scene.cameras[name])
            tab.wait_for_timeout(1500)  # the page says where it stands
            press(tab, "Add keyframe here")
            tab.get_by_text(f"{number} keyframe").first.wait_for()
        assert keyframes_seen(page) == [True, False]  # the one in which one stands would hide the scene
        fill(tab, "Total seconds", "0.5")
        tab.get_by_text("2 keyframes, 0.5 s").first.wait_for()
        press(tab, "Render the path to a video")
        video = balls_run / "videos" / "walk.mp4"
        wait_until(video.is_file, "the video")
        wait_until(lambda: not page.work.running, "the end")
        with av.open(video) as film:
            pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert len(pictures) == 16 and pictures[0].shape[1] == 1280
        kept = load_track(balls_run / "paths" / "walk.json")
        for frame, name in zip(kept.keyframes, (0, 2)):
            wanted = viewer.scene.cameras[name].position.numpy()
            np.testing.assert_allclose(frame.position, wanted, atol=1e-3)
        with tab.expect_download() as handed:
            press(tab, "Download path video")
        assert Path(handed.value.path()).read_bytes() == video.read_bytes()
        press(tab, "Delete keyframe")
        tab.get_by_text("1 keyframe,").first.wait_for()
        press(tab, "Load path")
        tab.get_by_text("2 keyframes, 0.5 s").first.wait_for()
        page.stand_at(viewer.scene.cameras[3])
        press(tab, "Play path")
        end = viewer.scene.cameras[2].position.numpy()

        def arrived() -> bool:
            return bool(np.linalg.norm(page.camera().position.numpy() - end) < 1e-3)

        wait_until(arrived, "the end of the path")
        tab.close()
