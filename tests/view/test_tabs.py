"""What tabs do to each other and to a scene that changes under them, without a browser."""

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import viser

from splat.cameras import Camera
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.formats import write_scene
from splat.view.app import App, ViewOptions
from splat.view.editing import show_edited
from splat.view.opened import OpenedScene
from splat.view.page import Page
from splat.view.panels.edit import EditPanel
from splat.view.panels.history import travel
from splat.view.panels.weather import InWeather, Stock
from splat.view.serving import connect, open_app
from splat.weather.effects.config import EffectOptions
from tests.edit.scenes import three_balls
from tests.view.line import lone_page
from tests.view.pages import wait_for_picture, wait_until


def smaller(scene: OpenedScene) -> OpenedScene:
    """Another state of a scene: its first 300 Gaussians."""
    left = scene.renderer.scene[torch.arange(300)]
    return dataclasses.replace(scene, renderer=scene.renderer.of(left))


def some_of(scene: OpenedScene) -> Selection:
    return Selection.from_mask(torch.arange(len(scene.renderer.scene)) < 10, "some")


def test_what_was_selected_of_another_state_is_never_drawn_or_used(viewer: App) -> None:
    with lone_page(viewer) as page:
        page.select(some_of(viewer.scene))
        glowing = page.picture(page.camera())
        viewer.scenes[0] = smaller(viewer.scene)  # as while `App.show` has yet to tell this tab
        assert page.selection is None and page.picture(page.camera()).shape == glowing.shape
        with pytest.raises(SplatError, match="nothing is selected"):
            page.selection_file()
        page.scene_changed()
        page.select(some_of(viewer.scene))
        assert page.selection is not None and len(page.selection) == 300


def in_turn(page: Page, begin: threading.Barrier, change: Callable[[], None]) -> threading.Thread:
    def change_together(event: object) -> None:
        begin.wait(20)
        change()

    thread = threading.Thread(target=page.answering(change_together), args=(None,), daemon=True)
    thread.start()
    return thread


def test_two_tabs_that_change_the_scene_at_once_do_not_wait_for_each_other(viewer: App) -> None:
    with lone_page(viewer) as one, lone_page(viewer) as other:
        wait_for_picture(one)
        wait_for_picture(other)
        told: list[Page] = []
        for page in (one, other):
            page.on("scene", lambda page=page: told.append(page))  # type: ignore[misc]
        scene, begin = smaller(viewer.scene), threading.Barrier(2)
        threads = [in_turn(page, begin, lambda: viewer.show(scene)) for page in (one, other)]
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        wait_until(lambda: told.count(one) == told.count(other) == 2, "both tabs to be told of both")


def test_a_part_of_the_page_that_fails_does_not_keep_the_others_in_the_dark(viewer: App) -> None:
    with lone_page(viewer) as one, lone_page(viewer) as other:
        told: list[Page] = []

        def fail() -> None:
            raise SplatError("size of 0")

        one.on("scene", fail)
        for page in (one, other):
            page.on("scene", lambda page=page: told.append(page))  # type: ignore[misc]
        viewer.show(smaller(viewer.scene))
        assert told == [one, other]


def test_a_selection_that_a_command_reads_is_not_written_again_meanwhile(viewer: App) -> None:
    with lone_page(viewer) as page:
        page.select(some_of(viewer.scene))
        content = page.selection_file().read_bytes()
        page.do(["edit", str(viewer.scene.root), "opacity", f"select.file={page.selection_path}", "factor=0.5"])
        page.select(~some_of(viewer.scene))
        with pytest.raises(SplatError, match="something runs already"):
            page.selection_file()
        assert page.selection_path.read_bytes() == content
        page.work.cancel()


def test_a_tab_that_was_closed_before_it_was_known_leaves_nothing(viewer: App) -> None:
    with lone_page(viewer) as page:
        client = page.client
    wait_until(lambda: not viewer.pages, "the tab to go")
    connect(viewer, client)
    assert not viewer.pages and not viewer.painter._canvases


