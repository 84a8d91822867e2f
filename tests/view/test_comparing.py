import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from splat.errors import SplatError
from splat.formats import write_scene
from splat.view.app import App
from splat.view.comparing import frames_in_words
from splat.view.opened import OpenedScene, open_scene
from splat.view.picking import Tool
from splat.view.shown import Shown, compared, draw, place_of_first
from tests.edit.scenes import camera, three_balls
from tests.view.line import lone_page


def farther(scene: OpenedScene, distance: float) -> OpenedScene:
    """With the cameras of the same photos at another distance than 4."""
    cameras = [camera(45 * index, one.name, distance) for index, one in enumerate(scene.cameras)]
    return dataclasses.replace(scene, cameras=cameras)


def test_scenes_in_different_frames_are_told_from_those_in_one(balls_run: Path, tmp_path: Path) -> None:
    scene = open_scene(balls_run, "cpu")
    ordered = dataclasses.replace(scene, cameras=sorted(scene.cameras, key=lambda one: one.name))
    assert frames_in_words(ordered, farther(ordered, 4.05)) == ""
    assert "4 units apart" in frames_in_words(ordered, farther(ordered, 8.0))
    renamed = [dataclasses.replace(one, name=f"other/{one.name}") for one in scene.cameras]
    assert "no photo in common" in frames_in_words(scene, dataclasses.replace(scene, cameras=renamed))
    write_scene(tmp_path / "scene.ply", three_balls())
    assert "nobody knows" in frames_in_words(scene, open_scene(tmp_path / "scene.ply", "cpu"))


def test_depths_of_two_scenes_have_the_same_colours(viewer: App) -> None:
    near = dataclasses.replace(viewer.scene)
    near.__dict__["depth"] = 1.0  # as of a scene with much before its cameras
    viewer.scenes.append(near)
    with lone_page(viewer) as page:
        page.show(picture="depth", compared="second")
        wanted = draw(viewer.scene, page.camera(), Shown("depth"))
        assert np.array_equal(page.picture(page.camera()), wanted)
        page.show(compared="split")
        assert np.array_equal(page.picture(page.camera())[:, :40], wanted[:, :40])


def test_a_click_is_about_what_is_seen_of_the_first_scene() -> None:
    first = np.tile(np.arange(80, dtype=np.uint8)[None, :, None], (2, 1, 3))
    second = np.full_like(first, 200)
    for how in ("first", "split", "side by side"):
        shown = Shown(compared=how, split=0.75)
        seen = first if how == "first" else compared(first, second, shown)
        x, y = place_of_first((17.5 / 80, 0.3), shown)
        assert first[0, int(x * 80), 0] == seen[0, 17, 0] and y == 0.3
    for how, place in (("second", 0.1), ("split", 0.76), ("side by side", 0.51)):
        with pytest.raises(SplatError, match="second scene"):
            place_of_first((place, 0.5), Shown(compared=how, split=0.75))


def test_tools_get_the_place_in_the_picture_of_the_first_scene(viewer: App) -> None:
    viewer.scenes.append(dataclasses.replace(viewer.scene))
    with lone_page(viewer) as page:
        places: list[tuple[float, float]] = []
        page.show(compared="side by side")
        page.hand.take(Tool("any", click=places.append))
        page.hand._clicked(SimpleNamespace(screen_pos=(0.25, 0.5)))
        assert places == [(0.5, 0.5)]
