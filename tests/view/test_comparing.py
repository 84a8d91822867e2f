import dataclasses
from pathlib import Path

import numpy as np

from splat.formats import write_scene
from splat.view.app import App
from splat.view.comparing import frames_in_words
from splat.view.opened import OpenedScene, open_scene
from splat.view.shown import Shown, draw
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