def test_movements_of_a_control_do_not_take_all_threads_while_something_lasts(viewer: App) -> None:
    with lone_page(viewer) as page:
        slider = page.gui.add_slider("Any", 0.0, 1.0, 0.1, 0.0)
        button = page.gui.add_button("Any button")
        seen: list[float] = []
        moved = page.answering(lambda event: seen.append(slider.value))
        pressed = page.answering(lambda event: seen.append(-1.0))
        event = viser.GuiEvent(page.client, page.client.client_id, slider)
        press = viser.GuiEvent(page.client, page.client.client_id, button)
        calls: list[Callable[[], None]] = [lambda: moved(event)] * 20 + [lambda: pressed(press)] * 2
        threads = [threading.Thread(target=call, daemon=True) for call in calls]
        with page.lock:
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            assert sum(thread.is_alive() for thread in threads) == 3
            slider.value = 0.7
        for thread in threads:
            thread.join(5)
        assert sorted(seen) == [-1.0, -1.0, 0.7]


def test_an_edit_of_a_scene_file_can_be_undone_on_the_page(tmp_path: Path) -> None:
    first, second = tmp_path / "first.ply", tmp_path / "second.ply"
    write_scene(first, three_balls())
    write_scene(second, three_balls()[torch.arange(300)])
    app = open_app([first], ViewOptions(port=0, backend="cpu"))
    try:
        with lone_page(app) as page:
            files: list[int] = []
            page.on("scene", lambda: files.append(app.trail.at))
            show_edited(app, [str(second)])
            assert files == [1] and app.scene.place == second  # the history that is told of it knows it
            first.rename(tmp_path / "elsewhere.ply")
            with pytest.raises(SplatError):
                travel(page, "undo")
            assert app.scene.place == second and app.trail.files[app.trail.at] == second
            (tmp_path / "elsewhere.ply").rename(first)
            travel(page, "undo")
            assert app.scene.place == first and len(app.scene.renderer.scene) == 900
    finally:
        app.stop()


def test_handles_of_a_turn_stand_in_the_middle_though_a_move_was_tried_before(viewer: App) -> None:
    with lone_page(viewer) as page:
        panel = EditPanel(page)
        page.select(some_of(viewer.scene))
        panel.operation.value = "move"
        panel.controls["offset"].value = (0.5, 0.0, 0.0)
        panel._place()
        moved = np.array(panel.gizmo._handle.position)
        panel.operation.value = "rotate"
        scale = viewer.placing.scale
        np.testing.assert_allclose(moved - np.array(panel.gizmo._handle.position), [0.5 * scale, 0, 0], atol=1e-6)


def test_what_cannot_be_drawn_is_said_once_and_not_at_each_movement(
    viewer: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone_page(viewer) as page:
        wait_for_picture(page)
        said: list[str] = []
        tell = page.tell
        monkeypatch.setattr(page, "tell", lambda sentence, **how: (said.append(sentence), tell(sentence, **how)))
        viewer.painter.remove(page)
        page.show(picture="features")
        for _ in range(3):
            page.moved()
            with pytest.raises(SplatError, match="there are no features yet"):
                page.paint(0.25)
        assert len(said) == 1
        page.show(picture="colours")
        page.paint(0.25)
        page.show(picture="features")
        with pytest.raises(SplatError):
            page.paint(0.25)
        assert len(said) == 2


def test_a_picture_from_where_the_camera_was_does_not_take_the_place_of_the_browsers(
    viewer: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone_page(viewer) as page:
        wait_for_picture(page)
        viewer.painter.remove(page)
        draw_it = page.picture

        def slow(camera: Camera) -> np.ndarray:
            picture = draw_it(camera)
            page.moved()  # as somebody who walks on meanwhile
            return picture

        page.moved()
        monkeypatch.setattr(page, "picture", slow)
        page.paint(1.0)
        assert page._splats is not None and page._splats.visible and not page._pictured
        monkeypatch.setattr(page, "picture", draw_it)
        page.paint(1.0)
        assert not page._splats.visible and page._pictured


def test_a_preview_is_drawn_though_it_rains(viewer: App) -> None:
    with lone_page(viewer) as page:
        stock, scene = Stock(), viewer.scene
        stock.scenes = [scene]
        preview = smaller(scene).renderer
        page.show(colours=InWeather(stock, EffectOptions(effect="fog")), preview=preview)
        wanted = preview.image(page.camera()).detach().clamp(0, 1).numpy()
        assert np.abs(page.picture(page.camera()) / 255 - wanted).max() < 0.01


def test_a_window_in_which_no_room_is_left_for_the_picture_is_no_defect(viewer: App) -> None:
    for size in ((160, 0), (0, 120), (0, 0)):
        with lone_page(viewer, size) as page:
            assert page.picture(page.camera()).size > 0
            wait_for_picture(page)
            assert page._failed == ""
